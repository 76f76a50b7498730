"""Image files in, masks out: only what one plane needs, memory-mapped where the file allows it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

# What the readers raise for files that are no image or only a part of one.
_UNREADABLE = (
    EOFError,
    IndexError,
    KeyError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def read_picture(path: Path) -> NDArray[Any]:
    """Read one plane from a file.

    Returns
    -------
    (H, W) or (H, W, 3 or 4) in the dtype of the file. Rows and columns are those that the file
    stores, as in napari: an orientation tag of a camera is not applied.

    Raises
    ------
    ValueError
        Where there is no such file, it is no image, or it holds more than one plane.
    """
    if not path.is_file():
        raise ValueError(f"there is no image at {path}; check the path")
    read = READERS.get(path.suffix.lower(), _read_with_pillow)
    try:
        array = read(path)
    except _UNREADABLE as error:
        raise ValueError(
            f"{path} cannot be read as an image ({error}); give a PNG, TIFF, JPEG, WebP or NPY file"
        ) from error
    return _one_plane(array, path)


def encode_mask(mask: NDArray[np.bool_], suffix: str) -> bytes:
    """Encode a bool (H, W) mask as 0 and 255 in uint8, in the format of a file name's suffix."""
    values = mask.view(np.uint8) * np.uint8(255)
    stream = io.BytesIO()
    MASK_WRITERS[suffix](stream, values)
    return stream.getvalue()


def _read_tiff(path: Path) -> NDArray[Any]:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        planar_colour = series.axes == "SYX"
        array: NDArray[Any] = (
            series.asarray()
            if series.dataoffset is None  # compressed or scattered: no memory map
            else tifffile.memmap(path, series=0, mode="r")
        )
    return np.moveaxis(array, 0, -1) if planar_colour else array


def _read_npy(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _read_with_pillow(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        # Palettes, CMYK, YCbCr and LAB hold no intensities; grey (1, L, LA, I, F) and RGB(A) do.
        if picture.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            return np.asarray(picture.convert("RGB"))
        return np.asarray(picture.getchannel("L") if picture.mode == "LA" else picture)


READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    ".npy": _read_npy,
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
}

MASK_WRITERS: dict[str, Callable[[io.BytesIO, NDArray[np.uint8]], object]] = {
    ".npy": lambda stream, values: np.save(stream, values),
    ".png": lambda stream, values: Image.fromarray(values).save(stream, "PNG"),
    ".tif": lambda stream, values: tifffile.imwrite(stream, values, compression="zlib"),
    ".tiff": lambda stream, values: tifffile.imwrite(stream, values, compression="zlib"),
}


def _one_plane(array: NDArray[Any], path: Path) -> NDArray[Any]:
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4)):
        return array
    shape = " x ".join(map(str, array.shape))
    raise ValueError(
        f"{path} holds {shape} values, which is not one plane of grey or colour pixels; "
        "save the plane you want, or open the file in napari"
    )
