"""The first prompt of the simulated user: a click, a box around the object, a stroke along it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks.box_prompt import BoxPrompt
from napari_iafpn.clicks.click import Click
from napari_iafpn.clicks.prompt import Prompt
from napari_iafpn.clicks.stroke import Stroke
from napari_iafpn.geometry.box import Box

FIRST = ("click", "box", "stroke")
STRAY = 0.2
"""How far the side of a box is misplaced at most, with a jitter of 1, in sides of the box."""


def first_prompt(
    kind: str,
    truth: NDArray[np.bool_],
    click: Click,
    *,
    jitter: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Prompt:
    """Return the first prompt on an object.

    Parameters
    ----------
    kind : str
        Of `FIRST`.
    truth : (H, W) bool
        The object; not empty.
    click : Click
        What the user would click first; a stroke goes through it.
    jitter : float
        How badly the box is drawn, 0 to 1: each side is off by up to ``jitter * STRAY`` sides.
    rng : Generator, optional
        Needed where there is a jitter.
    """
    if kind == "click":
        return click
    if kind == "stroke":
        return _stroke(truth, click)
    box = Box.around(truth)
    assert box is not None
    return BoxPrompt(box if rng is None or jitter == 0 else _strayed(box, truth, jitter, rng))


def _strayed(box: Box, truth: NDArray[np.bool_], jitter: float, rng: np.random.Generator) -> Box:
    """Return the box with each side moved on its own, inside the image."""
    off = jitter * STRAY * rng.uniform(-1, 1, 4)
    top, bottom = (round(side) for side in off[:2] * box.height)
    left, right = (round(side) for side in off[2:] * box.width)
    strayed = Box(
        box.row_start + top,
        max(box.row_stop + bottom, box.row_start + top + 1),
        box.col_start + left,
        max(box.col_stop + right, box.col_start + left + 1),
    )
    return strayed.intersection(Box(0, truth.shape[0], 0, truth.shape[1])) or box


def _stroke(truth: NDArray[np.bool_], click: Click) -> Stroke:
    """Return a straight stroke in the object through ``click``, along its longer axis."""
    spread = np.cov(np.stack(np.nonzero(truth)), bias=True) + 1e-9 * np.eye(2)
    along = np.linalg.eigh(spread)[1][:, 1]
    ends = []
    for way in (-along, along):
        place = np.array(click.pixel, float)
        while _is_in(truth, place + way):
            place += way
        ends.append((float(place[0]), float(place[1])))
    return Stroke(tuple(ends))


def _is_in(truth: NDArray[np.bool_], place: NDArray[np.float64]) -> bool:
    row, col = np.floor(place + 0.5).astype(int)
    return bool(0 <= row < truth.shape[0] and 0 <= col < truth.shape[1] and truth[row, col])
