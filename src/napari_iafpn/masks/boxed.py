"""Masks as values: the box around one and its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click


@dataclass(frozen=True, slots=True)
class BoxedMask:
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
    def of(cls, mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> BoxedMask | None:
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
        return self.box.shown_in(box, self.mask)


def union(first: BoxedMask | None, second: BoxedMask | None) -> BoxedMask | None:
    """Return the pixels that are in either."""
    if first is None or second is None:
        return first or second
    box = first.box.union(second.box)
    return BoxedMask.of(first.within(box) | second.within(box), (box.row_start, box.col_start))


def difference(first: BoxedMask | None, second: BoxedMask | None) -> BoxedMask | None:
    """Return the pixels of the first that are not in the second."""
    if first is None or second is None:
        return first
    box = first.box
    return BoxedMask.of(first.mask & ~second.within(box), (box.row_start, box.col_start))
