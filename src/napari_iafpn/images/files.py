"""Image files of every kind: one plane each, memory-mapped where the file allows it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.images.arrays import planes_of
from napari_iafpn.images.pyramidal_tiff import tiff_levels

SUFFIXES = (
    ".png",
    ".tif",
    ".tiff",
    ".jpg",
    ".jpeg",
    ".webp",
    ".bmp",
    ".npy",
    ".zarr",
)
"""Names of image files end like this; a ``.zarr`` is a folder."""

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


def read_picture(path: Path, *, indexed: bool = False) -> NDArray[Any]:
    """Read one plane from a file.

    Parameters
    ----------
    path : Path
    indexed : bool
        The file holds ids: a palette image gives its indices, not its colours.

    Returns
    -------
    (H, W) or (H, W, 3 or 4) in the dtype of the file. Rows and columns are those that the file
    stores, as in napari: an orientation tag of a camera is not applied.

    Raises
    ------
    ValueError
        Where there is no such file, it is no image, or it holds more than one plane.
    """
    array: NDArray[Any] = _open(path, lambda: _reader(path, indexed)(path))
    return array[_plane_in(array.shape, path)]


def open_picture(path: Path) -> list[Any]:
    """Open one plane of a file at all its resolutions, the finest first.

    zarr folders and pyramidal TIFF files stay on the disk and are read piece by piece.

    Returns
    -------
    list of (H, W) or (H, W, 3 or 4) array-like

    Raises
    ------
    ValueError
        As ``read_picture`` does.
    """
    levels = open_levels(path)
    return planes_of(levels, _plane_in(levels[0].shape, path))


def open_levels(path: Path) -> list[Any]:
    """Open all planes of a file at all its resolutions; as ``open_picture`` otherwise."""
    levels: list[Any] = _open(path, lambda: _levels_in(path))
    return levels


def _levels_in(path: Path) -> list[Any]:
    suffix = path.suffix.lower()
    levels = LEVELS[suffix](path) if suffix in LEVELS else ()
    return [*levels] or [_reader(path, indexed=False)(path)]


def read_array(path: Path) -> NDArray[Any]:
    """Read all planes of a file, in its own shape and dtype; raises as ``read_picture`` does."""
    array: NDArray[Any] = _open(path, lambda: np.asarray(_reader(path, indexed=False)(path)))
    return array


def picture_shape(path: Path) -> tuple[int, int]:
    """Return (H, W) of an image file from its header; raises as ``read_picture`` does."""
    shape = _open(path, lambda: SHAPES.get(path.suffix.lower(), _pillow_shape)(path))
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape[0], shape[1]


def _open(path: Path, read: Callable[[], Any]) -> Any:
    if not (path.is_dir() if path.suffix.lower() == ".zarr" else path.is_file()):
        raise ValueError(f"there is no image at {path}; check the path")
    try:
        return read()
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{path} needs {error.name}, which is not installed; "
            "run: pip install 'napari-iafpn[formats]'"
        ) from error
    except _UNREADABLE as error:
        raise ValueError(
            f"{path} cannot be read as an image ({error}); give a PNG, TIFF, JPEG, WebP or NPY file"
        ) from error


def _reader(path: Path, indexed: bool) -> Callable[[Path], NDArray[Any]]:
    return READERS.get(path.suffix.lower(), _read_indices if indexed else _read_with_pillow)


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


def _tiff_shape(path: Path) -> tuple[int, ...]:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        shape: tuple[int, ...] = series.shape
        return shape[1:] if series.axes == "SYX" else shape


def _read_npy(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _zarr_levels(path: Path) -> list[Any]:
    """Open the array in a folder, or the levels of its first OME-Zarr image."""
    import zarr

    opened: Any = zarr.open(path, mode="r")
    if hasattr(opened, "dtype"):
        return [opened]
    attributes = dict(opened.attrs)
    described = attributes.get("ome", attributes)  # where NGFF 0.5 has it
    multiscales = described.get("multiscales") or [{"datasets": [{"path": "0"}]}]
    return [opened[dataset["path"]] for dataset in multiscales[0]["datasets"]]


def _read_zarr(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(_zarr_levels(path)[0][...])
    return array


def _read_with_pillow(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        # Palettes, CMYK, YCbCr and LAB hold no intensities; grey (1, L, LA, I, F) and RGB(A) do.
        if picture.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            return np.asarray(picture.convert("RGB"))
        return np.asarray(picture.getchannel("L") if picture.mode == "LA" else picture)


def _read_indices(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        alpha = picture.mode in ("LA", "PA")
        return np.asarray(picture.getchannel(0) if alpha else picture)


def _pillow_shape(path: Path) -> tuple[int, ...]:
    with Image.open(path) as picture:
        return picture.height, picture.width


READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    ".npy": _read_npy,
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
    ".zarr": _read_zarr,
}

SHAPES: dict[str, Callable[[Path], tuple[int, ...]]] = {
    ".npy": lambda path: _read_npy(path).shape,
    ".tif": _tiff_shape,
    ".tiff": _tiff_shape,
    ".zarr": lambda path: tuple(_zarr_levels(path)[0].shape),
}

LEVELS: dict[str, Callable[[Path], Sequence[Any]]] = {
    ".tif": tiff_levels,
    ".tiff": tiff_levels,
    ".zarr": _zarr_levels,
}


def _plane_in(shape: tuple[int, ...], path: Path) -> tuple[int | slice, ...]:
    """Return the indices of the only plane in an array of ``shape``."""
    ahead = 0
    while len(shape) - ahead > 2 and shape[ahead] == 1:
        ahead += 1
    plane = shape[ahead:]
    indices: tuple[int | slice, ...] = (0,) * ahead + (slice(None), slice(None))
    if len(plane) == 3 and plane[2] == 1:
        return (*indices, 0)
    if len(plane) == 2 or (len(plane) == 3 and plane[2] in (3, 4)):
        return indices
    words = " x ".join(map(str, plane))
    raise ValueError(
        f"{path} holds {words} values, which is not one plane of grey or colour pixels; "
        "save the plane you want, or open the file in napari"
    )
