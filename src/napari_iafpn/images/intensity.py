"""From stored numbers to intensities in [0, 1], by limits that a sample of the pixels tells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.arrays import load


def as_rgb8(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an image of any type as (H, W, 3) uint8.

    8-bit images stay as they are. All others are scaled between robust percentiles, jointly over
    the channels, as a prediction without a window scales them. Grey is repeated and a fourth
    channel (alpha) dropped.

    Parameters
    ----------
    image : (H, W) or (H, W, 3 or 4) bool, integer or float
    """
    colours = image[..., :3] if image.ndim == 3 else image[..., None]
    if colours.dtype != np.uint8:
        native = colours.astype(colours.dtype.newbyteorder("="))
        scale = IntensityScale(native.dtype, *robust_limits(sample(native)))
        colours = np.rint(scale(native) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


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


PERCENTILES = (0.1, 99.9)


class IntensityScale:
    """Maps the values of one dtype to [0, 1] between two limits, then to the power of gamma.

    NaN becomes 0 and infinities become the limits. Where the limits are equal, what lies above
    them is 1 and the rest 0.

    Parameters
    ----------
    dtype : numpy dtype
        bool, integer or float.
    low, high : float
        Finite, low <= high, in image values.
    gamma : float
        Above 0.
    """

    def __init__(self, dtype: np.dtype, low: float, high: float, gamma: float = 1.0) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError(
                f"contrast limits ({low}, {high}) are not a range; give two finite numbers, "
                "the lower one first"
            )
        if not 0 < gamma < math.inf:
            raise ValueError(f"gamma {gamma} is none; give a number above 0")
        self.low, self.high, self.gamma = low, high, gamma
        self._table = self._all_values(dtype.newbyteorder("="))

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return ``values`` (this scale's dtype, native byte order) as float32 in [0, 1]."""
        if self._table is None:
            return self._scale(values)
        scaled: NDArray[np.float32] = self._table[values.view(f"u{values.dtype.itemsize}")]
        return scaled

    def _scale(self, values: NDArray[Any]) -> NDArray[np.float32]:
        # Halves, so that the range of any two float64 numbers is finite.
        low, span = self.low * 0.5, self.high * 0.5 - self.low * 0.5
        above = np.nan_to_num(values.astype(np.float64), nan=self.low) * 0.5 - low
        if span == 0:
            return (above > 0).astype(np.float32)
        scaled = np.clip(above, 0, span, out=above) / span
        return (scaled if self.gamma == 1 else scaled**self.gamma).astype(np.float32)

    def _all_values(self, dtype: np.dtype) -> NDArray[np.float32] | None:
        """Tabulate the scale over the bit patterns of a small integer type."""
        if dtype.kind == "f" or dtype.itemsize > 2:
            return None
        patterns = np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
        return self._scale(patterns if dtype.kind == "b" else patterns.view(dtype))


def robust_limits(sample: NDArray[Any]) -> tuple[float, float]:
    """Return the ``PERCENTILES`` of the finite values; their range where those coincide.

    (0, 1) for bool and where no value is finite.
    """
    if sample.dtype.kind == "b":
        return 0.0, 1.0
    values = sample[np.isfinite(sample)].astype(np.float64)
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(values, PERCENTILES))
    if low == high:
        return float(values.min()), float(values.max())
    return low, high
