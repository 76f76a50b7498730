"""Masks as values: the box around one and its pixels, or runs of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import Click
from napari_iafpn.geometry import Box

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


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


@dataclass(frozen=True, slots=True)
class Cutout:
    """Pixels of a plane, at least one; compared and hashed by content.

    Attributes
    ----------
    box : Box
        The tight box around the pixels, in the image frame.
    packed : bytes
        The mask in the box, row by row, eight pixels a byte.
    """

    box: Box
    packed: bytes

    @classmethod
    def of(cls, mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> Cutout | None:
        """Cut the pixels out of a (h, w) mask whose first pixel is at ``corner``; None: none."""
        box = Box.around(mask)
        if box is None:
            return None
        return cls(box.shifted(*corner), np.packbits(mask[box.slices]).tobytes())

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(box.height, box.width) bool."""
        bits = np.unpackbits(np.frombuffer(self.packed, np.uint8), count=self.box.area)
        return bits.astype(bool).reshape(self.box.shape)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.unpackbits(np.frombuffer(self.packed, np.uint8), count=self.box.area).sum())

    def contains(self, click: Click) -> bool:
        """Tell whether a click lies on one of the pixels."""
        if not self.box.contains(click):
            return False
        row, col = click.pixel
        return bool(self.mask[row - self.box.row_start, col - self.box.col_start])

    def within(self, box: Box) -> NDArray[np.bool_]:
        """Return the (box.height, box.width) mask of what lies in ``box``."""
        mask = np.zeros(box.shape, bool)
        common = box.intersection(self.box)
        if common is not None:
            there = common.shifted(-box.row_start, -box.col_start)
            here = common.shifted(-self.box.row_start, -self.box.col_start)
            mask[there.slices] = self.mask[here.slices]
        return mask

    def prediction(self, shape: tuple[int, int]) -> Prediction:
        """Return the mask as what a prediction for a plane of ``shape`` (H, W) would be."""
        from napari_iafpn.inference import Prediction

        return Prediction(shape, self.box, self.mask.astype(np.float32), Box.whole(shape))


def union(first: Cutout | None, second: Cutout | None) -> Cutout | None:
    """Return the pixels that are in either."""
    if first is None or second is None:
        return first or second
    box = first.box.union(second.box)
    return Cutout.of(first.within(box) | second.within(box), (box.row_start, box.col_start))


def difference(first: Cutout | None, second: Cutout | None) -> Cutout | None:
    """Return the pixels of the first that are not in the second."""
    if first is None or second is None:
        return first
    box = first.box
    return Cutout.of(first.mask & ~second.within(box), (box.row_start, box.col_start))
