"""The click protocol: simulated clicks on one object until its mask is good enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import Click, ClickSequence, simulated_click
from napari_iafpn.evaluation.metrics import iou
from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor

Segment = Callable[[ClickSequence], NDArray[np.floating]]
"""All clicks on the object so far -> its probability, (H, W) in [0, 1]."""


@dataclass(frozen=True)
class Protocol:
    """When the simulated user stops and what counts as the mask."""

    max_clicks: int = 20
    target: float = 0.9
    """IoU at which the user is satisfied; above 1: never."""
    threshold: float = 0.5
    """A pixel belongs to the mask where the probability is above it."""


PROTOCOLS: dict[str, Protocol] = {
    "plugin": Protocol(),
    "field": Protocol(threshold=0.49),
}
"""``plugin``: what the user of the plugin gets; ``field``: as published numbers are taken."""


@dataclass(frozen=True)
class ObjectResult:
    """The clicks on one object and what each of them gave."""

    name: str
    clicks: tuple[Click, ...]
    ious: tuple[float, ...]
    """IoU after each click."""
    seconds: tuple[float, ...]
    """Duration of each prediction, without the simulated user."""


def annotate(
    segment: Segment,
    truth: NDArray[np.bool_],
    ignore: NDArray[np.bool_] | None = None,
    *,
    name: str = "",
    protocol: Protocol = PROTOCOLS["plugin"],
) -> ObjectResult:
    """Let the simulated user click until the IoU reaches the target or the clicks are used up.

    Parameters
    ----------
    segment : callable
        Clicks to probability.
    truth, ignore : (H, W) bool
        The object, which must not be empty, and the pixels that do not count.
    """
    if not (truth if ignore is None else truth & ~ignore).any():
        raise ValueError(f"object {name!r} has no pixel to find; leave it out")
    mask, not_clicked = np.zeros_like(truth), np.ones_like(truth)
    clicks = ClickSequence()
    ious: list[float] = []
    seconds: list[float] = []
    while len(clicks) < protocol.max_clicks and not (ious and ious[-1] >= protocol.target):
        click = simulated_click(truth, mask, ignore, not_clicked)
        not_clicked[click.pixel] = False
        clicks = clicks.add(click)
        start = time.perf_counter()
        mask = segment(clicks) > protocol.threshold
        seconds.append(time.perf_counter() - start)
        ious.append(iou(mask, truth, ignore))
    return ObjectResult(name, clicks.clicks, tuple(ious), tuple(seconds))


def evaluate_set(
    predictor: Predictor,
    samples: Iterable[Sample],
    max_clicks: int = 20,
    target: float = 0.9,
    progress: Callable[[ObjectResult], None] | None = None,
    *,
    threshold: float = 0.5,
) -> list[ObjectResult]:
    """Annotate every object of ``samples``; ``progress`` is told each result at once."""
    protocol = Protocol(max_clicks, target, threshold)
    results = []
    for sample in samples:
        plane = Plane(sample.image)
        for label in sample.objects:
            result = annotate(
                _segment(ClickReplay(predictor, plane)),
                sample.truth(label),
                sample.ignore,
                name=sample.object_name(label),
                protocol=protocol,
            )
            results.append(result)
            if progress is not None:
                progress(result)
    return results


def _segment(replay: ClickReplay) -> Segment:
    return lambda clicks: replay.predict(clicks).probability
