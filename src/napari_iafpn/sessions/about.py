"""What a journal says of images, labels and models: enough to find and check them again."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_iafpn.sessions.sparse import SparseArray

BLOCK = 64
BLOCKS = 4
PLANES = 5
CONTENT_BYTES = 256 * 2**20
"""Labels that are larger than this are not kept as they were at the start."""
MEMORY_BYTES = 2**31
"""Labels that are larger than this are not held in the memory as a whole."""


@dataclass(frozen=True)
class ImageAbout:
    """An image.

    Attributes
    ----------
    id : str
        What planes call it.
    name, path : str
        Of the layer and of its file; empty where it has none.
    shape : tuple of int
        Of the array, colours included.
    dtype : str
    rgb : bool
        The last axis holds colours.
    fingerprint : str
        See `fingerprint_of`.
    """

    id: str
    name: str
    path: str
    shape: tuple[int, ...]
    dtype: str
    rgb: bool
    fingerprint: str

    @classmethod
    def of(cls, id_: str, name: str, path: str, array: Any, *, rgb: bool) -> ImageAbout:
        """Describe an array; reads some blocks of it."""
        shape = tuple(int(size) for size in array.shape)
        return cls(id_, name, path, shape, str(array.dtype), rgb, fingerprint_of(array))

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> ImageAbout:
        """Return what ``vars`` gave."""
        return cls(**{**given, "shape": tuple(given["shape"])})


@dataclass(frozen=True)
class LabelsAbout:
    """A labels image as it was when the first object was written.

    Attributes
    ----------
    id : str
    name : str
    image : str
        Id of the image it lies on.
    shape : tuple of int
    dtype : str
    content : str or None
        The pixels, row by row in ``dtype``, little endian, zlib, base64. Empty: all 0. None: not
        kept, since they are more than 256 MiB.
    place : dict
        Axes, scale, units and translation, as `exchange.LabelMetadata.holder` has them; may be
        empty.
    """

    id: str
    name: str
    image: str
    shape: tuple[int, ...]
    dtype: str
    content: str | None
    place: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, id_: str, name: str, image: str, data: Any, place: dict[str, Any] | None = None
    ) -> LabelsAbout:
        """Describe labels."""
        shape = tuple(int(size) for size in data.shape)
        return cls(id_, name, image, shape, np.dtype(data.dtype).name, packed(data), place or {})

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> LabelsAbout:
        """Return what ``vars`` gave."""
        return cls(**{**given, "shape": tuple(given["shape"])})

    def data(self) -> Any:
        """Return the pixels at the start; ValueError where they were not kept.

        A numpy array, above 2 GiB a `SparseArray`.
        """
        if self.content is None:
            raise ValueError(
                f"the labels {self.name!r} were too large to keep in the session; open them from "
                "their file"
            )
        if not self.content:
            blank = SparseArray(self.shape, self.dtype)
            return np.zeros(self.shape, self.dtype) if size_of(blank) <= MEMORY_BYTES else blank
        stored = np.dtype(self.dtype).newbyteorder("<")
        raw = zlib.decompress(base64.b64decode(self.content))
        return np.frombuffer(raw, stored).reshape(self.shape).astype(self.dtype)


def packed(data: Any) -> str | None:
    """Return labels as text, see `LabelsAbout`."""
    if size_of(data) > CONTENT_BYTES:
        return "" if is_blank(data) else None
    values = np.asarray(data)
    if not values.any():
        return ""
    raw = np.ascontiguousarray(values, np.dtype(values.dtype).newbyteorder("<")).tobytes()
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")


def is_blank(data: Any) -> bool:
    """Tell whether an array is a single 0 that is shown everywhere."""
    return isinstance(data, np.ndarray) and not any(data.strides) and not data.flat[0]


def size_of(data: Any) -> int:
    """Return the bytes of an array-like."""
    return int(np.dtype(data.dtype).itemsize * np.prod(data.shape, dtype=np.int64))


def fingerprint_of(array: Any) -> str:
    """Return a hash of shape, type and up to 80 blocks of 64 x 64 pixels of an array.

    Blocks lie on a grid of 4 x 4 in up to 5 planes, so that an image of any size is told from
    another in no time, and an image that is stored another way is the same.
    """
    shape = tuple(int(size) for size in array.shape)
    colours = len(shape) > 2 and shape[-1] in (3, 4)
    rows, cols = shape[-3:-1] if colours else shape[-2:]
    others = shape[: len(shape) - (3 if colours else 2)]
    total = int(np.prod(others, dtype=np.int64))
    digest = hashlib.sha256(f"{shape} {np.dtype(array.dtype).name}".encode())
    for place in sorted({int(p) for p in np.linspace(0, max(total - 1, 0), PLANES)}):
        index = np.unravel_index(place, others) if others else ()
        for row in _starts(rows):
            for col in _starts(cols):
                place_in = (*map(int, index), slice(row, row + BLOCK), slice(col, col + BLOCK))
                values = np.asarray(array[place_in])
                digest.update(
                    np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
                )
    return digest.hexdigest()[:32]


def _starts(size: int) -> list[int]:
    return sorted({int(s) for s in np.linspace(0, max(size - BLOCK, 0), BLOCKS)})
