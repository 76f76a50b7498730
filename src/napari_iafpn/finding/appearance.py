"""What the exemplars look like: a linear classifier on features of the network without prompts.

Exemplars are told from their surroundings, then also from what looks least like them; what looks
like them in their surroundings is probably another object of the kind, and is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from napari_iafpn.finding.exemplars import Exemplars
from napari_iafpn.geometry import Box, resize
from napari_iafpn.images import Plane

STRIDE = 4
"""Pixels of the network's input to a cell of the features."""
OBJECT_SIDE = 24.0
"""Side, in pixels of the network's input, of a square as large as an exemplar."""
LARGEST_ENLARGEMENT = 3.0
TILE_SIDE = 1536
"""Longest side of what is searched at once, in pixels of the network's input."""
MARGIN_SIDES = 2.5
"""How far tiles overlap, in sides of the exemplars."""
SMOOTHING = (0.3, 0.8, 2.0)
"""Standard deviations of the smoothed intensities, in radii of the exemplars."""
RING = 1.5
"""Width of the surroundings of an exemplar, in radii."""
WEIGHT = 2000.0
"""Observations that the classifier behaves as if it had seen; cells are far from independent."""
PENALTY = 150.0
"""Of squared coefficients of standardised features: with few exemplars only the plain counts."""
MOST_CELLS = 3000
UNLIKE_SHARE = 0.4
"""Share of all cells that certainly look unlike the exemplars."""
ALIKE = 0.6
"""Surroundings that look alike with a higher probability are left out in the second round."""


class FeatureSource(Protocol):
    """What computes features, such as a `Predictor`."""

    def features(self, plane: Plane, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return (C, h / 4, w / 4) features of a box resized to ``size`` (h, w)."""


@dataclass(frozen=True)
class Tile:
    """A part of the plane that is searched at once.

    Attributes
    ----------
    box : Box
        What is read, in the image frame.
    core : Box
        What is searched of it; the cores of all tiles make the region.
    cells : (C, h, w) float32
    """

    box: Box
    core: Box
    cells: NDArray[np.float32]

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the cells."""
        return self.cells.shape[1], self.cells.shape[2]

    def rows(self) -> NDArray[np.float64]:
        """Return (h * w, C), a row of features for each cell."""
        return self.cells.reshape(len(self.cells), -1).T.astype(np.float64)

    def shares(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return (h, w), the share of each cell that a mask (box.height, box.width) covers."""
        return _means(_means(mask.T, self.grid[1]).T, self.grid[0]).astype(np.float32)


def _means(values: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Return ``count`` means of rows, each of all rows that a ``count``-th of them touches."""
    edges = np.arange(count + 1) * len(values)
    start, stop = edges[:-1] // count, -(-edges[1:] // count)
    sums = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0, dtype=float)])
    means: NDArray[np.float64] = (sums[stop] - sums[start]) / (stop - start)[:, None]
    return means


def scale_of(exemplars: Exemplars) -> float:
    """Return the enlargement at which the exemplars have about `OBJECT_SIDE`."""
    return min(OBJECT_SIDE / (math.sqrt(math.pi) * exemplars.radius), LARGEST_ENLARGEMENT)


def cores_of(region: Box, exemplars: Exemplars) -> list[Box]:
    """Cut a region into parts that are searched at once, those with most exemplars first."""
    cores = _divided(region, max(32, int(TILE_SIDE / scale_of(exemplars))))
    shown = [boxed.box for boxed in exemplars.boxed_masks]
    return sorted(cores, key=lambda core: -sum(core.intersection(b) is not None for b in shown))


def with_margin(core: Box, exemplars: Exemplars, shape: tuple[int, int]) -> Box:
    """Return a part of a plane of ``shape`` (H, W) with what is around it."""
    margin = 2 * math.ceil(MARGIN_SIDES * max(exemplars.sides))
    return core.resized_about_centre(core.height + margin, core.width + margin, Box.whole(shape))


def tile_of(source: FeatureSource, plane: Plane, exemplars: Exemplars, core: Box) -> Tile:
    """Look at a part of the plane and what is around it."""
    box, scale = with_margin(core, exemplars, plane.shape), scale_of(exemplars)
    size = _multiples(box.height * scale), _multiples(box.width * scale)
    found = source.features(plane, box, size)
    smooth = _intensities(plane.read(box, size), exemplars.radius * scale / STRIDE)
    return Tile(box, core, np.concatenate([found, smooth]))


def _divided(region: Box, side: int) -> list[Box]:
    """Cut a region into equal parts of at most ``side`` px."""
    rows, cols = (
        np.linspace(start, stop, math.ceil((stop - start) / side) + 1).round().astype(int).tolist()
        for start, stop in (
            (region.row_start, region.row_stop),
            (region.col_start, region.col_stop),
        )
    )
    return [
        Box(top, bottom, left, right)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(cols)
    ]


def _multiples(length: float) -> int:
    return max(32, round(length / 32) * 32)


def _intensities(pixels: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Return intensities of cells, smoothed at several scales, and how much they vary: (C, h, w).

    ``pixels`` are (3, H, W), ``radius`` that of the exemplars in cells.
    """
    height, width = pixels.shape[1] // STRIDE, pixels.shape[2] // STRIDE
    means = pixels.reshape(3, height, STRIDE, width, STRIDE).mean((2, 4))
    colours = means[:1] if np.array_equal(means[0], means[1]) else means
    parts = [colours]
    for share in SMOOTHING:
        sigma = (0, share * radius, share * radius)
        smooth = ndimage.gaussian_filter(colours, sigma)
        spread = ndimage.gaussian_filter((colours - smooth) ** 2, sigma)
        parts += [smooth, np.sqrt(spread)]
    return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True)
class PixelMap:
    """The appearance of the pixels of a box.

    Attributes
    ----------
    box : Box
        In the image frame.
    values : (box.height, box.width) float32
    """

    box: Box
    values: NDArray[np.float32]

    def within(self, box: Box) -> NDArray[np.float32]:
        """Return (box.height, box.width), of a box inside."""
        return self.values[box.shifted(-self.box.row_start, -self.box.col_start).slices]


@dataclass(frozen=True)
class Appearance:
    """A linear classifier of cells.

    Attributes
    ----------
    mean, spread, weights : (C,) float
        Of the features; weights are of standardised ones.
    bias : float
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float

    def map(self, tile: Tile) -> NDArray[np.float32]:
        """Return (h, w), the probability that each cell of a tile belongs to such an object."""
        scale = self.weights / self.spread
        scores = np.tensordot(scale, tile.cells, 1) + (self.bias - self.mean @ scale)
        probability: NDArray[np.float32] = expit(scores).astype(np.float32)
        return probability

    def of_pixels(self, tile: Tile) -> PixelMap:
        """Return the same for each pixel of a tile."""
        return PixelMap(tile.box, resized(self.map(tile), tile.box.shape))


@dataclass(frozen=True)
class Cells:
    """Rows of features to learn from: of the exemplars, around them, of what is not wanted."""

    inside: NDArray[np.float64]
    weights: NDArray[np.float64]
    around: NDArray[np.float64]
    unlike: NDArray[np.float64]
    anywhere: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: list[Cells]) -> Cells:
        """Put together what several tiles have."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__annotations__
            )
        )


def cells_to_learn_from(
    tile: Tile,
    exemplars: Exemplars,
    committed: NDArray[np.bool_],
    unlike: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Cells:
    """Draw the cells of a tile that say something about the kind.

    ``committed`` and ``unlike`` are (box.height, box.width): objects that are done, of whatever
    kind, and those of them that are not of the kind.
    """
    rows, numbers = tile.rows(), exemplars.inside(tile.box)
    weights = np.zeros(tile.grid)
    for number in np.unique(numbers[numbers > 0]):
        share = tile.shares(numbers == number)
        inner = share >= min(0.5, share.max())
        weights[inner] = 1 / np.count_nonzero(inner)
    taken = tile.shares(committed | (numbers > 0)) > 0.05
    height = tile.box.height / tile.grid[0]
    reach = max(3.0, RING * exemplars.radius / height)
    ours = tile.shares(numbers > 0) > 0.05
    near = ndimage.distance_transform_edt(~ours) <= reach if ours.any() else ours
    against = tile.shares(unlike) > 0.5

    def drawn(wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
        places = np.flatnonzero(wanted)
        if places.size > MOST_CELLS:
            places = rng.choice(places, MOST_CELLS, replace=False)
        return rows[places]

    inner = weights > 0
    return Cells(
        rows[inner.ravel()],
        weights[inner],
        drawn(near & ~taken),
        drawn(against & ~inner),
        drawn(~taken),
    )


def learn(cells: Cells) -> Appearance:
    """Tell the exemplars' cells from the others, in two rounds."""
    known = np.concatenate([cells.inside, cells.around, cells.anywhere])
    mean, spread = known.mean(0), known.std(0) + 1e-3
    inside, around, unlike, anywhere = (
        (rows - mean) / spread
        for rows in (cells.inside, cells.around, cells.unlike, cells.anywhere)
    )
    shares = cells.weights / cells.weights.sum()
    others = [part for part in (around, unlike) if len(part)] or [anywhere]
    first = _fitted(inside, shares, others)
    around = around[expit(_scores(around, first)) < ALIKE]
    order = np.argsort(_scores(anywhere, first))
    far = anywhere[order[: max(1, int(UNLIKE_SHARE * len(order)))]]
    second = _fitted(inside, shares, [p for p in (around, far, unlike) if len(p)] or others)
    return Appearance(mean, spread, second[:-1], float(second[-1]))


def _scores(rows: NDArray[np.float64], fitted: NDArray[np.float64]) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = rows @ fitted[:-1] + fitted[-1]
    return scores


def _fitted(
    inside: NDArray[np.float64], shares: NDArray[np.float64], others: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Fit a logistic regression by Newton's method: (C + 1,), the last one the bias.

    Inside and outside weigh the same, and so do the kinds of outside.
    """
    outside = np.concatenate(others)
    rest = np.concatenate([np.full(len(part), 1 / len(part) / len(others)) for part in others])
    rows = np.concatenate([inside, outside])
    rows = np.c_[rows, np.ones(len(rows))]
    truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    weights = WEIGHT / 2 * np.r_[shares, rest]
    penalty = np.diag(np.r_[np.full(rows.shape[1] - 1, PENALTY), 1e-3])
    found = np.zeros(rows.shape[1])
    for _ in range(20):
        guess = expit(rows @ found)
        gradient = rows.T @ (weights * (guess - truth)) + penalty @ found
        curvature = np.maximum(weights * guess * (1 - guess), 1e-4 * weights)
        step = np.linalg.solve((rows * curvature[:, None]).T @ rows + penalty, gradient)
        found = found - step
        if np.abs(step).max() < 1e-4:
            break
    return found


def resized(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize (h, w) values by the one rule of `geometry.resize`."""
    found: NDArray[np.float32] = resize(values[None, None], size)[0, 0]
    return found
