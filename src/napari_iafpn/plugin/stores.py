"""Where the pixels of new labels are: in the memory, or on the disk where they do not fit in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from napari_iafpn.images.opening import needed
from napari_iafpn.plugin.levels import write
from napari_iafpn.plugin.training.sources import file_name
from napari_iafpn.sessions.blocks import SIDE, SparseArray
from napari_iafpn.sessions.provenance import MEMORY_BYTES

DTYPE = np.dtype(np.int32)


def blank_labels(image: Image, folder: Path) -> Any:
    """Return labels of an image's size without any object.

    Up to `MEMORY_BYTES` a numpy array. Above it a zarr array in a new folder in ``folder``, called
    after the image; of an image with levels, a list of such arrays of the levels' shapes, so that
    napari shows them without reading more than what is on the screen. Only what is annotated
    takes room there.

    Raises
    ------
    ValueError
        Where the folder cannot be written to, or zarr is missing.
    """
    shapes = _shapes(image)
    if DTYPE.itemsize * np.prod(shapes[0], dtype=np.int64) <= MEMORY_BYTES:
        return np.zeros(shapes[0], DTYPE)
    levels = _stored(folder, image.name, shapes, DTYPE)
    return levels if len(levels) > 1 else levels[0]


def on_disk(data: SparseArray, name: str, image: Image | None, folder: Path) -> Any:
    """Return labels as `blank_labels` makes them, with the objects of ``data``.

    Parameters
    ----------
    data : SparseArray
    name : str
        What to call the folder.
    image : Image, optional
        What they lie on. Without it there is one level.
    folder : Path

    Raises
    ------
    ValueError
        Where the folder cannot be written to, or zarr is missing.
    """
    levels = _stored(folder, name, [data.shape] if image is None else _shapes(image), data.dtype)
    try:
        for region, values in data.written():
            write(levels, region, values)
    except OSError as error:
        raise _no_room(name, folder, error) from error
    return levels if len(levels) > 1 else levels[0]


def _shapes(image: Image) -> list[tuple[int, ...]]:
    """Return the shapes of an image's levels without colour channels, the finest first."""
    return [tuple(int(size) for size in shape[: image.ndim]) for shape in image.level_shapes]


def _stored(
    folder: Path, name: str, shapes: Sequence[tuple[int, ...]], dtype: np.dtype[Any]
) -> list[Any]:
    zarr = needed("zarr", "labels that are larger than the memory")
    try:
        path = _new_folder(folder, file_name(name))
        group = zarr.open_group(path, mode="w")
        return [
            group.create_array(
                str(level),
                shape=shape,
                dtype=dtype,
                chunks=(1,) * (len(shape) - 2) + tuple(min(SIDE, size) for size in shape[-2:]),
                fill_value=0,
            )
            for level, shape in enumerate(shapes)
        ]
    except OSError as error:
        raise _no_room(name, folder, error) from error


def _no_room(name: str, folder: Path, error: OSError) -> ValueError:
    return ValueError(
        f"the labels of {name!r} are too large for the memory and cannot be kept in {folder} "
        f"({error.strerror or error}); free some space there, or choose labels of your own"
    )


def _new_folder(folder: Path, stem: str) -> Path:
    """Make a folder that was not there."""
    folder.mkdir(parents=True, exist_ok=True)
    path, number = folder / f"{stem}.zarr", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.zarr", number + 1
    path.mkdir()
    return path
