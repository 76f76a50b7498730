"""Label files -> instance ids; what is no label image gets a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_iafpn import exchange
from napari_iafpn.evaluation.readers.sample import areas_of
from napari_iafpn.exchange.formats import FORMATS, format_of
from napari_iafpn.exchange.ids import NotIdsError, are_specks, pieces_of, unsmoothed
from napari_iafpn.images.opening import UnreadableError, sizes

IGNORE = 255
"""In 8-bit label images, pixels of this value count neither as object nor as background."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The truth of one image, without the image.

    Attributes
    ----------
    instances : (H, W) integer
        0 = background.
    ignore : (H, W) bool or None
    masks : mapping of int to (H, W) bool, or None
        The exact masks where objects overlap.
    notes : tuple of str
        Sentences about what reading the file did not keep.
    """

    instances: NDArray[np.integer]
    ignore: NDArray[np.bool_] | None = None
    masks: Mapping[int, NDArray[np.bool_]] | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """The ids that are there, in rising order."""
        return tuple(sorted(areas_of(self.instances) if self.masks is None else self.masks))


def read_labels(path: Path, shape: Callable[[], tuple[int, int]] | None = None) -> LabelFile:
    """Read one plane of ids, in any format of ``exchange``.

    Parameters
    ----------
    path : Path
    shape : callable, optional
        Gives (H, W) of the image, for outlines that do not tell it.

    Raises
    ------
    NotIdsError
        Where the file holds no ids.
    UnreadableError
        Where it is unreadable or holds several planes.
    """
    kind = FORMATS[format_of(path)]
    found = exchange.read_labels(path, shape() if kind.outlines and shape else None)
    planes = found.labels.reshape(-1, *found.plane_shape)
    if len(planes) > 1:
        raise UnreadableError(
            f"{path} holds labels of {sizes(found.labels.shape)} pixels, which is not one "
            "plane; save the plane you want, or open the file in napari"
        )
    if kind.outlines or path.suffix.lower() == ".npz":
        return LabelFile(planes[0], found.notes, may_ignore=False, outlined=kind.outlines)
    mask = unsmoothed(planes[0])
    if mask is not None:
        note = f"{path.name} is a smoothed mask, not a label image; it was cut at half its height"
        return LabelFile(mask, (*found.notes, note))
    if are_specks(planes[0]):
        raise NotIdsError(
            f"the labels {path} are a picture, not ids: their values come in specks; save the id "
            "of each pixel's object, without smoothing or compression losses"
        )
    return LabelFile(planes[0], found.notes)


@dataclass(frozen=True, eq=False)
class LabelFile:
    """The ids of a file.

    Attributes
    ----------
    ids : (H, W) integer
    notes : tuple of str
        Sentences about what reading did not keep.
    may_ignore : bool
        255 is no id in 8 bits; else every value is one.
    outlined : bool
        The file lists its objects, which may have several pieces.
    """

    ids: NDArray[np.integer]
    notes: tuple[str, ...] = ()
    may_ignore: bool = True
    outlined: bool = False

    def truth(self, *, keep_255: bool) -> Truth:
        """Take the values as ids, without 255 where it is ignored."""
        found = ids_and_ignored(self.ids, keep_255=keep_255 or not self.may_ignore)
        return replace(found, notes=self.notes)

    def pieces(self) -> Truth:
        """Take each piece of connected pixels of one value as an object, unless they are listed."""
        return Truth(self.ids if self.outlined else pieces_of(self.ids), notes=self.notes)

    def whole(self) -> Truth:
        """Take whatever is not 0 as one object."""
        return Truth((self.ids > 0).astype(np.uint8), notes=self.notes)


def ids_and_ignored(values: NDArray[np.integer], *, keep_255: bool) -> Truth:
    """Take 255 as ignored in 8-bit ids unless it is kept; in larger types it is an id.

    It also is where the ids reach 254: then it is the next one.
    """
    if keep_255 or values.dtype != np.uint8:
        return Truth(values)
    ignore: NDArray[np.bool_] = values == IGNORE
    if not ignore.any() or (values == IGNORE - 1).any():
        return Truth(values)
    return Truth(np.where(ignore, np.uint8(0), values), ignore)
