"""Arrays as stretches of equal values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class RunLengths:
    """An array as stretches of equal values, row by row.

    Attributes
    ----------
    shape : tuple of int
    values : (N,) array
    counts : (N,) int64
        Length of each stretch.
    """

    shape: tuple[int, ...]
    values: NDArray[Any]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, array: NDArray[Any]) -> RunLengths:
        """Compress an array."""
        flat = array.ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        starts = np.concatenate([[0], changes]) if flat.size else changes
        return cls(array.shape, flat[starts], np.diff(starts, append=flat.size))

    @property
    def array(self) -> NDArray[Any]:
        """The array again."""
        return np.repeat(self.values, self.counts).reshape(self.shape)

    def to_json(self) -> list[int]:
        """Return [value, count, value, count, ...]."""
        numbers = [0] * (2 * len(self.values))
        numbers[::2], numbers[1::2] = self.values.tolist(), self.counts.tolist()
        return [int(number) for number in numbers]

    @classmethod
    def from_json(cls, given: Any, shape: tuple[int, ...], dtype: Any) -> RunLengths:
        """Return what ``to_json`` was given; ValueError where it does not fill ``shape``."""
        size, kind = math.prod(shape), np.dtype(dtype)
        if not isinstance(given, list) or not all(type(number) is int for number in given):
            raise ValueError("stretches of pixels are not whole numbers")
        values, counts = given[::2], given[1::2]
        least, most = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        if values and not least <= min(values) <= max(values) <= most:
            raise ValueError(f"stretches of pixels have values that {kind} cannot hold")
        if len(values) != len(counts) or min(counts, default=1) < 1 or sum(counts) != size:
            raise ValueError(f"the stretches have {sum(counts)} pixels, not {shape}")
        return cls(shape, np.array(values, kind), np.array(counts, np.int64))
