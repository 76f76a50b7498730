"""The simulated user, who clicks the centre of the largest error region, or near it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.prompts.click import Click
from napari_iafpn.prompts.deepest import deepest

MISSING, SUPERFLUOUS = 1, 2


def simulated_click(
    truth: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    ignore: NDArray[np.bool_] | None = None,
    not_clicked: NDArray[np.bool_] | None = None,
) -> Click:
    """Return the next click: the pixel deepest inside a missing or a superfluous region.

    The click is positive where the deepest missing pixel is strictly deeper than the deepest
    superfluous one. Depth is the exact distance to the nearest pixel outside the region; the image
    border and ignored pixels are outside. The first pixel in row-major order wins a tie; a perfect
    mask gets a negative click at (0, 0).

    Parameters
    ----------
    truth, mask : (H, W) bool
        The object as it is and as it is segmented so far.
    ignore : (H, W) bool, optional
        Pixels that count neither as object nor as background.
    not_clicked : (H, W) bool, optional
        False at the pixels that were clicked before; none of them is clicked again.
    """
    return _centre(truth, mask, ignore, not_clicked)[0]


def jittered_click(
    truth: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    ignore: NDArray[np.bool_] | None = None,
    not_clicked: NDArray[np.bool_] | None = None,
    *,
    jitter: float,
    rng: np.random.Generator,
) -> Click:
    """Return a click of a user who aims at the simulated click and misses it.

    All pixels closer to the aim than ``jitter`` times its depth are equally likely. They lie in
    the same error region, because the depth is the distance to its border: with 0 it is the aim
    itself, with 1 the click may touch the border where that is nearest.

    Parameters
    ----------
    truth, mask, ignore, not_clicked
        As of ``simulated_click``.
    jitter : float
        From 0 to 1.
    rng : Generator
        Asked once per click.
    """
    aim, depth2 = _centre(truth, mask, ignore, not_clicked)
    if depth2 == 0:
        return aim
    row, col = aim.pixel
    reach = int(jitter * depth2**0.5)
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    distance2 = rows**2 + cols**2
    # Pixels at the very depth may be outside, and beyond the image too.
    near = (distance2 <= jitter**2 * depth2) & (distance2 < depth2)
    rows, cols = row + rows[near], col + cols[near]
    if not_clicked is not None:
        free = not_clicked[rows, cols]
        rows, cols = rows[free], cols[free]
    chosen = rng.integers(len(rows))
    return Click(rows[chosen], cols[chosen], aim.positive)


def _centre(
    truth: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    ignore: NDArray[np.bool_] | None,
    not_clicked: NDArray[np.bool_] | None,
) -> tuple[Click, int]:
    """Return the simulated click and its squared depth, 0 where no error is left to click."""
    errors = (truth > mask).view(np.uint8) * np.uint8(MISSING)
    errors += (mask > truth).view(np.uint8) * np.uint8(SUPERFLUOUS)
    if ignore is not None:
        errors *= ~ignore
    found = deepest(errors, not_clicked)
    if found is None:
        return Click(0, 0, positive=False), 0
    depth2, row, col = found
    return Click(row, col, positive=bool(errors[row, col] == MISSING)), depth2
