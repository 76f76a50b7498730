"""From stored numbers to intensities in [0, 1]."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
