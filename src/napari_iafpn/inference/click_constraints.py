"""Clicks and strokes are always right.

The networks follow nearly all clicks, but not every one: on faint or tiny parts the pixel under a
click can stay as it was, which no user understands. There the logits are raised or lowered by a
bump just high enough to turn that pixel. Neighbours that are about as unsure turn with it, those of
which the network is sure do not. The pixels of a stroke are turned one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_iafpn.prompts import Prompt

MARGIN = 0.4
"""Logit of a pixel that was turned, above or below 0."""
REACH = 0.15
"""Standard deviation of the bump, in sides of a square as large as the object."""
LEAST_REACH = 0.7
"""The same in pixels, of the smallest bump."""
SUPPORT = 4.0
"""Half the side of the bump's window, in standard deviations."""


Mark = tuple[tuple[int, int], bool]
"""A pixel (row, col), and whether it belongs to the object."""


def enforce_clicks(logits: NDArray[np.float32], prompts: Iterable[Prompt]) -> NDArray[np.float32]:
    """Return the logits with the pixels under clicks and strokes on the side that these say.

    Parameters
    ----------
    logits : (h, w) float32
        The object is where they are above 0.
    prompts : iterable of Prompt
        In the frame of the logits, oldest first; pixels outside are left out. A bump ends half way
        to the next pixel of the other sign; of prompts that contradict each other the newest
        counts.

    Returns
    -------
    (h, w) float32
        ``logits`` itself where all prompts are right.
    """
    height, width = logits.shape
    marks = [
        ((row, col), prompt.positive)
        for prompt in prompts
        for row, col in prompt.pixels
        if 0 <= row < height and 0 <= col < width
    ]
    if all(_is_right(logits, mark) for mark in marks):
        return logits
    widest = REACH * math.sqrt(np.count_nonzero(logits > 0))
    turned: NDArray[np.float32] = logits.copy()
    for mark, nearest in zip(marks, distances_to_other_sign(marks), strict=True):
        if not _is_right(turned, mark):
            _turn(turned, mark, max(LEAST_REACH, min(widest, nearest / 2)))
    # Where both signs are close together, the bump of one mark may turn another back.
    for mark in dict(marks).items():
        if not _is_right(turned, mark):
            turned[mark[0]] = _goal(mark)
    return turned


def distances_to_other_sign(marks: Sequence[Mark]) -> NDArray[np.float64]:
    """Return how far each pixel is from the nearest one of the other sign, inf: there is none."""
    pixels = np.array([pixel for pixel, _ in marks], float)
    positive = np.array([sign for _, sign in marks])
    distances = np.full(len(marks), math.inf)
    if positive.any() and not positive.all():
        # A tree, since many clicks on one object would make all pairs the slowest part.
        for these in (positive, ~positive):
            distances[these] = KDTree(pixels[~these]).query(pixels[these])[0]
    return distances


def _is_right(logits: NDArray[np.float32], mark: Mark) -> bool:
    pixel, positive = mark
    return bool(logits[pixel] > 0) == positive


def _goal(mark: Mark) -> float:
    return MARGIN if mark[1] else -MARGIN


def _turn(logits: NDArray[np.float32], mark: Mark, reach: float) -> None:
    """Bring a pixel to its goal, in place, by a Gaussian bump about it."""
    row, col = mark[0]
    half = math.ceil(SUPPORT * reach)
    top, left = max(0, row - half), max(0, col - half)
    window = logits[top : row + half + 1, left : col + half + 1]
    rows, cols = np.ogrid[: window.shape[0], : window.shape[1]]
    bump = np.exp(-((rows - row + top) ** 2 + (cols - col + left) ** 2) / (2 * reach**2))
    window += ((_goal(mark) - logits[row, col]) * bump).astype(np.float32)
