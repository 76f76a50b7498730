"""One plane of an image, read piece by piece in the size a network asks for."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.resample import resample, resize
from napari_iafpn.images.intensity import SAMPLE_SIDE, IntensityScale, robust_limits, sample
from napari_iafpn.images.levels import LEFT, PyramidLevel, levels_of

CHUNK_PIXELS = 2**20
CACHE_BYTES = 64 * 2**20


class Plane:
    """A grey or colour plane whose pixels are taken to stay as they are.

    Parameters
    ----------
    array : (H, W) or (H, W, 3 or 4) array-like
        numpy, dask, zarr, anything with ``shape`` and ``dtype`` that numpy slices index; bool,
        integer or float. A fourth channel (alpha) is dropped. What is not in memory is read by
        whole chunks, and the newest are kept.
    coarser : sequence of such
        The same plane at lower resolutions, the finest first.
    limits : (float, float), optional
        Intensities shown black and white. Default: robust percentiles, jointly over the channels.
    gamma : float
        What is between black and white is raised to this power.

    Raises
    ------
    ValueError
        Where the array is empty, no plane, or of a type that is no intensity, or where the levels
        do not fit each other.
    OSError
        Where a store fails, also from ``read``.
    """

    def __init__(
        self,
        array: Any,
        *,
        coarser: Sequence[Any] = (),
        limits: tuple[float, float] | None = None,
        gamma: float = 1.0,
    ) -> None:
        array = array if hasattr(array, "dtype") else np.asarray(array)
        _check(array)
        self._levels = levels_of(array, coarser)
        self._dtype = np.dtype(array.dtype)
        self._channels = min(array.shape[2], 3) if len(array.shape) == 3 else 1
        self._show(robust_limits(self._sample()) if limits is None else limits, gamma)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self._levels[0].shape

    @property
    def limits(self) -> tuple[float, float]:
        """The image values that become 0 and 1."""
        return self._scale.low, self._scale.high

    @property
    def gamma(self) -> float:
        """The power to which intensities between 0 and 1 are raised."""
        return self._scale.gamma

    def shown(self, limits: tuple[float, float], gamma: float = 1.0) -> Plane:
        """Return the same pixels, without reading them again, in another contrast."""
        other = copy.copy(self)
        other._show(limits, gamma)
        return other

    def _show(self, limits: tuple[float, float], gamma: float) -> None:
        low, high = limits
        self._scale = IntensityScale(self._dtype, float(low), float(high), float(gamma))
        self._reads: OrderedDict[tuple[Box, tuple[int, int]], NDArray[np.float32]] = OrderedDict()

    def read(self, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the pixels of ``box`` resized to ``size`` (h, w): (3, h, w) in [0, 1], read-only.

        Only the box is read, from the coarsest level that is fine enough; recent reads are kept.
        """
        if not Box.whole(self.shape).encloses(box):
            raise ValueError(
                f"{box} reaches outside the image of {self.shape[0]} x {self.shape[1]}; "
                "choose a box inside it"
            )
        pixels = self._reads.pop((box, size), None)
        if pixels is None:
            pixels = self._resized(box, size)
            pixels.flags.writeable = False
        self._reads[box, size] = pixels
        while sum(read.nbytes for read in self._reads.values()) > CACHE_BYTES:
            self._reads.popitem(last=False)
        return pixels

    def _resized(self, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
        coarser = (level for level in self._levels[:0:-1] if level.suffices(box, size))
        level = next(coarser, self._levels[0])
        part = level.part(box)
        pixels = part.within(level.shape)
        rows, cols = (
            max(1, int(have // (LEFT * want))) for have, want in zip(part.extent, size, strict=True)
        )
        means = self._block_means(level, pixels, (rows, cols))[None]
        if (rows, cols) == (1, 1) and part.extent == pixels.shape:
            small = resize(means, size)
        else:
            covered = means.shape[2] * rows, means.shape[3] * cols
            start = part.start[0] - pixels.row_start, part.start[1] - pixels.col_start
            small = resample(means, covered, start, part.extent, size)
        grey_or_colour: NDArray[np.float32] = np.clip(small[0], 0, 1)
        return np.repeat(grey_or_colour, 3 // self._channels, axis=0)

    def _block_means(
        self, level: PyramidLevel, box: Box, block: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Average blocks of pixels, the last ones continued beyond the box: (C, rows, cols)."""
        if block == (1, 1):
            return self._pixels(level, box)
        rows, cols = (max(1, math.isqrt(CHUNK_PIXELS) // length) * length for length in block)
        bands = [
            [
                _average(self._pixels(level, Box(top, bottom, left, right)), block)
                for left, right in _runs(box.col_start, box.col_stop, cols)
            ]
            for top, bottom in _runs(box.row_start, box.row_stop, rows)
        ]
        return np.concatenate([np.concatenate(band, axis=2) for band in bands], axis=1)

    def _pixels(self, level: PyramidLevel, box: Box) -> NDArray[np.float32]:
        """Return intensities in [0, 1], (C, height, width), C = 1 or 3."""
        pixels = self._scale(level.read(box))
        if self._channels == 1:
            return pixels.reshape(1, *box.shape)
        return np.ascontiguousarray(np.moveaxis(pixels, 2, 0))

    def _sample(self) -> NDArray[Any]:
        """Return pixels for robust limits, of the coarsest level that has enough of them."""
        enough = (level for level in self._levels[::-1] if math.prod(level.shape) >= SAMPLE_SIDE**2)
        return sample(next(enough, self._levels[0]).array)


def _runs(start: int, stop: int, length: int) -> list[tuple[int, int]]:
    """Divide ``start:stop`` into runs of ``length``, the last one shorter."""
    return [(first, min(first + length, stop)) for first in range(start, stop, length)]


def _average(values: NDArray[np.float32], block: tuple[int, int]) -> NDArray[np.float32]:
    """Return the means of blocks of (C, h, w) ``values``; border pixels fill incomplete blocks."""
    missing = [-side % length for side, length in zip(values.shape[1:], block, strict=True)]
    if any(missing):
        values = np.pad(values, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
    images = (Image.fromarray(np.ascontiguousarray(channel)) for channel in values)
    return np.stack([np.asarray(image.reduce(block[::-1])) for image in images])


def _check(array: Any) -> None:
    shape = tuple(array.shape)
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in (3, 4)):
        raise ValueError(
            f"an image of shape {shape} is not one plane; give (rows, columns) or "
            "(rows, columns, 3 or 4), one slice of a stack at a time"
        )
    if 0 in shape:
        raise ValueError(f"the image is empty, its shape is {shape}; give at least one pixel")
    if np.dtype(array.dtype).kind not in "biuf":
        raise ValueError(
            f"an image of type {array.dtype} has no intensities to show; "
            "convert it to an integer, float or bool type"
        )
