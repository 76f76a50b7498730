"""Where an object went between two planes, and whether what is there looks like it.

Nothing here knows a network. The object's pixels, or those of everything around it, are looked for
on the other plane by normalized cross-correlation under a mask (Padfield, "Masked object
registration in the Fourier domain", 2012), which bleaching does not disturb. Whether a mask fits
the pixels is told by its outline: by how much of the contrast across it is still there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.spatial import KDTree

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.resample import paste
from napari_iafpn.geometry.zoom import view_around
from napari_iafpn.images import Plane
from napari_iafpn.inference.prediction import Prediction

Pixels = NDArray[np.float64]
Mask = NDArray[np.bool_]
Shift = tuple[float, float]
"""Down and to the right, in pixels of the plane or in cells of the grid."""

VIEW = 5.0
"""What is compared, in lengths of the object's box."""
GRID = 160
"""Longer side of the grid on which it is compared: an object is some thirty cells long."""
RIM = 0.15
"""What is looked for together with the object, around it, as a share of its width."""
DISTANCE = 0.1
"""How much more alike a place must be that is a whole width away."""
BLUR = 2.0
"""Within how many cells of an outline its two sides are compared."""
FLAT = 1e-3
"""Differences of intensities in [0, 1] that are nothing to be seen."""


@dataclass(frozen=True, eq=False)
class Look:
    """An object and its surroundings on its own plane.

    Attributes
    ----------
    seed : Prediction
        The object; what is above 0.5 belongs to it.
    view : Box
        The surroundings, in the image frame.
    pixels : (C, h, w) float64
        In [0, 1], on a grid over the view.
    mask : (h, w) bool
        The object on the grid.
    """

    seed: Prediction
    view: Box
    pixels: Pixels
    mask: Mask

    @classmethod
    def of(cls, plane: Plane, seed: Prediction) -> Look:
        """Look at an object on its plane."""
        view = view_around(seed.roi, VIEW, plane.shape)
        scale = GRID / max(view.shape)
        rows, cols = (max(1, round(scale * side)) for side in view.shape)
        pixels = plane.read(view, (rows, cols)).astype(np.float64)
        return cls(seed, view, pixels, _gridded(seed, view, (rows, cols)))

    def place_on(self, plane: Plane) -> tuple[Prediction, Shift]:
        """Return the object moved to where it fits another plane best, and how far (pixels)."""
        places = [(moved(self.seed, shift), shift) for shift in self.shifts_to(plane)]
        inside = [place for place in places if place[0].roi_mask().any()]
        return max(inside, key=lambda place: self.fit(plane, *place))

    def shifts_to(self, plane: Plane) -> list[Shift]:
        """Return how far the object may have gone, in pixels: nowhere, or ...

        ... by itself, within its own width, so that a neighbour's place is out of reach; or with
        everything around it, and then by itself. Where it looks as it did before, it is not.
        """
        there = self._on(plane)
        width = math.sqrt(np.count_nonzero(self.mask))
        near = ndimage.distance_transform_edt(~self.mask) <= max(2.0, RIM * width)
        around = _likeness(self.pixels, np.ones_like(near), there)
        drift = _best(around, (0, 0), max(self.mask.shape) / 2, 0.0)
        alike = _likeness(self.pixels, near, there)
        found = {_best(alike, centre, width, DISTANCE) for centre in ((0, 0), drift)}
        moves = [cells for cells in found if self._is_new(there, near, cells)]
        return [(0.0, 0.0), *(self._in_pixels(_between(alike, cells)) for cells in sorted(moves))]

    def fit(self, plane: Plane, found: Prediction, shift: Shift) -> float:
        """Return how much of the contrast across the object's outline is across that of ``found``.

        About 1: as on the object's own plane; 0: there is no outline. Each place on the found
        outline is compared with the nearest one on that of the object, moved by ``shift`` (pixels).
        """
        places, before = _contrast(self.pixels, self.mask)
        there = _gridded(found, self.view, self.mask.shape)
        others, now = _contrast(self._on(plane), there)
        if not len(places) or not len(others):  # an object that fills the plane has no outline
            return float(len(places) == len(others) and there.any())
        cell = self._in_pixels((1, 1))
        before = before[:, KDTree(places + np.divide(shift, cell)).query(others)[1]]
        both = (before**2 + now**2).sum()
        return float(2 * (before * now).sum() / max(both, FLAT**2 * before.size))

    def _on(self, plane: Plane) -> Pixels:
        return plane.read(self.view, self.mask.shape).astype(np.float64)

    def _in_pixels(self, cells: tuple[float, float]) -> Shift:
        (height, width), (rows, cols) = self.view.shape, self.mask.shape
        return cells[0] * height / rows, cells[1] * width / cols

    def _is_new(self, there: Pixels, near: Mask, cells: tuple[int, int]) -> bool:
        """Tell whether a place resembles the object more than what was in that place before.

        Where the object itself was is left out, unless that is most of the place.
        """
        if cells == (0, 0):
            return False
        inside = near & _at(np.ones_like(near), cells)
        apart = near & _at(~self.mask, cells)
        seen = apart if 2 * apart.sum() > inside.sum() else inside
        now, was = (_at(values, cells)[:, seen] for values in (there, self.pixels))
        return bool(seen.any()) and _correlation(now, self.pixels[:, seen]) > _correlation(now, was)


def moved(seed: Prediction, shift: Shift) -> Prediction:
    """Return an object moved by ``shift`` (pixels), without what leaves the plane."""
    rows, cols = (math.floor(length) for length in shift)
    values = np.pad(seed.roi_probability, ((0, 1), (0, 1)))
    values = ndimage.shift(values, (shift[0] - rows, shift[1] - cols), order=1)
    box = seed.roi
    box = Box(box.row_start, box.row_stop + 1, box.col_start, box.col_stop + 1).shifted(rows, cols)
    kept = box.intersection(Box.whole(seed.shape))
    part = None if kept is None else values[kept.shifted(-box.row_start, -box.col_start).slices]
    inside = None if part is None else Box.around(part > 0)
    if kept is None or part is None or inside is None:
        return Prediction.nothing(seed.shape, seed.view)
    roi = inside.shifted(kept.row_start, kept.col_start)
    return replace(seed, roi=roi, roi_probability=part[inside.slices].copy())


def _gridded(seed: Prediction, view: Box, size: tuple[int, ...]) -> Mask:
    """Return the mask of an object on a grid of ``size`` over ``view``; thin ones are kept."""
    values = seed.roi_probability[None, None]
    shares = paste(values, seed.roi, view, (size[0], size[1]))[0, 0]
    on_grid: Mask = shares > min(0.5, shares.max() / 2)
    return on_grid


def _likeness(before: Pixels, weights: Mask, after: Pixels) -> Pixels:
    """Return by shift how alike two images are where ``weights`` is: (2h - 1, 2w - 1), in [-1, 1].

    No shift is in the middle. -1 where less than half of ``weights`` stays in the image.
    """
    template, image = before.mean(0) * weights, after.mean(0)

    def over(part: NDArray[np.floating] | Mask, whole: Pixels) -> Pixels:
        total: Pixels = fftconvolve(whole, part[::-1, ::-1].astype(np.float64))
        return total

    ones = np.ones_like(image)
    count = np.maximum(over(weights, ones), 1)
    means = over(template, ones) / count, over(weights, image) / count
    spread = over(template**2, ones) / count - means[0] ** 2
    spread_there = over(weights, image**2) / count - means[1] ** 2
    shared = over(template, image) / count - means[0] * means[1]
    alike = shared / np.maximum(np.sqrt(np.maximum(spread * spread_there, 0)), FLAT**2)
    alike[count < weights.sum() / 2] = -1
    clipped: Pixels = alike.clip(-1, 1)
    return clipped


def _best(alike: Pixels, centre: tuple[int, int], reach: float, distance: float) -> tuple[int, int]:
    """Return the shift within ``reach`` of ``centre`` that is most alike, near ones preferred."""
    rows, cols = (np.arange(side) - side // 2 for side in alike.shape)
    away2 = (np.add.outer((rows - centre[0]) ** 2, (cols - centre[1]) ** 2)) / reach**2
    row, col = np.unravel_index(
        np.where(away2 <= 1, alike - distance * away2, -np.inf).argmax(), alike.shape
    )
    return int(rows[row]), int(cols[col])


def _between(alike: Pixels, cells: tuple[int, int]) -> Shift:
    """Return the top of the parabolas through the values at a shift and beside it."""
    row, col = (length + side // 2 for length, side in zip(cells, alike.shape, strict=True))
    lines = (alike[row - 1 : row + 2, col], alike[row, col - 1 : col + 2])
    return cells[0] + _top(lines[0]), cells[1] + _top(lines[1])


def _top(values: Pixels) -> float:
    if len(values) < 3 or (bend := values[0] - 2 * values[1] + values[2]) >= 0:
        return 0.0
    return float(np.clip((values[0] - values[2]) / (2 * bend), -0.5, 0.5))


def _at(values: NDArray[Any], cells: tuple[int, int]) -> NDArray[Any]:
    """Return what is at each place moved by ``cells``; zeros outside."""
    back = (0,) * (values.ndim - 2) + (-cells[0], -cells[1])
    found: NDArray[Any] = ndimage.shift(values, back, order=0)
    return found


def _correlation(first: Pixels, second: Pixels) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / max(np.sqrt((first**2).sum() * (second**2).sum()), FLAT))


def _contrast(pixels: Pixels, mask: Mask) -> tuple[NDArray[np.intp], Pixels]:
    """Return the places of an outline, (N, 2) cells, and the contrast there, (C, N)."""
    outline = mask & ~ndimage.binary_erosion(mask, border_value=1)

    def side(part: Mask) -> Pixels:
        weight = ndimage.gaussian_filter(part.astype(np.float64), BLUR)
        values = ndimage.gaussian_filter(pixels * part, (0, BLUR, BLUR))
        mean: Pixels = values[:, outline] / weight[outline]
        return mean

    return np.argwhere(outline), side(mask) - side(~mask)
