"""The loop without a window: learn, try, take or leave."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_iafpn.evaluation.protocol import evaluate_object
from napari_iafpn.evaluation.readers import LayerSet, Sample
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.networks import Cascade, load_cascade
from napari_iafpn.training.adaptation.objects import Mask, object_sample, teaches
from napari_iafpn.training.adaptation.update import STEPS, adapt
from napari_iafpn.training.adaptation.wording import EVERY, TRIED, is_better
from napari_iafpn.training.finetuning import ClickComparison
from napari_iafpn.training.finetuning.counting import QUICK, Overlaps, compare_clicks

VIEW = 8.0
"""What the simulated user sees, in longer sides of the object."""


def tried(
    before: Predictor,
    after: Predictor,
    objects: Sequence[Sample],
    ask: Callable[[], None] = lambda: None,
    runs: tuple[Overlaps, Overlaps] | None = None,
) -> ClickComparison:
    """Count the clicks of two models on the same objects; ``ask`` is called before each.

    What is in ``runs``, of one model and the other, is not counted again; what is new is added.
    """
    runs = runs or ({}, {})
    for predictor, found in zip((before, after), runs, strict=True):
        for sample in objects:
            name = sample.object_name(sample.objects[0])
            if name not in found:
                ask()
                found[name] = _overlaps(predictor, sample)
    return compare_clicks(*runs, QUICK)


def _overlaps(predictor: Predictor, sample: Sample) -> tuple[float, ...]:
    plane, label = Plane(sample.image, limits=(0, 255)), sample.objects[0]
    found = evaluate_object(predictor, plane, sample, label, protocol=QUICK, view_scale=VIEW)
    return tuple(map(float, found.ious))


class Learner:
    """Predicts with a model that learns from the objects that it is shown.

    Each time it goes on from what it has learned, whether that was taken or not.

    Parameters
    ----------
    start : Cascade
    every : int
        Objects between two times of learning.
    steps : int
        Of each time.
    device : str

    Attributes
    ----------
    predictor : Predictor
        The newest one that was taken.
    trials : list of (int, ClickComparison)
        After how many objects a new model was tried, and what came of it. One that is not better
        is tried again with each further object, until there is a newer one.
    """

    def __init__(
        self, start: Cascade, every: int = EVERY, steps: int = STEPS, device: str = "cpu"
    ) -> None:
        self.predictor = Predictor(start, device)
        self.trials: list[tuple[int, ClickComparison]] = []
        self._start, self._every, self._steps, self._device = start, every, steps, device
        self._objects: list[Sample] = []
        self._learned: Cascade | None = None
        self._candidate: Predictor | None = None
        self._runs: tuple[Overlaps, Overlaps] = ({}, {})  # of the two on the objects since
        self._known = 0

    @classmethod
    def of_file(cls, model: Path, every: int, device: str = "cpu") -> Learner:
        """Begin with the model of a file."""
        return cls(load_cascade(model), every, device=device)

    def see(
        self, name: str, plane: Plane, mask: Mask, ids_in: Callable[[Box], NDArray[Any]]
    ) -> None:
        """Take in a committed object, as in ``object_sample``.

        Where it is time, a model learns first from those before it, and is tried on this one.
        """
        sample = object_sample(name, plane, mask, ids_in)
        if not teaches(sample):
            return
        if len(self._objects) == self._known + self._every:
            self._learn()
        self._objects.append(sample)
        since = self._objects[self._known :]
        if self._candidate is not None and len(since) >= min(TRIED, self._every):
            gain = tried(self.predictor, self._candidate, since, runs=self._runs)
            self.trials.append((len(self._objects), gain))
            if is_better(gain):
                self.predictor, self._candidate = self._candidate, None

    def _learn(self) -> None:
        data = LayerSet("yours", tuple(self._objects))
        self._learned = adapt(
            self._start,
            data,
            steps=self._steps,
            seed=len(data),
            device=self._device,
            further=self._learned,
        )
        self._candidate = Predictor(copy.deepcopy(self._learned), self._device)
        self._runs = {}, {}
        self._known = len(self._objects)
