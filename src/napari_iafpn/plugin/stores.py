"""Where the pixels of new labels are: in the memory, or on the disk where they do not fit in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from napari_iafpn.exchange.opening import needed
from napari_iafpn.plugin.blocks import SIDE
from napari_iafpn.plugin.layers import spatial_shape
from napari_iafpn.plugin.training.sources import file_name

DTYPE = np.dtype(np.int32)
MEMORY_BYTES = 2**31
"""Labels that are larger are kept on the disk."""


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
    shapes = [spatial_shape(image)]
    if DTYPE.itemsize * np.prod(shapes[0], dtype=np.int64) <= MEMORY_BYTES:
        return np.zeros(shapes[0], DTYPE)
    if image.multiscale:
        shapes = [tuple(map(int, shape[: image.ndim])) for shape in image.level_shapes]
    levels = _stored(folder, image.name, shapes)
    return levels if image.multiscale else levels[0]


def _stored(folder: Path, name: str, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    zarr = needed("zarr", "labels that are larger than the memory")
    try:
        path = _new_folder(folder, file_name(name))
        group = zarr.open_group(path, mode="w")
        return [
            group.create_array(
                str(level),
                shape=shape,
                dtype=DTYPE,
                chunks=(1,) * (len(shape) - 2) + tuple(min(SIDE, size) for size in shape[-2:]),
                fill_value=0,
            )
            for level, shape in enumerate(shapes)
        ]
    except OSError as error:
        raise ValueError(
            f"the labels of {name!r} are too large for the memory and cannot be kept in {folder} "
            f"({error.strerror or error}); free some space there, or choose labels of your own"
        ) from error


def _new_folder(folder: Path, stem: str) -> Path:
    """Make a folder that was not there."""
    folder.mkdir(parents=True, exist_ok=True)
    path, number = folder / f"{stem}.zarr", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.zarr", number + 1
    path.mkdir()
    return path
