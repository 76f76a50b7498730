"""The levels of a pyramidal TIFF file, left on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray


class TiffLevel:
    """One level as an array; the file is open only while it is read.

    Parameters
    ----------
    path : Path
    number : int
        0: the finest level.
    """

    def __init__(self, path: Path, number: int) -> None:
        self._path, self._number = path, number
        with self._array() as array:
            self.shape: tuple[int, ...] = array.shape
            self.chunks: tuple[int, ...] = array.chunks
            self.dtype: np.dtype[Any] = array.dtype

    def __getitem__(self, part: Any) -> NDArray[Any]:
        with self._array() as array:
            return np.asarray(array[part])

    @contextmanager
    def _array(self) -> Iterator[Any]:
        import zarr

        with tifffile.TiffFile(self._path) as file:
            store = file.series[0].aszarr(level=self._number)
            yield zarr.open_array(store, mode="r")


def tiff_levels(path: Path) -> list[TiffLevel]:
    """Return the levels of a pyramid; none where the file is no pyramid or zarr is not there."""
    with tifffile.TiffFile(path) as file:
        levels = file.series[0].levels
        channels_last = levels[0].axes.endswith(("YX", "YXS"))
    if len(levels) == 1 or not channels_last or find_spec("zarr") is None:
        return []
    return [TiffLevel(path, number) for number in range(len(levels))]
