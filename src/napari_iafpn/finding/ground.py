"""Which pixels belong to objects, in the part of a plane that is searched."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import Click
from napari_iafpn.geometry import Box
from napari_iafpn.sessions.cutout import Cutout

Objects = NDArray[np.bool_] | Iterable[Cutout]
"""Pixels of objects: an (H, W) mask of the plane, or each one by itself."""


class Ground:
    """Pixels of a part of a plane, each taken or free; what lies outside is free.

    Parameters
    ----------
    box : Box
        The part, in the image frame.
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        self._pixels = np.zeros(box.shape, bool)

    def take(self, objects: Objects) -> Ground:
        """Take the pixels of objects; return the ground itself."""
        if isinstance(objects, np.ndarray):
            self._pixels |= objects[self.box.slices].astype(bool)
            return self
        for cutout in objects:
            common = self.box.intersection(cutout.box)
            if common is not None:
                self._pixels[self._here(common).slices] |= cutout.within(common)
        return self

    def joined(self, other: Ground) -> Ground:
        """Return what is taken in either, in this part."""
        both = Ground(self.box)
        both._pixels = self._pixels | other.within(self.box)
        return both

    def within(self, box: Box) -> NDArray[np.bool_]:
        """Return (box.height, box.width) bool, where the pixels of ``box`` are taken."""
        taken = np.zeros(box.shape, bool)
        common = self.box.intersection(box)
        if common is not None:
            there = common.shifted(-box.row_start, -box.col_start)
            taken[there.slices] = self._pixels[self._here(common).slices]
        return taken

    def holds(self, click: Click) -> bool:
        """Tell whether a click is on a pixel that is taken."""
        if not self.box.contains(click):
            return False
        row, col = click.pixel
        return bool(self._pixels[row - self.box.row_start, col - self.box.col_start])

    def _here(self, box: Box) -> Box:
        return box.shifted(-self.box.row_start, -self.box.col_start)


def check_objects(name: str, objects: Objects | None, shape: tuple[int, int]) -> None:
    """Raise ValueError where objects are a mask of another size than a plane of ``shape``."""
    if isinstance(objects, np.ndarray) and objects.shape != shape:
        raise ValueError(
            f"the mask {name!r} has shape {objects.shape}, the image {shape}; give a mask of the "
            "image's size"
        )
