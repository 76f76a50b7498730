"""Where the camera looks, and what of a plane is seen there."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.layers import spatial_shape
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import Camera, ViewerModel

LEAST_VIEW = 256
"""The network never looks at less than so many pixels, as far as the plane has them."""


def camera(viewer: ViewerModel) -> Camera:
    """Return the camera, which napari 0.9 moved."""
    return getattr(viewer, "scene", viewer).camera


def canvas_size(viewer: ViewerModel) -> tuple[int, int]:
    """Return the (height, width) of the canvas in its pixels; napari 0.9 moved it."""
    canvas = getattr(viewer, "canvas", None)
    height, width = viewer._canvas_size if canvas is None else canvas.size
    return int(height), int(width)


def center_on(viewer: ViewerModel, image: Image, world: Any) -> None:
    """Move the camera to a point; ``world`` has one number for each axis of ``image``."""
    view = camera(viewer)
    shown = list(viewer.dims.displayed)
    offset = viewer.dims.ndim - image.ndim
    center = list(view.center)
    for place, axis in enumerate(shown):
        center[len(center) - len(shown) + place] = float(world[axis - offset])
    view.center = tuple(center)


def visible_part(viewer: ViewerModel, image: Image, key: PlaneKey) -> Box | None:
    """Return the part of a plane that the canvas shows, None where that is the whole plane.

    At least `LEAST_VIEW` pixels high and wide, as far as the plane allows. What is in front of the
    image counts as seen, and so does an image that lies beside the canvas.
    """
    whole = Box.whole(key.shape_in(spatial_shape(image)))
    seen = seen_part(viewer, image, key).intersection(whole)
    if seen is None or seen == whole:
        return None
    return seen.grown_to(LEAST_VIEW, LEAST_VIEW, whole)


def seen_part(viewer: ViewerModel, image: Image, key: PlaneKey) -> Box:
    """Return the pixels of a plane, also beyond its borders, within the corners of the canvas."""
    view, displayed = camera(viewer), list(viewer.dims.displayed)
    if len(displayed) != 2:
        return Box.whole(key.shape_in(spatial_shape(image)))
    half = np.array(canvas_size(viewer)) / view.zoom / 2
    world = np.array(viewer.dims.point, dtype=float)
    points = []
    for signs in product((-1, 1), repeat=2):
        world[displayed] = np.array(view.center[-2:]) + signs * half
        points.append(key.to_plane(image.world_to_data(world)))
    first, last = np.floor(np.min(points, 0) + 0.5), np.ceil(np.max(points, 0) + 0.5)
    (top, left), (bottom, right) = first.astype(int).tolist(), last.astype(int).tolist()
    return Box(top, bottom, left, right)
