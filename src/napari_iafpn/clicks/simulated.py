"""The simulated user, who clicks the centre of the largest error region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from napari_iafpn.clicks.click import Click


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
    missing, superfluous = truth & ~mask, mask & ~truth
    if ignore is not None:
        missing, superfluous = missing & ~ignore, superfluous & ~ignore
    depth_missing, at_missing = _deepest(missing, not_clicked)
    depth_superfluous, at_superfluous = _deepest(superfluous, not_clicked)
    if depth_missing > depth_superfluous:
        return Click(*at_missing, positive=True)
    return Click(*at_superfluous, positive=False)


def _deepest(
    region: NDArray[np.bool_], allowed: NDArray[np.bool_] | None
) -> tuple[float, tuple[int, int]]:
    """Return the depth and the place of the deepest pixel, 0 at (0, 0) for an empty region."""
    rows = np.flatnonzero(region.any(axis=1))
    if rows.size == 0:
        return 0.0, (0, 0)
    cols = np.flatnonzero(region.any(axis=0))
    part = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    depth = distance_transform_edt(np.pad(region[part], 1))[1:-1, 1:-1]
    if allowed is not None:
        depth = depth * allowed[part]
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    if depth[row, col] == 0:  # every pixel of the region was clicked before
        return 0.0, (0, 0)
    return float(depth[row, col]), (int(rows[0] + row), int(cols[0] + col))
