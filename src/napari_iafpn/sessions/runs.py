"""Arrays of few distinct stretches, kept small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Runs:
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
    def of(cls, array: NDArray[Any]) -> Runs:
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
    def from_json(cls, given: list[int], shape: tuple[int, ...], dtype: Any) -> Runs:
        """Return what ``to_json`` was given; ValueError where it does not fill ``shape``."""
        runs = cls(shape, np.array(given[::2], dtype), np.array(given[1::2], np.int64))
        if int(runs.counts.sum()) != int(np.prod(shape, dtype=np.int64)):
            raise ValueError(f"the stretches have {runs.counts.sum()} pixels, not {shape}")
        return runs
