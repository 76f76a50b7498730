"""The pixels from which robust limits are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.arrays import load

SAMPLE_SIDE = 512
# Longer sides are sampled by runs of pixels, since a store reads whole chunks for single ones.
LONGEST_SIDE, RUN = 2048, 32


def sample(array: Any) -> NDArray[Any]:
    """Return about `SAMPLE_SIDE` squared pixels of a plane, spread over it; fewer of a small one.

    Which ones depends on the shape alone, so that every way of storing the same pixels gives the
    same sample.

    Parameters
    ----------
    array : (H, W) or (H, W, channels) array-like

    Returns
    -------
    (...) or (..., channels) in native byte order, without alpha.
    """
    rows, cols = (_parts(int(side)) for side in array.shape[:2])
    blocks = [load(array, (row, col)) for row in rows for col in cols]
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate([block.reshape(-1, *block.shape[2:]) for block in blocks])


def _parts(side: int) -> list[slice]:
    """Return every n-th pixel of an axis; of a long one, runs that begin at multiples of `RUN`."""
    if side <= LONGEST_SIDE:
        return [slice(None, None, -(-side // SAMPLE_SIDE))]
    starts = np.linspace(0, (side - RUN) // RUN, SAMPLE_SIDE // RUN).astype(int) * RUN
    return [slice(int(start), int(start) + RUN) for start in starts]
