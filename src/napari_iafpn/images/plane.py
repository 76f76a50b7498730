"""One plane of an image, read piece by piece in the size a network asks for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.resample import reframe, resize
from napari_iafpn.images.intensity import IntensityScale, robust_limits

SAMPLE_SIDE = 512
CHUNK_PIXELS = 2**20
CACHE_BYTES = 64 * 2**20


class Plane:
    """A grey or colour plane whose pixels are taken to stay as they are.

    Parameters
    ----------
    array : (H, W) or (H, W, 3 or 4) array-like
        numpy, dask, zarr, anything with ``shape`` and ``dtype`` that numpy slices index; bool,
        integer or float. A fourth channel (alpha) is dropped.
    limits : (float, float), optional
        Intensities shown black and white. Default: robust percentiles, jointly over the channels.

    Raises
    ------
    ValueError
        Where the array is empty, no plane, or of a type that is no intensity.
    """

    def __init__(self, array: Any, *, limits: tuple[float, float] | None = None) -> None:
        self._array = array if hasattr(array, "dtype") else np.asarray(array)
        _check(self._array)
        self._channels = min(self._array.shape[2], 3) if len(self._array.shape) == 3 else 1
        low, high = robust_limits(self._sample()) if limits is None else limits
        self._scale = IntensityScale(np.dtype(self._array.dtype), float(low), float(high))
        self._reads: OrderedDict[tuple[Box, tuple[int, int]], NDArray[np.float32]] = OrderedDict()

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return int(self._array.shape[0]), int(self._array.shape[1])

    @property
    def limits(self) -> tuple[float, float]:
        """The image values that become 0 and 1."""
        return self._scale.low, self._scale.high

    def read(self, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the pixels of ``box`` resized to ``size`` (h, w): (3, h, w) in [0, 1], read-only.

        Only the box is read; recent reads are kept.
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
        # Block means leave at least a factor of two to ``reframe``, whose filter is the better one.
        block = max(1, box.height // (2 * size[0])), max(1, box.width // (2 * size[1]))
        if block == (1, 1):
            small = resize(torch.from_numpy(self._pixels(box))[None], size)
        else:
            means = torch.from_numpy(self._block_means(box, block))[None]
            covered = Box(
                box.row_start,
                box.row_start + means.shape[2] * block[0],
                box.col_start,
                box.col_start + means.shape[3] * block[1],
            )
            small = reframe(means, [covered], [box], size)
        grey_or_colour: NDArray[np.float32] = small[0].clamp(0, 1).numpy()
        return np.repeat(grey_or_colour, 3 // self._channels, axis=0)

    def _block_means(self, box: Box, block: tuple[int, int]) -> NDArray[np.float32]:
        """Average blocks of pixels, the last ones continued beyond the box: (C, rows, cols)."""
        step = max(1, CHUNK_PIXELS // (block[0] * box.width)) * block[0]
        return np.concatenate(
            [
                _average(
                    self._pixels(
                        Box(start, min(start + step, box.row_stop), box.col_start, box.col_stop)
                    ),
                    block,
                )
                for start in range(box.row_start, box.row_stop, step)
            ],
            axis=1,
        )

    def _pixels(self, box: Box) -> NDArray[np.float32]:
        """Return intensities in [0, 1], (C, height, width), C = 1 or 3."""
        pixels = self._scale(self._load(self._array[box.slices]))
        if self._channels == 1:
            return pixels.reshape(1, *box.shape)
        return np.ascontiguousarray(np.moveaxis(pixels, 2, 0))

    def _sample(self) -> NDArray[Any]:
        """Return a regular subsample of at most about ``SAMPLE_SIDE`` squared pixels."""
        rows, cols = (-(-side // SAMPLE_SIDE) for side in self.shape)
        return self._load(self._array[::rows, ::cols])

    def _load(self, part: Any) -> NDArray[Any]:
        """Bring a piece of the image into memory, in native byte order and without alpha."""
        values = np.asarray(part)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        return values[..., : self._channels] if values.ndim == 3 else values


def _average(values: NDArray[np.float32], block: tuple[int, int]) -> NDArray[np.float32]:
    """Return the means of blocks of (C, h, w) ``values``; border pixels fill incomplete blocks."""
    missing = [-side % length for side, length in zip(values.shape[1:], block, strict=True)]
    if any(missing):
        values = np.pad(values, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
    means = torch.nn.functional.avg_pool2d(torch.from_numpy(values), block)
    result: NDArray[np.float32] = means.numpy()
    return result


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
