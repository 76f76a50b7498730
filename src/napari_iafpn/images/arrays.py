"""Arrays of any store: one plane of them, and pieces of that brought into memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.opening import reason_of


def plane_of(array: Any, indices: tuple[int | slice, ...]) -> Any:
    """Return one plane of an array, to be read later.

    Parameters
    ----------
    array : array-like
        Anything with ``shape`` and ``dtype`` that integers and slices index.
    indices : tuple
        ``slice(None)`` for the axes of rows and columns, an integer for each other one. What
        follows (the channels of colours) is kept.

    Returns
    -------
    array-like
        (H, W) or (H, W, channels).
    """
    return array[indices] if isinstance(array, np.ndarray) else _Cut(array, indices)


def planes_of(levels: Sequence[Any], indices: tuple[int | slice, ...]) -> list[Any]:
    """Return one plane of an image at each of its resolutions.

    Parameters
    ----------
    levels : sequence of array-like
        The image, the finest level first; axes other than those of the plane may shrink, too.
    indices : tuple
        The plane's on the finest level, see `plane_of`.

    Returns
    -------
    list of array-like
        (H, W) or (H, W, channels). Levels on which the plane does not shrink are left out.
    """
    planes: list[Any] = []
    for level in levels:
        there = tuple(
            int((index + 0.5) * level.shape[axis] / levels[0].shape[axis])
            if isinstance(index, int)
            else index
            for axis, index in enumerate(indices)
        )
        plane = plane_of(level, there)
        if not planes or plane.shape != planes[-1].shape:
            planes.append(plane)
    return planes


class _Cut:
    """A plane of an array that is not in memory; many stores read as soon as they are indexed."""

    def __init__(self, array: Any, indices: tuple[int | slice, ...]) -> None:
        self._array, self._indices = array, indices
        fixed = [axis for axis, index in enumerate(indices) if isinstance(index, int)]
        kept = [axis for axis in range(len(array.shape)) if axis not in fixed]
        self.dtype = array.dtype
        self.shape = tuple(int(array.shape[axis]) for axis in kept)
        chunks = getattr(array, "chunks", None)
        self.chunks = chunks and tuple(chunks[axis] for axis in kept)

    def __getitem__(self, part: tuple[slice, slice]) -> Any:
        parts = iter(part)
        return self._array[tuple(i if isinstance(i, int) else next(parts) for i in self._indices)]


def load(array: Any, part: tuple[slice, slice]) -> NDArray[Any]:
    """Bring a part of a plane into memory: in native byte order, without alpha.

    Raises
    ------
    OSError
        Where the store fails, whatever it raises itself.
    """
    try:
        values = np.asarray(array[part])
    # Stores raise whatever their protocol, codec or author does.
    except Exception as error:
        raise OSError(
            f"the image could not be read ({reason_of(error)}); see that its file or server can "
            "be reached"
        ) from error
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return values[..., :3] if values.ndim == 3 else values
