"""Image files of every kind: one plane each, memory-mapped where the file allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from napari_iafpn.images.arrays import planes_of
from napari_iafpn.images.opening import UnfitError, UnreadableError, check_size, opening, sizes
from napari_iafpn.images.tiff import read_tiff, tiff_levels, tiff_shape
from napari_iafpn.images.zarr_groups import pixels_in, zarr_levels

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

AN_IMAGE = "an image"


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
    with opening(path, AN_IMAGE):
        array = _pixels(path, indexed=indexed)
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
    with opening(path, AN_IMAGE):
        planes = planes_of(levels, _plane_in(levels[0].shape, path))
        check_size(planes[0].shape[:2], np.uint8)  # a mask of it
        return planes


def open_levels(path: Path) -> list[Any]:
    """Open all planes of a file at all its resolutions; as ``open_picture`` otherwise."""
    with opening(path, AN_IMAGE):
        levels = LEVELS[_kind(path)](path) if _kind(path) in LEVELS else ()
        return [*levels] or [_pixels(path)]


def read_array(path: Path) -> NDArray[Any]:
    """Read all planes of a file, in its own shape and dtype; raises as ``read_picture`` does."""
    with opening(path, AN_IMAGE):
        return np.asarray(_pixels(path))


def picture_shape(path: Path) -> tuple[int, int]:
    """Return (H, W) of an image file from its header; raises as ``read_picture`` does."""
    with opening(path, AN_IMAGE):
        shape = SHAPES.get(_kind(path), _pillow_shape)(path)
        plane = [n for n, index in zip(shape, _plane_in(shape, path), strict=False) if index != 0]
        return plane[0], plane[1]


def _kind(path: Path) -> str:
    """Return the suffix that tells how a file is read."""
    return ".zarr" if path.is_dir() else path.suffix.lower()


def _pixels(path: Path, *, indexed: bool = False) -> NDArray[Any]:
    reader = READERS.get(_kind(path), _read_indices if indexed else _read_with_pillow)
    return reader(path)


def map_npy(path: Path) -> NDArray[Any]:
    """Map an NPY file into memory; nothing is ever unpickled."""
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    return array


def _read_zarr(path: Path) -> NDArray[Any]:
    return pixels_in(zarr_levels(path)[0])


def _read_with_pillow(path: Path) -> NDArray[Any]:
    with _only_picture(path) as picture:
        # Palettes, CMYK, YCbCr and LAB hold no intensities; grey (1, L, LA, I, F) and RGB(A) do.
        if picture.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            return np.asarray(picture.convert("RGB"))
        if _raw_mode(picture) in DEEP:
            return _deep(path)
        return np.asarray(picture.getchannel("L") if picture.mode == "LA" else picture)


def _read_indices(path: Path) -> NDArray[Any]:
    with _only_picture(path) as picture:
        raw = _raw_mode(picture)
        if raw in DEEP:
            return _deep(path)
        alpha = picture.mode in ("LA", "PA")
        values = np.asarray(picture.getchannel(0) if alpha else picture)
        return values // SPREAD[raw] if raw in SPREAD else values


def _raw_mode(picture: ImageFile.ImageFile) -> str:
    """Return how a PNG keeps its pixels; Pillow makes 8 bits of all but 16 bits of grey."""
    return str(picture.tile[0][3]) if picture.format == "PNG" and picture.tile else ""


def _deep(path: Path) -> NDArray[np.uint16]:
    """Return the grey (H, W) or the colours (H, W, 3 or 4) of a PNG of 16 bits."""
    from imagecodecs import png_decode

    values: NDArray[np.uint16] = png_decode(path.read_bytes())
    return values[..., 0] if values.shape[2] == 2 else values


@contextmanager
def _only_picture(path: Path) -> Iterator[ImageFile.ImageFile]:
    with Image.open(path) as picture:
        frames = getattr(picture, "n_frames", 1)
        # What follows the picture of a JPEG is its preview.
        if frames > 1 and picture.format != "MPO":
            raise UnfitError(f"it holds {frames} pictures")
        yield picture


def _pillow_shape(path: Path) -> tuple[int, ...]:
    with Image.open(path) as picture:
        return picture.height, picture.width


# Pillow's names for what it shortens or spreads to 8 bits.
DEEP = ("LA;16B", "RGB;16B", "RGBA;16B")
SPREAD = {"L;2": 85, "L;4": 17}
"""By what Pillow multiplies few shades of grey, so that they reach from black to white."""

READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    ".npy": map_npy,
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".zarr": _read_zarr,
}

SHAPES: dict[str, Callable[[Path], tuple[int, ...]]] = {
    ".npy": lambda path: map_npy(path).shape,
    ".tif": tiff_shape,
    ".tiff": tiff_shape,
    ".zarr": lambda path: tuple(zarr_levels(path)[0].shape),
}

LEVELS: dict[str, Callable[[Path], Sequence[Any]]] = {
    ".tif": tiff_levels,
    ".tiff": tiff_levels,
    ".zarr": zarr_levels,
}


def _plane_in(shape: tuple[int, ...], path: Path) -> tuple[int | slice, ...]:
    """Return the indices of the only plane in an array of ``shape``."""
    ahead = 0
    while len(shape) - ahead > 2 and shape[ahead] == 1:
        ahead += 1
    plane = shape[ahead:]
    indices: tuple[int | slice, ...] = (0,) * ahead + (slice(None), slice(None))
    if 0 in shape:
        raise UnfitError(f"the image is empty, {sizes(shape)} pixels")
    if len(plane) == 3 and plane[2] == 1:
        return (*indices, 0)
    if len(plane) == 2 or (len(plane) == 3 and plane[2] in (3, 4)):
        return indices
    raise UnreadableError(
        f"{path} holds {sizes(plane)} values, which is not one plane of grey or colour pixels; "
        "save the plane you want, or open the file in napari"
    )
