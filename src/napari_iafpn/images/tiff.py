"""TIFF files: nothing of them is read as background because it is not there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_iafpn.images.opening import UnfitError, check_size, sizes

PREVIEW = 4
"""An image that is so many times smaller than a later one of its file only shows that one."""


def whole_series(file: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """Return the first image of a file, of which all is there.

    tifffile gives zeros for planes and ends of planes that are not there.

    Raises
    ------
    UnfitError
        Where the file is cut short, its planes lie in other files that are absent, or the first
        image is a preview of a later one.
    """
    _check_chain(file)
    if not file.series:
        raise UnfitError("it holds no image")
    series = file.series[0]
    largest = max(file.series, key=lambda each: each.size)
    if largest.size > PREVIEW * series.size:
        raise UnfitError(
            f"its first image has {sizes(series.shape)} pixels, as a preview of another one of "
            f"{sizes(largest.shape)}; save the one that you want as a file of its own"
        )
    pages = [page for page in series.pages if page is not None]
    if len(pages) < len(series.pages):
        raise UnfitError(_absent_planes(file, len(series.pages) - len(pages), len(series.pages)))
    if series.dataoffset is not None:
        parts = [(file.filehandle, series.dataoffset + series.nbytes)]
    else:
        parts = [
            (page.parent.filehandle, offset + count)
            for page in pages
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        ]
    if not parts or any(end > handle.size for handle, end in parts):
        raise UnfitError("it ends before its pixels do")
    return series


def _check_chain(file: tifffile.TiffFile) -> None:
    """Raise UnfitError where the last page that is there names one more."""
    count = len(file.pages)
    pointer = file.pages.next_page_offset
    if pointer is None:
        return
    file.filehandle.seek(pointer)
    raw = file.filehandle.read(file.tiff.offsetsize)
    if len(raw) < file.tiff.offsetsize or struct.unpack(file.tiff.offsetformat, raw)[0]:
        raise UnfitError(f"it is cut short after {count} page(s)")


def _absent_planes(file: tifffile.TiffFile, absent: int, planes: int) -> str:
    """Say which of the files that an OME-TIFF consists of are not there."""
    told = ElementTree.fromstring(file.ome_metadata).iter() if file.ome_metadata else ()
    names = dict.fromkeys(each.get("FileName") for each in told if each.tag.endswith("UUID"))
    folder = Path(file.filehandle.dirname)
    lost = [name for name in names if name and not (folder / name).exists()]
    where = f"; {', '.join(lost[:3])}{' ...' * (len(lost) > 3)} should lie beside it" * bool(lost)
    return f"{absent} of its {planes} planes are not there{where}"


def pixels_of(series: tifffile.TiffPageSeries) -> NDArray[Any]:
    """Read an image into memory, if that is large enough."""
    check_size(series.shape, series.dtype)
    values: NDArray[Any] = series.asarray()
    return values


def read_tiff(path: Path) -> NDArray[Any]:
    """Return the first image of a file, mapped into memory where it is stored in one piece."""
    with tifffile.TiffFile(path) as file:
        series = whole_series(file)
        if series.dataoffset is None:  # compressed or scattered
            array = pixels_of(series)
        else:
            array = tifffile.memmap(path, series=0, mode="r")
    return np.moveaxis(array, 0, -1) if series.axes == "SYX" else array


def tiff_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of `read_tiff` without reading the pixels."""
    with tifffile.TiffFile(path) as file:
        series = whole_series(file)
        shape: tuple[int, ...] = series.shape
        return (*shape[1:], shape[0]) if series.axes == "SYX" else shape


class TiffLevel:
    """One level of a pyramid as an array; the file is open only while it is read.

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
        levels = whole_series(file).levels
        axes = levels[0].axes
        channels_last = axes.endswith("YXS") or (axes.endswith("YX") and "S" not in axes)
    if len(levels) == 1 or not channels_last or find_spec("zarr") is None:
        return []
    return [TiffLevel(path, number) for number in range(len(levels))]
