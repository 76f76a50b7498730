"""Choosing the best weights of a stage by clicks on held-out objects, not by the loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from napari_iafpn.evaluation.metrics import clicks_needed
from napari_iafpn.evaluation.protocol import ObjectResult, Protocol, evaluate_set
from napari_iafpn.evaluation.readers import AnnotatedSet, Sample, check_object
from napari_iafpn.evaluation.readers.objects import choose_listed
from napari_iafpn.inference import Predictor
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.training.mixture import open_known
from napari_iafpn.training.settings import HeldOutConfig, ValidationConfig


@dataclass(frozen=True)
class SetScores:
    """Clicks on the held-out objects of one set."""

    objects: int
    noc: float
    """Mean number of clicks to the target, ``max_clicks`` where it is not reached."""
    first_iou: float
    """Mean IoU after the first click."""


@dataclass(frozen=True)
class Scores:
    """Clicks on the held-out objects of all sets; the better one is the larger in ``order``."""

    sets: Mapping[str, SetScores]
    target: float

    @property
    def noc(self) -> float:
        """Mean over the sets."""
        return float(np.mean([scores.noc for scores in self.sets.values()]))

    @property
    def first_iou(self) -> float:
        """Mean over the sets."""
        return float(np.mean([scores.first_iou for scores in self.sets.values()]))

    @property
    def order(self) -> tuple[float, float]:
        """Fewer clicks first, then the better first mask."""
        return -self.noc, self.first_iou

    @property
    def noc_name(self) -> str:
        """Such as ``NoC@85``."""
        return f"NoC@{100 * self.target:g}"

    def rows(self) -> dict[str, dict[str, float]]:
        """Return the numbers of each set, and of ``all`` where there are several, as cards do."""
        rows = {
            name: {"n": float(s.objects), self.noc_name: s.noc, "mIoU@1": s.first_iou}
            for name, s in self.sets.items()
        }
        if len(rows) > 1:
            count = float(sum(s.objects for s in self.sets.values()))
            rows["all"] = {"n": count, self.noc_name: self.noc, "mIoU@1": self.first_iou}
        return rows


@dataclass(frozen=True, eq=False)
class Validation:
    """The held-out objects and how they are annotated."""

    config: ValidationConfig
    samples: Mapping[str, tuple[Sample, ...]]
    """For each set the images, with the objects that were drawn."""

    @classmethod
    def open(
        cls,
        config: ValidationConfig,
        root: Path,
        seed: int = 0,
        announce: Callable[[str], None] | None = None,
    ) -> Validation:
        """Open the sets under the data folder ``root`` and draw the objects.

        ``announce`` gets, in words, which images are left out.
        """
        return cls.of(config, [_open(root, held_out) for held_out in config.sets], seed, announce)

    @classmethod
    def of(
        cls,
        config: ValidationConfig,
        sets: Sequence[AnnotatedSet],
        seed: int = 0,
        announce: Callable[[str], None] | None = None,
    ) -> Validation:
        """Draw the objects from opened sets."""
        drawn = {s.name: draw_objects(s, config.objects, seed, announce) for s in sets}
        return cls(config, drawn)

    def measure(self, cascade: Cascade, stage: str) -> Scores:
        """Annotate every object; in the coarse stage with the coarse level alone."""
        config = self.config
        protocol = Protocol(max_clicks=config.max_clicks, target=config.target)
        alone = coarse_alone(cascade) if stage == "coarse" else cascade
        device = next(cascade.parameters()).device
        predictor = Predictor(alone, str(device) if device.type == "cuda" else device.type)
        return Scores(
            {
                name: self._scores(
                    evaluate_set(
                        predictor,
                        samples,
                        protocol,
                        set_name=name,
                        view_scale=config.view_scale,
                    )
                )
                for name, samples in self.samples.items()
            },
            config.target,
        )

    def _scores(self, results: Sequence[ObjectResult]) -> SetScores:
        config = self.config
        needed = [clicks_needed(r.ious, config.target, config.max_clicks) for r in results]
        first = [result.ious[0] for result in results]
        return SetScores(len(results), float(np.mean(needed)), float(np.mean(first)))


@dataclass(frozen=True)
class Best:
    """The best scores of a stage so far; part of the state of a run."""

    step: int = 0
    """0: nothing was measured."""
    order: tuple[float, float] = (float("-inf"), float("-inf"))
    scores: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    waited: int = 0
    """Measurements since then."""

    def after(self, scores: Scores, step: int) -> Best:
        """Take in a measurement; ``step`` of the result tells whether it is the best."""
        if scores.order > self.order:
            return Best(step, scores.order, scores.rows())
        return dataclasses.replace(self, waited=self.waited + 1)

    def to_state(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "step": self.step,
            "order": list(self.order),
            "scores": {name: dict(values) for name, values in self.scores.items()},
            "waited": self.waited,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Best:
        """Return the value that ``to_state`` was called on."""
        first, second = state["order"]
        return cls(state["step"], (first, second), state["scores"], state["waited"])


def coarse_alone(cascade: Cascade) -> Cascade:
    """Return a cascade without fine level that shares the coarse one."""
    alone = Cascade.__new__(Cascade)
    nn.Module.__init__(alone)
    alone.config = dataclasses.replace(cascade.config, fine=None, refiner=0)
    alone.coarse, alone.fine, alone.refiner = cascade.coarse, None, None
    return alone


def draw_objects(
    annotated: AnnotatedSet,
    count: int,
    seed: int,
    announce: Callable[[str], None] | None = None,
) -> tuple[Sample, ...]:
    """Draw ``count`` objects that can be evaluated, from as many images as possible.

    The same seed draws the same objects. The images are kept, with the drawn objects. One that
    cannot be used is left out, and ``announce`` is told why.
    """
    rng = np.random.default_rng([seed, 3])
    each = -(-count // max(1, len(annotated)))
    drawn: list[Sample] = []
    left = count
    for index in rng.permutation(len(annotated)):
        if left <= 0:
            break
        try:
            sample = annotated.read(int(index))
        except (ValueError, OSError) as error:
            if announce is not None:
                announce(f"an image of the validation set {annotated.name!r} is left out: {error}")
            continue
        usable = [label for label in sample.objects if check_object(sample, label) is None]
        chosen = rng.permutation(usable)[: min(each, left)]
        if chosen.size:
            drawn.append(dataclasses.replace(sample, objects=tuple(map(int, sorted(chosen)))))
            left -= chosen.size
    if not drawn:
        raise ValueError(
            f"the validation set {annotated.name!r} has no object; check its labels or leave it out"
        )
    return tuple(drawn)


def _open(root: Path, config: HeldOutConfig) -> AnnotatedSet:
    opened = open_known(root, config)
    if not config.objects:
        return opened
    return choose_listed(opened, root / config.objects, config.name, Path(config.place).name)
