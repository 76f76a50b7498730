"""Annotate whole images in every mode; what is finished is kept at once."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iafpn.evaluation.images.annotating import (
    LEAST_OBJECTS,
    ImageProtocol,
    ObjectLearner,
    annotate_image,
    objects_in_order,
)
from napari_iafpn.evaluation.images.result import ImageResult
from napari_iafpn.evaluation.journal import Journal
from napari_iafpn.evaluation.models import ModelFile, find_models
from napari_iafpn.evaluation.provenance import Header, header_of, now
from napari_iafpn.evaluation.readers.sets import caveats_of
from napari_iafpn.evaluation.results import Problem

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import AnnotatedSet

LearnerOf = Callable[[Path, int], ObjectLearner]
"""From a model's file, and the objects between two times of learning."""
Told = Callable[[int, int, ImageResult | None], None]
"""Told how many of how many images and modes are done, and the newest result."""


@dataclass(frozen=True)
class ImageEvaluation:
    """Which models annotate which images, and in which modes."""

    sets: tuple[AnnotatedSet, ...]
    models: tuple[str, ...] = ("default",)
    protocols: tuple[ImageProtocol, ...] = field(default_factory=lambda: (ImageProtocol(),))
    """One for each mode; else they are the same."""
    images: int | None = None
    """At most so many of each set, spread evenly over it."""
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        assists = [protocol.mode for protocol in self.protocols]
        names = [annotated.name for annotated in self.sets]
        if not assists or not names or not self.models:
            raise ValueError("nothing to evaluate; give at least one set, one model and one mode")
        for what, given in (("mode", assists), ("set", names)):
            if len(set(given)) < len(given):
                twice = next(each for each in given if given.count(each) > 1)
                raise ValueError(f"the {what} {twice!r} is given twice; give each once")
        if self.images is not None and self.images < 1:
            raise ValueError(f"images is {self.images}; give a whole number from 1 on")
        if self.threads < 1:
            raise ValueError(f"threads is {self.threads}; give a whole number from 1 on")


@dataclass(frozen=True)
class ImageResults:
    """Everything that the report needs.

    Attributes
    ----------
    images : tuple of ImageResult
        By model, set, mode and image.
    problems : tuple of Problem
        Images that could not be read or annotated; they count in no mode.
    provenance : mapping of plain data
        Options, versions, models, sets, when and where.
    notes : tuple of str
    """

    images: tuple[ImageResult, ...]
    problems: tuple[Problem, ...]
    provenance: dict[str, Any]
    notes: tuple[str, ...] = ()


Key = tuple[str, str, str, str]
"""Model, set, image and mode."""


def evaluate_images(
    evaluation: ImageEvaluation,
    output: Path | None = None,
    *,
    report: Told | None = None,
    cancelled: Callable[[], bool] | None = None,
    learner_of: LearnerOf | None = None,
) -> ImageResults:
    """Annotate the images of all sets with all models in all modes.

    Parameters
    ----------
    evaluation : ImageEvaluation
    output : Path, optional
        Folder where each finished image is kept; with the results of an interrupted run in it,
        only what is missing is computed.
    report, cancelled : callable, optional
        Told the progress; asked whether to stop.
    learner_of : callable, optional
        Makes what learns in the modes that adapt; one for each model, set and mode.

    Raises
    ------
    ValueError
        Where an option or set is unusable, or no image has enough objects.
    Cancelled
        When ``cancelled`` returned True; what is finished is kept.
    """
    models, started = find_models(evaluation.models), now()
    header = _header(evaluation, models)
    chosen, problems = _chosen_images(evaluation)
    keys = [
        (model.name, annotated.name, annotated.image_name(index), protocol.mode)
        for model in models
        for annotated, index in chosen
        for protocol in evaluation.protocols
    ]
    tell, notes = report or (lambda *_: None), []
    done: dict[Key, ImageResult] = {}
    with nullcontext() if output is None else Journal(output, header, started, ImageResult) as kept:
        if kept is not None:
            done = {_key(each): each for each in kept.finished if _key(each) in keys}
            started, notes = kept.started, kept.notes
        tell(len(done), len(keys), None)
        for model in models:
            stop = cancelled or (lambda: False)
            for result in _missing(evaluation, model, chosen, done, stop, learner_of):
                if isinstance(result, Problem):
                    problems.append(result)
                    continue
                done[_key(result)] = result
                if kept is not None:
                    kept.append([result], ())
                tell(len(done), len(keys), result)
    lost = {(problem.set, problem.image) for problem in problems}
    images = tuple(done[key] for key in keys if key[1:3] not in lost)
    if not images:
        raise ValueError(f"no image could be annotated; of the first one, {problems[0]}")
    provenance = {
        "options": {**header["option"], "protocol": "images"},
        "versions": {"python": platform.python_version(), **header["version of"]},
        "models": header["model"],
        "sets": header["set"],
        "started": started,
        "machine": f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} CPUs",
    }
    told = (*caveats_of(evaluation.sets), *notes)
    return ImageResults(images, tuple(problems), provenance, told)


def _missing(
    evaluation: ImageEvaluation,
    model: ModelFile,
    chosen: list[tuple[AnnotatedSet, int]],
    done: dict[Key, ImageResult],
    cancelled: Callable[[], bool],
    learner_of: LearnerOf | None,
) -> Iterator[ImageResult | Problem]:
    """Yield the results of a model that are not there yet, or why an image has none.

    What learns begins with the first image again where one of its set is missing.
    """
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Cancelled, Predictor
    from napari_iafpn.networks.threads import use_threads

    predictor = None
    learners: dict[tuple[str, str], ObjectLearner] = {}
    missing = {
        (annotated.name, protocol.mode)
        for annotated, index in chosen
        for protocol in evaluation.protocols
        if _key_of(model, annotated, index, protocol) not in done
    }
    for annotated, index in chosen:
        todo = [
            protocol
            for protocol in evaluation.protocols
            if (protocol.adapt and (annotated.name, protocol.mode) in missing)
            or _key_of(model, annotated, index, protocol) not in done
        ]
        if not todo:
            continue
        if predictor is None:
            use_threads(evaluation.threads)
            predictor = Predictor.load(model.path, evaluation.device)
        for protocol in todo:
            place = annotated.name, protocol.mode
            if protocol.adapt and place not in learners:
                if learner_of is None:
                    raise ValueError("nothing is there that learns; give what makes a learner")
                learners[place] = learner_of(model.path, protocol.adapt)
        try:
            sample = annotated.read(index)
            plane = Plane(sample.image)
            for protocol in todo:
                yield annotate_image(
                    predictor,
                    plane,
                    sample,
                    protocol,
                    set_name=annotated.name,
                    model=model.name,
                    cancelled=cancelled,
                    learner=learners.get((annotated.name, protocol.mode)),
                )
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - an image's surprise costs itself, not the run
            yield Problem.of(error, annotated.name, annotated.image_name(index))


def _key_of(model: ModelFile, annotated: AnnotatedSet, index: int, protocol: ImageProtocol) -> Key:
    return model.name, annotated.name, annotated.image_name(index), protocol.mode


def _chosen_images(
    evaluation: ImageEvaluation,
) -> tuple[list[tuple[AnnotatedSet, int]], list[Problem]]:
    """Return the images with enough objects, and those that could not be read."""
    chosen: list[tuple[AnnotatedSet, int]] = []
    problems = []
    for annotated in evaluation.sets:
        fitting = []
        for index in range(len(annotated)):
            try:
                if len(annotated.objects(index)) < LEAST_OBJECTS:
                    continue
                if len(objects_in_order(annotated.read(index))) >= LEAST_OBJECTS:
                    fitting.append(index)
            except (ValueError, OSError) as error:
                name = annotated.image_name(index)
                problems.append(Problem.of(error, annotated.name, name))
        count = min(evaluation.images or len(fitting), len(fitting))
        places = np.linspace(0, max(0, len(fitting) - 1), count).round().astype(int).tolist()
        if seed := evaluation.protocols[0].seed:
            np.random.default_rng(seed).shuffle(places)
        chosen += [(annotated, fitting[place]) for place in places]
    if not chosen:
        names = ", ".join(annotated.name for annotated in evaluation.sets)
        raise ValueError(
            f"no image of {names} has {LEAST_OBJECTS} objects; give images of many objects"
        )
    return chosen, problems


def _header(evaluation: ImageEvaluation, models: Sequence[ModelFile]) -> Header:
    """Return what an earlier run must have in common to be gone on with; modes may be added."""
    options = asdict(evaluation.protocols[0])
    del options["assist"], options["adapt"]
    return header_of(options, evaluation, models)


def _key(result: ImageResult) -> Key:
    return result.model, result.set, result.image, result.assist
