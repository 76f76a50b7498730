"""Computing the masks of a session again from its clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.masks import BoxedMask
from napari_iafpn.sessions.actions import propagated_pixels
from napari_iafpn.sessions.objects import CurrentObject, found_by
from napari_iafpn.sessions.pixels import PixelChange, lifted, painted, written
from napari_iafpn.sessions.plane_key import PlaneKey
from napari_iafpn.sessions.reading import ArrayLabels, Session
from napari_iafpn.sessions.steps import Propagation, Step

if TYPE_CHECKING:
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Prediction, Predictor


def propagate_planes(
    predictor: Predictor,
    open_plane: Callable[[PlaneKey], Plane],
    plane: PlaneKey,
    start: Prediction,
    propagation: Propagation,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[tuple[int, PlaneKey, BoxedMask | None, str]]:
    """Yield for each plane its route, its key, the object there, and the doubt that ends a route.

    Parameters
    ----------
    predictor : Predictor
    open_plane : callable
        Opens a plane; called when it is reached.
    plane : PlaneKey
        Where the object comes from.
    start : Prediction
        Its mask there.
    propagation : Propagation
    cancelled : callable, optional
        Asked before each plane.

    Raises
    ------
    Cancelled
        As soon as ``cancelled`` returns True.
    """
    from napari_iafpn.inference.propagation import propagate

    axis, threshold = propagation.axis, propagation.threshold

    def opened(index: int) -> Plane:
        return open_plane(plane.moved_to(axis, index))

    for number, route in enumerate(propagation.routes):
        for reached in propagate(
            predictor,
            opened,
            start,
            route,
            origin=plane.index_along(axis),
            threshold=threshold,
            cancelled=cancelled,
        ):
            mask = None if reached.doubt else found_by(reached.prediction, threshold)
            yield number, plane.moved_to(axis, reached.index), mask, reached.doubt


Levels = Mapping[str, Sequence[Any]]
"""The resolutions of each image, the finest first."""


@dataclass
class Replayed:
    """What came of a replay.

    Attributes
    ----------
    labels : dict of id to array
    commits : int
        Objects that were committed, and propagations, of the labels that are counted.
    differing : list of int
        Labels of those whose pixels are not the recorded ones.
    """

    labels: dict[str, NDArray[Any]] = field(default_factory=dict)
    commits: int = 0
    differing: list[int] = field(default_factory=list)


def replay(
    session: Session,
    images: Mapping[str, Any],
    predictor_of: Callable[[str], Predictor],
    counted: str | None = None,
    done: Callable[[int, int], None] = lambda *_: None,
) -> Replayed:
    """Predict every committed object again, and repeat everything else as it was.

    Parameters
    ----------
    session : Session
    images : mapping of id to array-like or list of such
        A list holds the resolutions of one image, the finest first.
    predictor_of : callable
        Returns the predictor of a model's name.
    counted : str, optional
        Id of the labels whose commits are counted and compared; all by default.
    done : callable
        Told how many steps of how many are done.

    Raises
    ------
    ValueError
        Where labels were not kept, or an image is not given.
    """
    levels = {
        id_: image if isinstance(image, (list, tuple)) else [image] for id_, image in images.items()
    }
    arrays = {id_: ArrayLabels(session.start_of(id_)) for id_ in session.labels}
    result = Replayed({id_: array.data for id_, array in arrays.items()})
    steps = session.document.steps
    for place, step in enumerate(steps, 1):
        commit = step.commit
        if commit is None:
            for change in step.labels:
                arrays[change.labels].apply(change.pixels)
        else:
            data = arrays[commit.labels].data
            if step.propagation:
                start = _start_of(step, steps[: place - 1], data)
                pixels = _propagated(step, start, data, levels, predictor_of)
            else:
                pixels = _committed(step, data, levels, predictor_of)
            if counted in (None, commit.labels):
                result.commits += 1
                if not _same(pixels, step.labels[0].pixels):
                    result.differing.append(commit.label)
            arrays[commit.labels].apply(pixels)
        done(place, len(steps))
    return result


def _committed(
    step: Step, data: Any, images: Levels, predictor_of: Callable[[str], Predictor]
) -> tuple[PixelChange, ...]:
    """Compute what a commit wrote."""
    from napari_iafpn.inference import ClickReplay, Prediction

    commit, change = step.commit, step.objects[0]
    assert commit is not None
    current: CurrentObject = change.before
    prediction = None
    if current.asks:
        plane = commit.display.open(change.plane, images)
        start = Prediction.from_mask(current.start, plane.shape) if current.start else None
        clicks = ClickReplay(
            predictor_of(commit.model),
            plane,
            initial=start,
            view=current.view,
            answered=current.answered,
            neighbours=current.neighbours,
        )
        prediction = clicks.predict(current.clicks)
    mask = current.mask(prediction)
    if mask is None:
        return ()
    pixels = painted(data, change.plane, mask, commit.label, commit.policy)
    return () if pixels is None else (pixels,)


def _start_of(step: Step, before: Sequence[Step], data: Any) -> BoxedMask | None:
    """Return what the object of a propagation is like by now, on the plane it comes from."""
    commit, propagation, plane = step.commit, step.propagation, step.plane
    assert commit is not None
    assert propagation is not None
    if not propagation.joins:
        found = lifted(data, plane, commit.label)
        return None if found is None else found[0]
    for earlier in reversed(before):
        kept = earlier.kept_on(plane)
        if kept is not None and kept[:2] == (commit.labels, commit.label):
            mask = written(data, plane, commit.label, earlier.labels[0].pixels)
            if mask is not None:
                return mask
    return None


def _propagated(
    step: Step,
    start: BoxedMask | None,
    data: Any,
    images: Levels,
    predictor_of: Callable[[str], Predictor],
) -> tuple[PixelChange, ...]:
    """Compute what a propagation wrote that began with ``start``."""
    from napari_iafpn.inference import Prediction

    commit, propagation = step.commit, step.propagation
    assert commit is not None
    assert propagation is not None
    if start is None:
        return ()
    shape = step.plane.shape_in(data.shape)
    visited = propagate_planes(
        predictor_of(commit.model),
        lambda key: commit.display.open(key, images),
        step.plane,
        Prediction.from_mask(start, shape),
        propagation,
    )
    masks = {key: mask for _, key, mask, _ in visited if mask is not None}
    return propagated_pixels(data, masks, commit, joins=propagation.joins)


def _same(first: tuple[PixelChange, ...], second: tuple[PixelChange, ...]) -> bool:
    return len(first) == len(second) and all(
        a.region == b.region
        and np.array_equal(a.before, b.before)
        and np.array_equal(a.after, b.after)
        for a, b in zip(first, second, strict=True)
    )
