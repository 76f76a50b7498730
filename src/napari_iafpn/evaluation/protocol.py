"""The click protocol: simulated clicks on one object until its mask is good enough."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.masks import MaskCode
from napari_iafpn.evaluation.metrics import boundary_band, boundary_width, first_success
from napari_iafpn.evaluation.readers.sample import Sample, check_object
from napari_iafpn.evaluation.results import ObjectResult
from napari_iafpn.geometry import Box, view_around
from napari_iafpn.inference.policy import CROPS, PUBLISHED, Policy
from napari_iafpn.masks import iou
from napari_iafpn.networks.tables import Natural, Real, Share, Whole, between, checked, must, one_of
from napari_iafpn.prompts import (
    KINDS,
    Click,
    Prompt,
    Prompts,
    jittered_click,
    simulated_click,
)

if TYPE_CHECKING:
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Predictor

__all__ = [
    "PRESETS",
    "USERS",
    "Annotation",
    "ObjectResult",
    "Protocol",
    "Segment",
    "annotate",
    "evaluate_object",
    "evaluate_set",
    "object_generator",
    "view_of",
]

Segment = Callable[[Prompts], NDArray[np.floating]]
"""All prompts on the object so far -> its probability, (H, W) in [0, 1]."""

USERS = ("centre", "jittered")
MOST_CLICKS = 1000
"""More are a slip: every click of every object is kept and drawn."""


@checked
@dataclass(frozen=True)
class Protocol:
    """What the simulated user does, when it stops, and what the model is asked."""

    preset: Annotated[str, one_of("plugin", "paper")] = "plugin"
    """The preset that the other options come from or were changed from."""
    max_clicks: Annotated[Whole, between(1, MOST_CLICKS)] = 20
    target: Annotated[
        Real, must(lambda value: value > 0, "an IoU between 0 and 1, or more to never stop")
    ] = 0.9
    """IoU at which the user is satisfied; above 1: never."""
    threshold: Annotated[Real, must(lambda t: 0 < t < 1, "a number between 0 and 1")] = 0.5
    """A pixel belongs to the mask where the probability is above it."""
    flip: bool = False
    """Average the logits of the image and of its mirror image; costs twice."""
    crop: Annotated[str, one_of(*CROPS)] = "adaptive"
    """Region of interest: ``adaptive`` as in the plugin, ``published`` as in published runs, in
    which also the network's word counts where it contradicts a click."""
    user: Annotated[str, one_of(*USERS)] = "centre"
    """``centre`` clicks the deepest pixel of the errors, ``jittered`` somewhere around it."""
    jitter: Share = 0.5
    """How far a jittered click strays: 0 not at all, 1 up to the border of the region."""
    seed: Natural = 0
    """Of the jittered user."""
    first: Annotated[str, one_of(*KINDS)] = "click"
    """What the user begins with: a ``click``, a ``box`` around the object, a ``stroke`` along it.
    Box and stroke cost as much as two clicks; a jittered user misplaces them too."""

    @property
    def policy(self) -> Policy:
        """How the model looks at the image."""
        return Policy(self.flip, self.crop, enforce_clicks=self.crop != PUBLISHED)

    def measurable(self, targets: Iterable[float]) -> tuple[float, ...]:
        """Return the IoUs whose NoC these runs tell: the user does not stop below them."""
        return tuple(t for t in targets if np.float32(t) <= np.float32(self.target))


PRESETS: dict[str, Protocol] = {
    "plugin": Protocol(),
    "paper": Protocol(preset="paper", threshold=0.49, flip=True, crop=PUBLISHED),
}
"""``plugin``: what the user of the plugin gets; ``paper``: as published numbers are taken."""


@dataclass(frozen=True, eq=False)
class Annotation:
    """The prompts on one object, what each of them gave and what it cost.

    Attributes
    ----------
    clicks : tuple of Click
    ious, boundary_ious : tuple of float
        After each click. A box or a stroke before the clicks has two values, as what costs two
        clicks; the first of them is 0, since half of it gives nothing.
    network_seconds, user_seconds, other_seconds : tuple of float
        Likewise: the prediction, the choice of the click, and the rest (mask and metrics).
    mask : (H, W) bool
        After the last click.
    first : Prompt, optional
        The box or stroke before the clicks.
    """

    clicks: tuple[Click, ...]
    ious: tuple[float, ...]
    boundary_ious: tuple[float, ...]
    network_seconds: tuple[float, ...]
    user_seconds: tuple[float, ...]
    other_seconds: tuple[float, ...]
    mask: NDArray[np.bool_]
    first: Prompt | None = None


def annotate(
    segment: Segment,
    truth: NDArray[np.bool_],
    ignore: NDArray[np.bool_] | None = None,
    *,
    protocol: Protocol = PRESETS["plugin"],
    rng: np.random.Generator | None = None,
    band_width: int | None = None,
    start: NDArray[np.bool_] | None = None,
) -> Annotation:
    """Let the simulated user click until the IoU reaches the target or the clicks are used up.

    Parameters
    ----------
    segment : callable
        Clicks to probability.
    truth, ignore : (H, W) bool
        The object, which must not be empty, and the pixels that do not count.
    protocol : Protocol
        ``flip`` and ``crop`` are the business of ``segment``.
    rng : Generator, optional
        Of the jittered user. Default: one seeded with the protocol's seed.
    band_width : int, optional
        Pixels of the boundary IoU's band. Default: 2 % of the diagonal.
    start : (H, W) bool, optional
        The mask that is there before the first click. Default: an empty one.
    """
    counted = truth if ignore is None else truth & ~ignore
    if not counted.any():
        raise ValueError(
            "the object has no pixel that counts; leave it out, or check labels and ignored pixels"
        )
    rng = rng or np.random.default_rng(protocol.seed)
    user = _user(protocol, rng)
    width = band_width or boundary_width((truth.shape[0], truth.shape[1]))
    truth_band = boundary_band(truth, width)
    mask = np.zeros_like(truth) if start is None else start
    not_clicked = np.ones_like(truth)
    prompts, first = Prompts(), None
    rows: list[tuple[float, ...]] = []
    while len(rows) < protocol.max_clicks and not (rows and _reaches(rows[-1][0], protocol)):
        times = [time.perf_counter()]
        click = user(truth, mask, ignore, not_clicked)
        prompt: Prompt = click
        if not prompts and protocol.first != "click":
            jitter = protocol.jitter if protocol.user == "jittered" else 0.0
            prompt = first = KINDS[protocol.first].first(counted, click, jitter, rng)
            rows.extend([(0.0,) * 5] * (first.effort - 1))
        for pixel in prompt.pixels:
            not_clicked[pixel] = False
        prompts = prompts.add(prompt)
        times.append(time.perf_counter())
        probability = segment(prompts)
        times.append(time.perf_counter())
        mask = probability > protocol.threshold
        overlap = iou(mask, truth, ignore)
        # What does not count is as it should be: an outline there is none of the object's.
        seen = mask if ignore is None else np.where(ignore, truth, mask)
        band_overlap = iou(boundary_band(seen, width), truth_band, ignore)
        times.append(time.perf_counter())
        rows.append((overlap, band_overlap, *np.diff(times).tolist()))
    ious, boundary_ious, of_user, of_network, of_rest = zip(*rows, strict=True)
    found = ious, boundary_ious, of_network, of_user, of_rest
    return Annotation(prompts.clicks, *found, mask, first)


def evaluate_object(
    predictor: Predictor,
    plane: Plane,
    sample: Sample,
    label: int,
    *,
    protocol: Protocol = PRESETS["plugin"],
    set_name: str = "",
    model: str = "",
    view_scale: float | None = None,
) -> ObjectResult:
    """Annotate one object of ``sample``, whose pixels are ``plane``.

    Flip averaging and crop policy are the protocol's, whatever the predictor's are. With a
    ``view_scale`` model and simulated user see that part of the image alone.

    Raises
    ------
    ValueError
        Where the object is not there or has no pixel that counts.
    """
    view = view_of(sample, label, view_scale)
    truth, ignore = sample.truth(label), sample.ignore
    seen = truth[view.slices]
    valid = None if ignore is None else ignore[view.slices]
    found = annotate(
        _segment(predictor.using(protocol.policy), plane, view),
        seen,
        valid,
        protocol=protocol,
        rng=object_generator(protocol.seed, set_name, sample.name, label),
        band_width=boundary_width(plane.shape),
    )
    given = found.clicks if found.first is None else (found.first, *found.clicks)
    prompts = moved_to_image(Prompts(given), view)
    return ObjectResult(
        set=set_name,
        image=sample.name,
        label=int(label),
        model=model,
        view_scale=view_scale,
        view=view,
        area=int(np.count_nonzero(seen if valid is None else seen & ~valid)),
        clicks=prompts.clicks,
        ious=found.ious,
        boundary_ious=found.boundary_ious,
        network_seconds=found.network_seconds,
        user_seconds=found.user_seconds,
        other_seconds=found.other_seconds,
        mask=MaskCode.encode(found.mask, plane.shape, (view.row_start, view.col_start)),
        first=None if found.first is None else moved_to_image(Prompts((found.first,)), view)[0],
    )


def evaluate_set(
    predictor: Predictor,
    samples: Iterable[Sample],
    protocol: Protocol = PRESETS["plugin"],
    *,
    set_name: str = "",
    model: str = "",
    view_scale: float | None = None,
    progress: Callable[[ObjectResult], None] | None = None,
) -> list[ObjectResult]:
    """Annotate every object of ``samples``; ``progress`` is told each result at once."""
    from napari_iafpn.images import Plane

    results = []
    for sample in samples:
        plane = Plane(sample.image)
        for label in sample.objects:
            result = evaluate_object(
                predictor,
                plane,
                sample,
                label,
                protocol=protocol,
                set_name=set_name,
                model=model,
                view_scale=view_scale,
            )
            results.append(result)
            if progress is not None:
                progress(result)
    return results


def view_of(sample: Sample, label: int, view_scale: float | None) -> Box:
    """Return what is seen of ``sample`` while the object ``label`` is annotated.

    The whole image, or a square of ``view_scale`` times the object's longer side and at least
    128 px around it.

    Raises
    ------
    ValueError
        Where the object is not there or has no pixel that counts.
    """
    wrong = check_object(sample, label)
    if wrong is not None:
        raise ValueError(wrong)
    if view_scale is None:
        return Box.whole(sample.shape)
    return view_around(sample.boxes[label], view_scale, sample.shape)


def object_generator(seed: int, set_name: str, image: str, label: int) -> np.random.Generator:
    """Return the jittered user's generator for one object, the same in any order and process."""
    text = json.dumps([int(seed), set_name, image, int(label)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))


def _user(protocol: Protocol, rng: np.random.Generator) -> Callable[..., Click]:
    if protocol.user == "jittered":
        return partial(jittered_click, jitter=protocol.jitter, rng=rng)
    return simulated_click


def _reaches(overlap: float, protocol: Protocol) -> bool:
    return first_success([overlap], protocol.target, 1) is not None


def _segment(predictor: Predictor, plane: Plane, view: Box) -> Segment:
    """Return a function from prompts in the frame of ``view`` to the probability in it."""
    from napari_iafpn.inference import ClickReplay

    replay = ClickReplay(predictor, plane, view=view)

    def segment(prompts: Prompts) -> NDArray[np.floating]:
        return replay.predict(moved_to_image(prompts, view)).probability_in(view)

    return segment


def moved_to_image(prompts: Prompts, view: Box) -> Prompts:
    """Return prompts, given in the frame of ``view``, in that of the image."""
    rows, cols = view.row_start, view.col_start
    origin = Box(-rows, 1 - rows, -cols, 1 - cols)
    return Prompts.of(prompt.moved(origin, (1, 1)) for prompt in prompts)
