"""Masks that are there before the first click, with errors as segmentation tools make them.

They teach the networks to correct: an external mask is no mask that their own clicks led to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click
from napari_iafpn.training.clicking import next_click
from napari_iafpn.training.views import View

Mask = NDArray[np.bool_]
Labels = NDArray[np.integer]
Error = Callable[[Mask, Labels, np.random.Generator], Mask]
_WAVES = 5
"""Nodes along each side of the field that makes an outline uneven."""


def draw_initial_mask(view: View, rng: np.random.Generator) -> Mask:
    """Return the target with an error: a part is missing, a neighbour joined, the outline is off.

    An empty target stays as it is, and so does one that the error would make empty.
    """
    if not view.target.any():
        return view.target
    error = ERRORS[int(rng.integers(len(ERRORS)))]
    wrong: Mask = error(view.target, view.others, rng)
    return wrong if wrong.any() else view.target


def misplaced_mask(view: View, rng: np.random.Generator) -> Mask:
    """Return a mask that lies elsewhere: the target's, moved by up to its size, or a neighbour's.

    So it is with the mask of the plane before where an object moves, or of an object beside it. The
    mask may be empty.
    """
    box = Box.around(view.target)
    if box is None:
        return view.target
    near = view.others[_around(view.target, 3.0).slices]
    ids = np.unique(near[near > 0])
    if ids.size and rng.random() < 0.3:
        other: Mask = view.others == rng.choice(ids)
        return other
    angle, way = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 1.1) * max(box.shape)
    shift = round(way * np.sin(angle)), round(way * np.cos(angle))
    moved: Mask = ndimage.shift(view.target, shift, order=0, mode="constant")
    return moved


def placing_clicks(view: View, misplaced: Mask, rng: np.random.Generator) -> list[Click]:
    """Return a click deep in the target, and in half of the cases one on what is wrong."""
    there = next_click(np.zeros(misplaced.shape), view.target, view.ignore, rng)
    wrong = next_click(misplaced.astype(np.float32), view.target, view.ignore, rng)
    clicks = [there, wrong] if rng.random() < 0.5 else [there]
    return [click for click in clicks if click is not None]


def correcting_clicks(view: View, initial: Mask, rng: np.random.Generator) -> list[Click]:
    """Return a click on what is right, as a correction puts it, and the user's first one.

    Without the second where nothing is wrong, without the first where nothing is right.
    """
    right = next_click(np.zeros(initial.shape), initial & view.target, view.ignore, rng)
    wrong = next_click(initial.astype(np.float32), view.target, view.ignore, rng)
    return [click for click in (right, wrong) if click is not None]


def _cut(target: Mask, _others: Labels, rng: np.random.Generator) -> Mask:
    """Leave out what lies behind a straight line, a tenth to six tenths of the object."""
    rows, cols = np.nonzero(target)
    angle = rng.uniform(0, 2 * np.pi)
    along = rows * np.sin(angle) + cols * np.cos(angle)
    behind = along > np.quantile(along, 1 - rng.uniform(0.1, 0.6))
    wrong: Mask = target.copy()
    wrong[rows[behind], cols[behind]] = False
    return wrong


def _joined(target: Mask, others: Labels, rng: np.random.Generator) -> Mask:
    """Add another object that lies close by, else a disk on the outline."""
    beside = np.unique(others[_around(target, 1.5).slices])
    beside = beside[beside > 0]
    if beside.size:
        joined: Mask = target | (others == rng.choice(beside))
        return joined
    rows, cols = np.nonzero(target & ~ndimage.binary_erosion(target))
    place = int(rng.integers(rows.size))
    radius = rng.uniform(0.3, 1.0) * np.sqrt(np.count_nonzero(target) / np.pi)
    grid = np.ogrid[: target.shape[0], : target.shape[1]]
    disk: Mask = np.hypot(grid[0] - rows[place], grid[1] - cols[place]) < radius
    return target | disk


def _shifted(target: Mask, _others: Labels, rng: np.random.Generator) -> Mask:
    """Move the outline in or out, by the same or by an uneven part of the object's depth."""
    box = _around(target, 2.0)
    inside = target[box.slices]
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    waves = rng.normal(size=(_WAVES, _WAVES)) * rng.choice([0.0, 0.3])
    zoom = tuple((np.array(inside.shape) + 0.5) / _WAVES)
    uneven = ndimage.zoom(waves, zoom, order=1)[: inside.shape[0], : inside.shape[1]]
    offset = rng.uniform(-0.7, 0.7) + uneven
    wrong = np.zeros_like(target)
    wrong[box.slices] = depth > offset * depth.max()
    return wrong


def _around(target: Mask, factor: float) -> Box:
    """Return the target's box, enlarged as far as the view goes."""
    box, whole = Box.around(target), Box.whole((target.shape[0], target.shape[1]))
    assert box is not None
    return box.resized_about_centre(box.height * factor, box.width * factor, whole)


ERRORS: tuple[Error, ...] = (_cut, _joined, _shifted, _shifted)
"""The outline twice: it can be off inwards and outwards."""
