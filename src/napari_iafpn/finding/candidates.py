"""Places where an object of the kind may be: peaks of the appearance at several sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.feature import peak_local_max

from napari_iafpn.finding.appearance import Tile, resized
from napari_iafpn.finding.exemplars import Exemplars
from napari_iafpn.prompts import Click

FINER = 2
"""Peaks are looked for on a grid so many times finer than the cells."""
SMALLEST, LARGEST = 0.7, 1.45
"""Sizes that are looked for, in radii of the smallest and of the largest exemplar."""
STEP = 1.4
"""Factor from one size to the next."""
LEAST_RESPONSE = 0.08
LEAST_PROBABILITY = 0.3
MOST = 400
"""Candidates of a tile."""


@dataclass(frozen=True)
class Candidate:
    """A click on what may be an object.

    Attributes
    ----------
    click : Click
        In the image frame.
    radius : float
        Of the object, in pixels.
    response : float
        How much the place stands out at this size.
    """

    click: Click
    radius: float
    response: float


def candidates_of(
    tile: Tile,
    probability: NDArray[np.float32],
    exemplars: Exemplars,
    committed: NDArray[np.bool_],
) -> list[Candidate]:
    """Return the candidates of a tile, those that stand out most first.

    Parameters
    ----------
    tile : Tile
    probability : (h, w) float32
        Appearance of the tile's cells.
    exemplars : Exemplars
    committed : (box.height, box.width) bool
        Pixels that belong to objects already.
    """
    grid = FINER * tile.grid[0], FINER * tile.grid[1]
    fine = resized(probability, grid)
    scale = grid[0] / tile.box.height, grid[1] / tile.box.width
    radii = exemplars.radii * np.sqrt(scale[0] * scale[1])
    found = []
    for radius in _sizes(float(radii.min()), float(radii.max())):
        # An object of this size stands out from its surroundings.
        inner = ndimage.gaussian_filter(fine, 0.55 * radius)
        response = inner - 0.75 * ndimage.gaussian_filter(fine, 1.3 * radius)
        peaks = peak_local_max(  # type: ignore[no-untyped-call]
            response,
            min_distance=max(1, int(0.6 * radius)),
            threshold_abs=LEAST_RESPONSE,
            exclude_border=False,
        )
        found += [(float(response[r, c]), r, c, radius) for r, c in peaks]
    found.sort(key=lambda each: -each[0])
    candidates = []
    for response_there, row, col, radius in _distinct(found):
        place = int((row + 0.5) / scale[0]), int((col + 0.5) / scale[1])
        click = Click(place[0] + tile.box.row_start, place[1] + tile.box.col_start)
        likely = fine[row, col] >= LEAST_PROBABILITY
        if likely and tile.core.contains(click) and not committed[place]:
            size = radius / np.sqrt(scale[0] * scale[1])
            candidates.append(Candidate(click, float(size), response_there))
    return candidates[:MOST]


def _sizes(smallest: float, largest: float) -> list[float]:
    """Return the radii to look for, on the finer grid."""
    sizes = [max(SMALLEST * smallest, 1.2)]
    while sizes[-1] * STEP < LARGEST * largest:
        sizes.append(sizes[-1] * STEP)
    return sizes


Peak = tuple[float, int, int, float]
"""Response, row, column, radius."""


def _distinct(peaks: list[Peak]) -> list[Peak]:
    """Leave out what is at nearly the same place and size as a better one before it."""
    if not peaks:
        return []
    places = np.array([peak[1:3] for peak in peaks], float)
    radii = np.array([peak[3] for peak in peaks])
    tree, kept = KDTree(places), np.ones(len(peaks), bool)
    for number, (_, row, col, radius) in enumerate(peaks):
        if kept[number]:
            for other in tree.query_ball_point((row, col), 0.5 * radius):
                near = np.hypot(*(places[other] - (row, col))) < 0.5 * min(radius, radii[other])
                alike = max(radius, radii[other]) < 1.3 * min(radius, radii[other])
                if other > number and near and alike:
                    kept[other] = False
    return [peak for peak, keep in zip(peaks, kept, strict=True) if keep]
