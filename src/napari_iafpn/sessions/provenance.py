"""What a journal says of images, labels and models: enough to find and check them again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.sessions.blocks import SparseArray
from napari_iafpn.sessions.checks import text, whole

BLOCK = 64
BLOCKS = 4
PLANES = 5
CONTENT_BYTES = 2**30
"""Labels that are larger than this are not kept as they were at the start."""
MEMORY_BYTES = 2**31
"""Labels that are larger than this are not held in the memory as a whole."""
PIECE_BYTES = 2**20
"""Labels that are larger than this are kept in pieces of this size."""
PIECES = "pieces"
AXES = 32


@dataclass(frozen=True)
class ImageProvenance:
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
    def of(cls, id_: str, name: str, path: str, array: Any, *, rgb: bool) -> ImageProvenance:
        """Describe an array; reads some blocks of it."""
        shape = tuple(int(size) for size in array.shape)
        return cls(id_, name, path, shape, str(array.dtype), rgb, fingerprint_of(array))

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> ImageProvenance:
        """Return what ``vars`` gave; ValueError where that cannot be."""
        for name in ("id", "name", "path", "dtype", "fingerprint"):
            text(given[name], name)
        return cls(**{**given, "shape": _shape(given["shape"]), "rgb": bool(given["rgb"])})

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """The shape without colours: that of labels on it."""
        return self.shape[:-1] if self.rgb else self.shape


@dataclass(frozen=True)
class LabelsProvenance:
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
        The pixels, row by row in ``dtype``, little endian, zlib, base64. Empty: all 0. "pieces": in
        pieces of their own, see `content_entries`. None: not kept, since they are more than
        1 GiB.
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
    ) -> LabelsProvenance:
        """Describe labels."""
        shape = tuple(int(size) for size in data.shape)
        return cls(id_, name, image, shape, np.dtype(data.dtype).name, packed(data), place or {})

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> LabelsProvenance:
        """Return what ``vars`` gave; ValueError where that cannot be."""
        for name in ("id", "name", "image", "dtype"):
            text(given[name], name)
        if given["content"] is not None:
            text(given["content"], "content")
        if np.dtype(given["dtype"]).kind not in "iub":
            raise ValueError(f"labels are of the type {given['dtype']}; they must be whole numbers")
        return cls(**{**given, "shape": _shape(given["shape"])})

    def data(self, pieces: Iterable[tuple[int, NDArray[Any]]] = ()) -> Any:
        """Return the pixels at the start; ValueError where they were not kept.

        A numpy array, above 2 GiB a `SparseArray`.

        Parameters
        ----------
        pieces : iterable of (int, (N,) array)
            Where the content is in pieces: what is there of them, each with its first pixel.
        """
        if self.content is None:
            raise ValueError(
                f"the labels {self.name!r} were too large to keep in the session; open them from "
                "their file"
            )
        blank = SparseArray(self.shape, self.dtype)
        if not self.content:
            return blank if size_of(blank) > MEMORY_BYTES else np.zeros(self.shape, self.dtype)
        if size_of(blank) > CONTENT_BYTES:
            raise ValueError(f"the labels {self.name!r} claim {size_of(blank)} bytes")
        if self.content != PIECES:
            pieces = [(0, unpacked(self.content, self.dtype, math.prod(self.shape)))]
        flat = np.zeros(math.prod(self.shape), self.dtype)
        for start, values in pieces:
            flat[start : start + len(values)] = values
        return flat.reshape(self.shape)


def packed(data: Any) -> str | None:
    """Return labels as text, see `LabelsProvenance`."""
    if size_of(data) > CONTENT_BYTES:
        return "" if is_blank(data) else None
    values = np.asarray(data)
    if not values.any():
        return ""
    return PIECES if size_of(values) > PIECE_BYTES else _packed(values)


def content_entries(id_: str, data: Any) -> Iterator[dict[str, Any]]:
    """Yield what a journal tells of the pixels of labels that are kept in pieces.

    Each piece holds the pixels from ``start`` on, packed as in `LabelsProvenance`; those that are
    all 0 are left out. The last entry says how many there are.
    """
    if packed(data) != PIECES:
        return
    flat = np.asarray(data).reshape(-1)
    step = max(PIECE_BYTES // flat.itemsize, 1)
    count = 0
    for start in range(0, len(flat), step):
        values = flat[start : start + step]
        if values.any():
            count += 1
            yield {"entry": "content", "labels": id_, "start": start, "pixels": _packed(values)}
    yield {"entry": "content", "labels": id_, "pieces": count}


def _packed(values: NDArray[Any]) -> str:
    raw = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")


def unpacked(content: str, dtype: str, count: int) -> NDArray[Any]:
    """Return up to ``count`` pixels of labels, flat; ValueError where they are damaged."""
    stored = np.dtype(dtype).newbyteorder("<")
    most = count * stored.itemsize
    try:
        # What expands to more than it can be is never held.
        unzip = zlib.decompressobj()
        raw = unzip.decompress(base64.b64decode(content, validate=True), most + 1)
        if not unzip.eof or len(raw) > most:
            raise ValueError("it does not fit")
        return np.frombuffer(raw, stored).astype(dtype)
    except (zlib.error, binascii.Error, ValueError) as error:
        raise ValueError(f"the pixels of labels are damaged ({error})") from error


def _shape(given: Any) -> tuple[int, ...]:
    """Return the shape of an array; ValueError where it is none."""
    sizes = tuple(whole(size, "size of an axis", 1) for size in given)
    if not 0 < len(sizes) <= AXES or math.prod(sizes) > 2**62:
        raise ValueError(f"{given} is not the shape of an array")
    return sizes


def is_blank(data: Any) -> bool:
    """Tell whether an array is a single 0 that is shown everywhere."""
    return isinstance(data, np.ndarray) and not any(data.strides) and not data.flat[0]


def size_of(data: Any) -> int:
    """Return the bytes of an array-like."""
    return int(np.dtype(data.dtype).itemsize * math.prod(map(int, data.shape)))


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
