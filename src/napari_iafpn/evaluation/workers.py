"""What a worker process does: read an image, load the model once, annotate the objects."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iafpn.evaluation.results import Problem

if TYPE_CHECKING:
    from napari_iafpn.evaluation.plan import Unit
    from napari_iafpn.evaluation.protocol import ObjectResult, Protocol
    from napari_iafpn.evaluation.readers import AnnotatedSet, Sample
    from napari_iafpn.geometry import Box
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Predictor


@dataclass(frozen=True)
class Machine:
    """How a worker process predicts."""

    threads: int
    device: str


@dataclass(frozen=True)
class WorkUnit:
    """A unit of work with all that another process, or another computer, needs for it.

    ``images`` is the pickled set and ``index`` the place of the image in it.
    """

    unit: Unit
    images: bytes
    index: int
    protocol: Protocol
    machine: Machine


@dataclass(frozen=True)
class Outcome:
    """What became of a unit; each object is in one of the two, or its image in ``problems``."""

    objects: tuple[ObjectResult, ...]
    problems: tuple[Problem, ...]


def make_job(unit: Unit, annotated: AnnotatedSet, protocol: Protocol, machine: Machine) -> WorkUnit:
    """Pack a unit; of a set in memory, only the image that is needed travels."""
    from napari_iafpn.evaluation.readers import LayerSet, Selection

    index = unit.image.index
    while isinstance(annotated, Selection):  # the unit says what is chosen
        index, annotated = annotated.indices[index], annotated.base
    if isinstance(annotated, LayerSet):
        annotated, index = replace(annotated, samples=(annotated.samples[index],)), 0
    return WorkUnit(unit, pickle.dumps(annotated), index, protocol, machine)


def work(job: WorkUnit) -> Outcome:
    """Annotate the objects of a job; what concerns only them is a problem, not an error.

    Raises
    ------
    ValueError
        Where the model or the device cannot be used: every other job would fail too.
    """
    place = job.unit.image.set, job.unit.image.name
    try:
        sample, plane = _read(job.images, job.index)
    except Exception as error:  # noqa: BLE001 - a reader's surprise costs its image, not the run
        return Outcome((), (Problem.of(error, *place),))
    predictor = _predictor(job.unit.model.path, job.unit.model.sha256, job.machine)
    objects: list[ObjectResult] = []
    problems = []
    for label, scales in job.unit.tasks:
        try:
            objects += _annotate(job, predictor, (sample, plane), label, scales)
        except Exception as error:  # noqa: BLE001 - an object's surprise costs itself, not the run
            problems.append(Problem.of(error, *place, label))
    return Outcome(tuple(objects), tuple(problems))


def _annotate(
    job: WorkUnit,
    predictor: Predictor,
    scene: tuple[Sample, Plane],
    label: int,
    scales: tuple[float | None, ...],
) -> list[ObjectResult]:
    """Annotate one object in each view; views that show the same are annotated once."""
    from napari_iafpn.evaluation.protocol import evaluate_object, view_of

    sample, plane = scene
    views = [view_of(sample, label, scale) for scale in scales]
    results: dict[Box, ObjectResult] = {}
    for view, scale in zip(views, scales, strict=True):
        if view not in results:
            results[view] = evaluate_object(
                predictor,
                plane,
                sample,
                label,
                protocol=job.protocol,
                set_name=job.unit.image.set,
                model=job.unit.model.name,
                view_scale=scale,
            )
    return [
        replace(results[view], view_scale=scale) for view, scale in zip(views, scales, strict=True)
    ]


def _predictor(path: Path, sha256: str, machine: Machine) -> Predictor:
    from napari_iafpn.networks.threads import use_threads

    # Of this thread, which in a cluster is not always the same.
    use_threads(machine.threads)
    return _loaded(path, sha256, machine.device)


@lru_cache(maxsize=1)
def _loaded(path: Path, sha256: str, device: str) -> Predictor:
    from napari_iafpn.evaluation.models import file_sha256
    from napari_iafpn.inference import Predictor

    if not path.is_file():
        raise ValueError(f"a worker cannot see the model file {path}; put it where all workers can")
    if file_sha256(path) != sha256:
        raise ValueError(f"the model file {path} changed during the evaluation; start it again")
    return Predictor.load(path, device)


@lru_cache(maxsize=1)
def _set(images: bytes) -> AnnotatedSet:
    annotated: AnnotatedSet = pickle.loads(images)
    return annotated


@lru_cache(maxsize=1)
def _read(images: bytes, index: int) -> tuple[Sample, Plane]:
    """Read an image once for all units in a row that share it."""
    from napari_iafpn.images import Plane

    sample = _set(images).read(index)
    return sample, Plane(sample.image)
