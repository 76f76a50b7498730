"""The simulated user annotates a whole image."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.images.result import ASSISTS, ImageResult, Judged, ObjectCost
from napari_iafpn.evaluation.masks import MaskCode
from napari_iafpn.evaluation.protocol import Protocol, annotate, moved_to_image
from napari_iafpn.evaluation.readers.sample import Sample
from napari_iafpn.geometry import Box, view_around
from napari_iafpn.masks import BoxedMask, iou
from napari_iafpn.networks.tables import Count, Natural, Real, between, checked, must, one_of
from napari_iafpn.prompts import Click, Prompts

if TYPE_CHECKING:
    from napari_iafpn.finding import Proposal
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Predictor

LEAST_AREA = 40
LEAST_OBJECTS = 8
WORTH_OPENING = 0.5
"""IoU of a proposal that the user corrects; a worse one is rejected."""


@checked
@dataclass(frozen=True)
class ImageProtocol:
    """How whole images are annotated."""

    assist: Annotated[str, one_of(*ASSISTS)] = "none"
    exemplars: Count = 3
    """Objects that are clicked before the others are looked for."""
    target: Annotated[
        Real,
        must(lambda t: WORTH_OPENING < t <= 1, f"an IoU above {WORTH_OPENING} up to 1"),
    ] = 0.85
    max_clicks: Count = 20
    view_scale: Annotated[Real, between(1)] = 8.0
    """The user sees so many longer sides of the object."""
    quality: Real | None = None
    """Of the proposals that are reviewed; None: the default."""
    adapt: Natural = 0
    """The model learns after so many objects, and again after as many; 0: it stays as it is."""
    seed: Natural = 0
    """0: from the image's centre on. Others: from an object that is drawn, images in an order
    that is drawn."""

    def __post_init__(self) -> None:
        _ = self.clicking  # which checks the rest

    @property
    def mode(self) -> str:
        """What the results of this mode are called."""
        return f"{self.assist}+adapt{self.adapt}" if self.adapt else self.assist

    @property
    def clicking(self) -> Protocol:
        """The protocol of each object."""
        return Protocol(max_clicks=self.max_clicks, target=self.target)


class ObjectLearner(Interface):
    """What learns from committed objects, such as that of ``training.adaptation``."""

    @property
    def predictor(self) -> Predictor:
        """What predicts by now."""

    def see(
        self, name: str, plane: Plane, mask: BoxedMask, ids_in: Callable[[Box], NDArray[np.int32]]
    ) -> None:
        """Take in a committed object; ``ids_in`` tells what else there is."""


def objects_in_order(sample: Sample, seed: int = 0) -> list[int]:
    """Return the objects large enough: the one at the image's centre, then always the nearest.

    With a seed that is not 0 the first one is drawn.
    """
    left = {
        int(label): np.argwhere(sample.truth(int(label))).mean(0)
        for label in sample.ids(LEAST_AREA)
    }
    place, order = (np.array(sample.shape) - 1) / 2, []
    if seed and left:
        rng = np.random.default_rng([seed, len(left)])
        place = left[sorted(left)[rng.integers(len(left))]]
    while left:
        nearest = min(left, key=lambda label: (float(np.hypot(*(left[label] - place))), label))
        place = left.pop(nearest)
        order.append(nearest)
    return order


def annotate_image(
    predictor: Predictor,
    plane: Plane,
    sample: Sample,
    protocol: ImageProtocol,
    *,
    set_name: str = "",
    model: str = "",
    cancelled: Callable[[], bool] | None = None,
    learner: ObjectLearner | None = None,
) -> ImageResult:
    """Annotate all objects of an image in one mode; a ``learner`` predicts in place of the model.

    It is shown each object when that has been counted.
    """
    start = time.perf_counter()
    user = _User(predictor, plane, sample, protocol, cancelled or (lambda: False), learner)
    order = objects_in_order(sample, protocol.seed)
    first = min(protocol.exemplars, len(order)) if protocol.assist == "find" else 0
    for label in order[:first]:
        user.click(label)
    if first:
        user.review(set(order[first:]))
    for label in order[first:]:
        if label not in user.done:
            user.click(label)
    return ImageResult(
        set_name,
        sample.name,
        model,
        protocol.mode,
        first,
        tuple(user.done.values()),
        tuple(user.judged),
        time.perf_counter() - start,
    )


class _User:
    """The simulated user in the middle of an image."""

    def __init__(
        self,
        predictor: Predictor,
        plane: Plane,
        sample: Sample,
        protocol: ImageProtocol,
        cancelled: Callable[[], bool],
        learner: ObjectLearner | None,
    ) -> None:
        self._model, self._learner, self.plane, self.sample = predictor, learner, plane, sample
        self.protocol, self.cancelled = protocol, cancelled
        self.numbers = np.zeros(plane.shape, np.int32)  # of the objects that are done
        self.done: dict[int, ObjectCost] = {}
        self.judged: list[Judged] = []
        self._exemplars: list[BoxedMask] = []

    @property
    def predictor(self) -> Predictor:
        return self._model if self._learner is None else self._learner.predictor

    def click(self, label: int, proposal: Proposal | None = None) -> None:
        """Click on an object until it is good enough, then commit it."""
        from napari_iafpn.inference import Cancelled

        if self.cancelled():
            raise Cancelled
        view = view_around(self.sample.boxes[label], self.protocol.view_scale, self.sample.shape)
        if proposal is not None:
            view = view.union(proposal.boxed.box)
        truth, ignore = self.sample.truth(label)[view.slices], self.sample.ignore
        seen = None if ignore is None else ignore[view.slices]
        segment = self._segment(view, proposal)
        found = annotate(
            segment,
            truth,
            seen,
            protocol=self.protocol.clicking,
            start=None if proposal is None else proposal.boxed.within(view),
        )
        first = found.ious[0] if proposal is None else None
        self._commit(
            label, found.mask, view, len(found.clicks), first, found.ious[-1], accepted=False
        )

    def review(self, left: set[int]) -> None:
        """Find what is left, and accept, correct or reject the proposals, the best first."""
        from napari_iafpn.finding import DEFAULT_QUALITY, find_similar

        quality = self.protocol.quality
        try:
            proposals = list(
                find_similar(
                    self.predictor,
                    self.plane,
                    self._exemplars,
                    quality=DEFAULT_QUALITY if quality is None else quality,
                    cancelled=self.cancelled,
                )
            )
        except ValueError:  # the exemplars tell nothing: the user clicks on
            return
        for proposal in sorted(proposals, key=lambda each: -each.quality):
            likeness, label = self._likest(proposal, left - set(self.done))
            if label is None or likeness < WORTH_OPENING:
                verdict = "rejected"
            elif likeness >= self.protocol.target:
                verdict, box = "accepted", proposal.boxed.box
                self._commit(label, proposal.boxed.mask, box, 0, None, likeness, accepted=True)
            else:
                verdict = "opened"
                self.click(label, proposal)
            self.judged.append(Judged(proposal.quality, likeness, label, verdict))

    def _likest(self, proposal: Proposal, left: set[int]) -> tuple[float, int | None]:
        """Return the highest IoU with an object that is left, and that object."""
        box = proposal.boxed.box
        near = [each for each in left if self.sample.boxes[each].intersection(box) is not None]
        best: tuple[float, int | None] = (0.0, None)
        for label in sorted(near):
            part = box.union(self.sample.boxes[label])
            ignore = self.sample.ignore
            likeness = iou(
                proposal.boxed.within(part),
                self.sample.truth(label)[part.slices],
                None if ignore is None else ignore[part.slices],
            )
            best = max(best, (likeness, label), key=lambda each: each[0])
        return best if best[0] > 0 else (0.0, None)

    def _segment(
        self, view: Box, proposal: Proposal | None
    ) -> Callable[[Prompts], NDArray[np.floating]]:
        """Return a function from clicks in the frame of ``view`` to the probability in it."""
        from napari_iafpn.inference import ClickReplay, Prediction

        shape, alone = self.plane.shape, self.protocol.assist == "none"
        known = Prompts.of(() if proposal is None else proposal.clicks)
        start = None if proposal is None else Prediction.from_mask(proposal.boxed, shape)
        replay: ClickReplay | None = None

        def segment(clicks: Prompts) -> NDArray[np.floating]:
            nonlocal replay
            there = Prompts.of([*known, *moved_to_image(clicks, view)])
            if replay is None:
                around = () if alone or known else self._neighbours(there)
                replay = ClickReplay(
                    self.predictor,
                    self.plane,
                    initial=start,
                    view=view,
                    answered=known,
                    neighbours=around,
                )
            found = replay.predict(there).probability_in(view)
            return found if alone else np.where(self._others(there)[view.slices], 0, found)

        return segment

    def _neighbours(self, clicks: Prompts) -> Prompts:
        """Return clicks on what is done near the first click, if that is one."""
        from napari_iafpn.inference.context import neighbours

        first = clicks[0]
        if not isinstance(first, Click) or not self._exemplars:
            return Prompts()
        side = float(np.sqrt(np.median([each.area for each in self._exemplars])))
        return neighbours(first, side, self.plane.shape, lambda box: self.numbers[box.slices])

    def _others(self, clicks: Prompts) -> NDArray[np.bool_]:
        """Return (H, W) where objects are done that no positive click is on."""
        meant = [int(self.numbers[click.pixel]) for click in clicks.positives]
        others: NDArray[np.bool_] = (self.numbers > 0) & ~np.isin(self.numbers, meant)
        return others

    def _commit(
        self,
        label: int,
        mask: NDArray[np.bool_],
        box: Box,
        clicks: int,
        first: float | None,
        likeness: float,
        *,
        accepted: bool,
    ) -> None:
        corner = box.row_start, box.col_start
        code = MaskCode.encode(mask, self.plane.shape, corner)
        self.done[label] = ObjectCost(label, clicks, first, likeness, accepted, code)
        # A pixel belongs to one object, the first one.
        boxed = BoxedMask.of(mask & (self.numbers[box.slices] == 0), corner)
        if boxed is not None:
            self._exemplars.append(boxed)
            self.numbers[boxed.box.slices][boxed.mask] = len(self._exemplars)
            if self._learner is not None and clicks:
                name = f"{self.sample.name} {label}"
                self._learner.see(name, self.plane, boxed, self._ids_in)

    def _ids_in(self, box: Box) -> NDArray[np.int32]:
        """Return the numbers of what was committed so far."""
        numbers: NDArray[np.int32] = self.numbers[box.slices]
        return numbers
