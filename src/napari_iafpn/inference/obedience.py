"""Clicks are always right.

The networks follow nearly all clicks, but not every one: on faint or tiny parts the pixel under a
click can stay as it was, which no user understands. There the logits are raised or lowered by a
bump just high enough to turn that pixel. Neighbours that are about as unsure turn with it, those of
which the network is sure do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_iafpn.clicks import Click

MARGIN = 0.4
"""Logit of a pixel that was turned, above or below 0."""
REACH = 0.15
"""Standard deviation of the bump, in sides of a square as large as the object."""
LEAST_REACH = 0.7
"""The same in pixels, of the smallest bump."""
SUPPORT = 4.0
"""Half the side of the bump's window, in standard deviations."""


def obeying(logits: NDArray[np.float32], clicks: Iterable[Click]) -> NDArray[np.float32]:
    """Return the logits with the pixels under the clicks on the side that the clicks say.

    Parameters
    ----------
    logits : (h, w) float32
        The object is where they are above 0.
    clicks : iterable of Click
        On pixels of the logits, oldest first. A bump ends half way to the next click of the other
        sign; of clicks that contradict each other the newest counts.

    Returns
    -------
    (h, w) float32
        ``logits`` itself where all clicks are right.
    """
    clicks = tuple(clicks)
    if all(_is_right(logits, click) for click in clicks):
        return logits
    widest = REACH * math.sqrt(np.count_nonzero(logits > 0))
    turned: NDArray[np.float32] = logits.copy()
    for click, nearest in zip(clicks, distances_to_other_sign(clicks), strict=True):
        if not _is_right(turned, click):
            _turn(turned, click, max(LEAST_REACH, min(widest, nearest / 2)))
    return turned


def distances_to_other_sign(clicks: Sequence[Click]) -> NDArray[np.float64]:
    """Return how far each click's pixel is from the nearest one of the other sign, inf: none."""
    pixels = np.array([click.pixel for click in clicks], float)
    positive = np.array([click.positive for click in clicks])
    distances = np.full(len(clicks), math.inf)
    if positive.any() and not positive.all():
        # A tree, since many clicks on one object would make all pairs the slowest part.
        for these in (positive, ~positive):
            distances[these] = KDTree(pixels[~these]).query(pixels[these])[0]
    return distances


def _is_right(logits: NDArray[np.float32], click: Click) -> bool:
    return bool(logits[click.pixel] > 0) == click.positive


def _turn(logits: NDArray[np.float32], click: Click, reach: float) -> None:
    """Bring the pixel under a click to the goal, in place, by a Gaussian bump about it."""
    row, col = click.pixel
    half = math.ceil(SUPPORT * reach)
    top, left = max(0, row - half), max(0, col - half)
    window = logits[top : row + half + 1, left : col + half + 1]
    rows, cols = np.ogrid[: window.shape[0], : window.shape[1]]
    bump = np.exp(-((rows - row + top) ** 2 + (cols - col + left) ** 2) / (2 * reach**2))
    goal = MARGIN if click.positive else -MARGIN
    window += ((goal - logits[row, col]) * bump).astype(np.float32)
