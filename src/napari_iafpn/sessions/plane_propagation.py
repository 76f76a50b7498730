"""Predicting the planes of a propagation, the first time and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from napari_iafpn.sessions.cutout import Cutout
from napari_iafpn.sessions.objects import found_by
from napari_iafpn.sessions.plane_key import PlaneKey
from napari_iafpn.sessions.steps import Propagation

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
) -> Iterator[tuple[int, PlaneKey, Cutout | None, str]]:
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
