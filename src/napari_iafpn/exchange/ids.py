"""Values of a file -> ids of objects; masks and pictures are told from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from napari_iafpn.images.opening import UnreadableError

DARK, BRIGHT = 0.1, 0.9
"""Values below and above these shares of the largest are the two plateaus of a smoothed mask."""
PLATEAU_SHARE = 0.5
"""A smoothed mask has so much of its upper half on the upper plateau."""
SOLID = 0.3
"""In ids, more than this share of the pixels equal the pixel on their right and the one below."""
SPECK = 4.0
"""Pieces of fewer pixels on average are no objects ..."""
RECURRING = 2.0
"""... where each value recurs in more than so many of them ..."""
FEWEST_SPECKS = 20
"""... and there are more than these."""


class NotIdsError(UnreadableError):
    """A label file can be read, but its values are no ids of objects."""


def ids_of(values: Any, source: str) -> NDArray[np.integer]:
    """Return values as integer ids in the machine's byte order; bool becomes uint8.

    Raises
    ------
    NotIdsError
        Where a number is below 0 or not whole.
    """
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f":
        return _whole(array, source)
    if array.dtype.kind not in "iu":
        raise NotIdsError(
            f"the labels {source} are of type {array.dtype}, which holds no ids; "
            "convert them to integers"
        )
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise NotIdsError(
            f"the labels {source} hold the negative id {array.min()}; number the objects from 1, "
            "with 0 for the background"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _whole(array: NDArray[Any], source: str) -> NDArray[np.integer]:
    """Return floats, in which ImageJ keeps ids above 65535, as integers."""
    if not (np.isfinite(array).all() and (array == np.floor(array)).all()):
        raise NotIdsError(
            f"the labels {source} are of type {array.dtype} and hold numbers that are not whole, "
            "which are no ids; give a label image"
        )
    if array.min(initial=0) < 0 or array.max(initial=0) >= 2**64:
        raise NotIdsError(
            f"the labels {source} hold ids from {array.min():g} to {array.max():g}; number the "
            "objects from 1, with 0 for the background"
        )
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


def ids_of_colours(values: NDArray[Any], source: str) -> NDArray[np.integer]:
    """Return (..., H, W) ids of (..., H, W, 3 or 4) values in which each object has its own colour.

    Colours are numbered in the order of their packed bytes. Black is the background, or, where
    there is none, the most frequent colour; so is what is transparent. Grey stays as it is.

    Raises
    ------
    NotIdsError
        Where it is a picture and no drawing.
    """
    grey = (values[..., :1] == values[..., 1:3]).all()
    if values.dtype != np.uint8 or values.shape[-1] not in (3, 4) or grey:
        if grey:  # what a format without grey, such as WebP, or a program without it stores
            return ids_of(values[..., 0], source)
        raise NotIdsError(_colour_sentence(source))
    packed = values[..., :3].astype(np.uint32) @ np.array([1, 2**8, 2**16], np.uint32)
    if values.shape[-1] == 4:
        packed[values[..., 3] == 0] = 0
    if not _solid(packed, np.ones(packed.shape, bool)):
        raise NotIdsError(_colour_sentence(source))
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    background = 0 if colours[0] == 0 else int(np.argmax(counts))
    numbers = np.arange(1, len(colours) + 1)
    numbers[background:] -= 1
    numbers[background] = 0
    return numbers.astype(np.uint32)[places.reshape(packed.shape)]


def _colour_sentence(source: str) -> str:
    return (
        f"the labels {source} are a colour image; save one channel that holds the id of each "
        "pixel's object"
    )


def unsmoothed(ids: NDArray[np.integer]) -> NDArray[np.uint8] | None:
    """Return a mask that was resized smoothly or saved as JPEG, cut at half: 0 and 255.

    None where the (H, W) values are none: such a mask has two plateaus, and specks between them.
    """
    top = int(ids.max(initial=0))
    if top < 128 or ids.dtype.itemsize > 2:
        return None
    upper = ids >= top / 2
    if np.count_nonzero(ids >= BRIGHT * top) < PLATEAU_SHARE * np.count_nonzero(upper):
        return None
    rims = np.where((ids > DARK * top) & (ids < BRIGHT * top), ids, 0)
    noise = np.where(ids < top, ids, 0)  # of a JPEG: all over the plateaus
    if not (rims.any() and (are_specks(rims) or are_specks(noise))):
        return None
    mask: NDArray[np.uint8] = upper.astype(np.uint8) * np.uint8(255)
    return mask


def are_specks(ids: NDArray[np.integer]) -> bool:
    """Tell whether (H, W) values come in specks, as in a picture: they are no ids."""
    inside = ids > 0
    if not inside.any() or _solid(ids, inside):
        return False
    pieces = int(pieces_of(ids).max())
    recurring = pieces > max(FEWEST_SPECKS, RECURRING * len(np.unique(ids[inside])))
    return recurring and int(np.count_nonzero(inside)) < SPECK * pieces


def pieces_of(ids: NDArray[np.integer | np.bool_]) -> NDArray[np.integer]:
    """Return the pieces of connected pixels of each id, numbered from 1 in an array of its shape.

    Pixels are connected to their eight neighbours.
    """
    pieces: NDArray[np.integer] = label(ids, connectivity=ids.ndim)  # type: ignore[no-untyped-call]
    return pieces


def _solid(values: NDArray[Any], where: NDArray[np.bool_]) -> bool:
    """Tell whether most pixels that are asked for have neighbours of their own value."""
    here = values[..., :-1, :-1]
    same = (here == values[..., :-1, 1:]) & (here == values[..., 1:, :-1])
    asked = where[..., :-1, :-1]
    return bool(np.count_nonzero(same & asked) > SOLID * np.count_nonzero(asked))
