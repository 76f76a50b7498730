"""Label files -> instance ids; what is no label image gets a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.evaluation.readers.sample import areas_of
from napari_iafpn.images.files import read_picture

IGNORE = 255
"""In 8-bit label images, pixels of this value count neither as object nor as background."""

EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


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
    """

    instances: NDArray[np.integer]
    ignore: NDArray[np.bool_] | None = None
    masks: Mapping[int, NDArray[np.bool_]] | None = None

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """The ids that are there, in rising order."""
        return tuple(sorted(areas_of(self.instances) if self.masks is None else self.masks))


class NotIdsError(ValueError):
    """A label file can be read, but its values are no ids of objects."""


def read_labels(path: Path) -> NDArray[np.integer]:
    """Read an (H, W) image of ids in the integer type of the file; a bool one becomes uint8.

    Raises
    ------
    ValueError
        Where the file is unreadable or holds several planes.
    NotIdsError
        Where it holds colours, floats or negative ids.
    """
    values = read_picture(path, indexed=True)
    if values.ndim == 3 and (values[..., :1] == values[..., 1:3]).all():
        values = values[..., 0]  # grey that a format without grey, such as WebP, stores as colours
    if values.ndim == 3:
        raise NotIdsError(
            f"the labels {path} are a colour image; save one channel that holds the id of each "
            "pixel's object"
        )
    return as_ids(values, str(path))


def as_ids(values: NDArray[Any], source: str) -> NDArray[np.integer]:
    """Check that (H, W) ``values`` from ``source`` are ids; see ``read_labels``."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind not in "iu":
        raise NotIdsError(
            f"the labels {source} are of type {values.dtype}, which holds no ids; "
            "convert them to 8, 16 or 32-bit integers"
        )
    if values.dtype.kind == "i" and values.size and values.min() < 0:
        raise NotIdsError(
            f"the labels {source} hold the negative id {values.min()}; number the objects from 1, "
            "with 0 for the background"
        )
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def ids_and_ignored(values: NDArray[np.integer], *, keep_255: bool) -> Truth:
    """Take 255 as ignored in 8-bit ids unless it is kept; in larger types it is an id."""
    if keep_255 or values.dtype != np.uint8:
        return Truth(values)
    ignore: NDArray[np.bool_] = values == IGNORE
    if not ignore.any():
        return Truth(values)
    return Truth(np.where(ignore, np.uint8(0), values), ignore)


def binary_instances(
    values: NDArray[np.integer], source: str, *, split: bool
) -> NDArray[np.integer]:
    """Return a binary mask as one object, or each piece of connected pixels as its own.

    Raises
    ------
    NotIdsError
        Where there is more than one value besides 0.
    """
    inside = values > 0
    found = np.unique(values[inside])
    if found.size > 1:
        raise NotIdsError(
            f"the mask {source} holds {found.size} values besides 0, and a binary mask holds one; "
            "save it without smoothing, or give it as labels"
        )
    if not split:
        return inside.astype(np.uint8)
    pieces: NDArray[np.integer] = ndimage.label(inside, EIGHT_NEIGHBOURS)[0]
    return pieces
