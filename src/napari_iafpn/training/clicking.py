"""The simulated user of training: initial clicks and the next click, as in RITM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click, jittered_click
from napari_iafpn.training.settings import ClickConfig
from napari_iafpn.training.views import View

Mask = NDArray[np.bool_]
_SQUARE = np.ones((3, 3), bool)
DEPTH_GRID = 96
"""Side in pixels above which errors are measured on a coarser grid."""
NEIGHBOURS = 4
REACH = 1.5


def initial_clicks(view: View, config: ClickConfig, rng: np.random.Generator) -> list[Click]:
    """Draw the clicks of the first forward pass, in the view's frame.

    1 to ``max_initial`` positive clicks with P(n) ~ decay^(n-1), uniform over the object (eroded
    three times with probability ``erode`` where more than 10 pixels survive); of a target of merged
    objects each gets a click first. 0 to ``max_initial`` negative ones with P(n) ~ decay^n from
    background, other objects or the object's border.
    """
    clicks = _positive_clicks(view, config, rng)
    negatives = _count(config.max_initial, config.decay, rng)
    regions: dict[int, Mask] = {}
    for strategy in rng.choice(3, size=negatives, p=config.negatives):
        if strategy not in regions:
            regions[strategy] = _negative_region(view, int(strategy))
        clicks += _draw(regions[strategy], 1, False, rng)
    return clicks


def _positive_clicks(view: View, config: ClickConfig, rng: np.random.Generator) -> list[Click]:
    """Draw a click in each merged object (in the target, where it is one), then the rest."""
    objects = [part for part in view.parts if part.any()] or [view.target]
    regions = [_eroded(part) if rng.random() < config.erode else part for part in objects]
    clicks = [click for region in regions for click in _draw(region, 1, True, rng)]
    if not clicks:
        return []
    more = _count(max(0, config.max_initial - len(clicks)), config.decay, rng)
    return clicks + _draw(np.logical_or.reduce(regions), more, True, rng)


def next_click(
    probability: NDArray[np.floating],
    target: Mask,
    ignore: Mask,
    rng: np.random.Generator,
) -> Click | None:
    """Return a click in the larger error, uniform where its depth exceeds half the maximum.

    The depth is the distance to the nearest pixel outside the error, borders included; on a tie the
    click is negative. None where nothing is wrong.
    """
    missed = _Depth.of(target & (probability < 0.49) & ~ignore)
    extra = _Depth.of(~target & (probability > 0.49) & ~ignore)
    positive = missed.largest > extra.largest
    error = missed if positive else extra
    if error.largest == 0.0:
        return None
    row, col = error.draw(rng, 0.5)
    return Click(row, col, positive)


def aimed_click(
    probability: NDArray[np.floating],
    target: Mask,
    ignore: Mask,
    rng: np.random.Generator,
    jitter: float,
) -> Click | None:
    """Return the click of a user who aims at the deepest error, as evaluations click.

    See ``prompts.jittered_click``. None where nothing is wrong.
    """
    mask = probability > 0.5
    if not ((mask != target) & ~ignore).any():
        return None
    return jittered_click(target, mask, ignore, jitter=jitter, rng=rng)


def neighbour_clicks(view: View, rng: np.random.Generator) -> list[Click]:
    """Return a negative click deep in each of the nearest objects around the target.

    These are neighbours that a user has finished before, of which a prediction is told without
    another click: at most NEIGHBOURS, each with its middle at most REACH sides of the target's box
    away from the target's middle.
    """
    box = Box.around(view.target)
    if box is None:
        return []
    side, whole = max(box.shape), Box.whole((view.target.shape[0], view.target.shape[1]))
    reach = 2 * REACH * side
    near = box.resized_about_centre(box.height + reach, box.width + reach, whole)
    others = view.others[near.slices]
    ids = np.unique(others[others > 0])
    middles = np.reshape(ndimage.center_of_mass(others > 0, others, ids), (-1, 2))
    target = np.array(ndimage.center_of_mass(view.target)) - (near.row_start, near.col_start)
    away = np.hypot(*(middles - target).T)
    nearest = [i for i in np.argsort(away)[:NEIGHBOURS] if away[i] <= REACH * side]
    places = [_Depth.of(others == ids[i]).draw(rng, 0.8) for i in nearest]
    return [Click(row + near.row_start, col + near.col_start, False) for row, col in places]


def add_click(clicks: list[Click], added: Click, initial: Sequence[Click], slot: int) -> None:
    """Add the simulated user's click to all clicks so far, of which ``initial`` are the first.

    Each sign has as many slots as there can be initial clicks; the initial ones fill them from the
    front, each round fills one from the back: round k of n slots has ``slot`` = n - k. A slot that
    is taken by an initial click is overwritten; rounds beyond the last slot, below 0, only add.
    """
    taken = [i for i, click in enumerate(initial) if click.positive == added.positive]
    if 0 <= slot < len(taken):
        clicks[taken[slot]] = added
    else:
        clicks.append(added)


@dataclass(frozen=True)
class _Depth:
    """Distance to the nearest pixel outside a mask, on every ``stride``-th pixel of its box.

    A coarse grid is enough to draw a random deep pixel, and a transform of a large error would
    cost as much as the network.
    """

    values: NDArray[np.float64]
    start: tuple[int, int] = (0, 0)
    stride: int = 1

    @classmethod
    def of(cls, mask: Mask) -> _Depth:
        box = Box.around(mask)
        if box is None:
            return cls(np.zeros((0, 0)))
        stride = 1 + int(box.area**0.5) // DEPTH_GRID
        while not (inside := mask[box.slices][::stride, ::stride]).any():
            stride -= 1  # too thin for the grid
        depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
        return cls(depth, (box.row_start, box.col_start), stride)

    @property
    def largest(self) -> float:
        return float(self.values.max(initial=0.0)) * self.stride

    def draw(self, rng: np.random.Generator, least: float) -> tuple[float, float]:
        rows, cols = np.nonzero(self.values > self.values.max() * least)
        chosen = int(rng.integers(rows.size))
        return (
            float(rows[chosen] * self.stride + self.start[0]),
            float(cols[chosen] * self.stride + self.start[1]),
        )


def _count(most: int, decay: float, rng: np.random.Generator) -> int:
    weights = decay ** np.arange(most + 1)
    return int(rng.choice(most + 1, p=weights / weights.sum()))


def _draw(region: Mask, count: int, positive: bool, rng: np.random.Generator) -> list[Click]:
    pixels = np.flatnonzero(region)
    if pixels.size == 0:
        return []
    rows, cols = np.divmod(rng.choice(pixels, size=count), region.shape[1])
    return [Click(float(r), float(c), positive) for r, c in zip(rows, cols, strict=True)]


def _eroded(mask: Mask) -> Mask:
    # An object that the view cuts off goes on behind the border.
    smaller: Mask = ndimage.binary_erosion(mask, _SQUARE, iterations=3, border_value=1)
    return smaller if np.count_nonzero(smaller) > 10 else mask


def _negative_region(view: View, strategy: int) -> Mask:
    background: Mask = ~view.target & ~view.ignore
    if strategy == 1 and view.others.any():
        others: Mask = (view.others > 0) & background
        return others
    if strategy == 2 and view.target.any():
        width = int(np.ceil(0.1 * np.sqrt(np.count_nonzero(view.target))))
        grown = ndimage.binary_dilation(view.target, _SQUARE, iterations=width)
        border: Mask = grown & background
        return border
    return background
