"""Clicks are always right.

The networks follow nearly all clicks, but not every one: on faint or tiny parts the pixel under a
click can stay as it was, which no user understands. There the logits are raised or lowered by a
bump just high enough to turn that pixel. Neighbours that are about as unsure turn with it, those of
which the network is sure do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

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
        In the frame of the logits, oldest first; those outside are left alone. A bump ends half way
        to the next click of the other sign. Of clicks that contradict each other the newest counts.

    Returns
    -------
    (h, w) float32
        ``logits`` itself where all clicks are right.
    """
    clicks = tuple(clicks)
    size = math.sqrt(np.count_nonzero(logits > 0))
    for click in clicks:
        row, col = click.pixel
        if not (0 <= row < logits.shape[0] and 0 <= col < logits.shape[1]):
            continue
        if (logits[row, col] > 0) != click.positive:
            reach = min([REACH * size, *(d / 2 for d in _distances_to_others(click, clicks))])
            goal = MARGIN if click.positive else -MARGIN
            logits = _turned(logits, row, col, goal, max(LEAST_REACH, reach))
    return logits


def _distances_to_others(click: Click, clicks: tuple[Click, ...]) -> list[float]:
    """Return how far the clicks of the other sign are, in pixels."""
    others = [other for other in clicks if other.positive != click.positive]
    return [math.hypot(other.row - click.row, other.col - click.col) for other in others]


def _turned(
    logits: NDArray[np.float32], row: int, col: int, goal: float, reach: float
) -> NDArray[np.float32]:
    """Return the logits with ``goal`` at a pixel, by a Gaussian bump about it."""
    half = math.ceil(SUPPORT * reach)
    top, left = max(0, row - half), max(0, col - half)
    window = np.s_[top : row + half + 1, left : col + half + 1]
    turned: NDArray[np.float32] = logits.copy()
    height, width = turned[window].shape
    rows, cols = np.ogrid[top - row : top - row + height, left - col : left - col + width]
    bump = np.exp(-(rows**2 + cols**2) / (2 * reach**2))
    turned[window] += ((goal - float(logits[row, col])) * bump).astype(np.float32)
    return turned
