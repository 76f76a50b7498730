"""The one resampling rule: align_corners=False, for pixels and for the clicks on them.

A box of h x w pixels resized to H x W maps the continuous coordinate x (a pixel's centre is its
index + 0.5) to (x - start) * H / h. Clicks are given by pixel centres, hence the shifts by 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace, is_numpy_array
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from napari_iafpn.geometry.arrays import Array, like
from napari_iafpn.geometry.box import Box

V = TypeVar("V", bound=np.generic)


def resize(values: Array, size: tuple[int, int]) -> Array:
    """Resize (B, C, H, W) float ``values`` to ``size``: bilinear, averaging when it shrinks.

    Returns the input itself where the size does not change. Tensors and arrays come out the same,
    up to rounding.
    """
    if tuple(values.shape[-2:]) == tuple(size):
        return values
    if is_numpy_array(values) or size[1] == 1:  # torch's resize to one column leaves out the rows
        box = Box.whole((values.shape[-2], values.shape[-1]))
        return reframe(values, [box] * len(values), [box] * len(values), size)
    from torch.nn import functional as F

    shrinks = size[0] < values.shape[-2] or size[1] < values.shape[-1]
    return F.interpolate(values, size, mode="bilinear", align_corners=False, antialias=shrinks)


def pick_nearest(values: NDArray[V], size: tuple[int, int]) -> NDArray[V]:
    """Resize (H, W) ids or a mask to ``size``: each pixel is the one in which its middle lies."""
    rows, cols = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size, values.shape, strict=True)
    )
    return values[np.ix_(rows, cols)]


def crop_resize(values: Array, boxes: Sequence[Box], size: tuple[int, int]) -> Array:
    """Crop one box per sample from (B, C, H, W) ``values`` and resize the crops to ``size``."""
    crops = []
    for sample, box in zip(values, boxes, strict=True):
        rows, cols = box.slices
        crops.append(resize(sample[None, :, rows, cols], size))
    return array_namespace(values).concat(crops)


def reframe(
    values: Array, sources: Sequence[Box], targets: Sequence[Box], size: tuple[int, int]
) -> Array:
    """Show values that cover one box of the image in the frame of another box.

    A crop where the target lies inside the source, a paste where it reaches beyond. Exact where a
    target pixel is a source pixel; otherwise bilinear, averaging when it shrinks.

    Parameters
    ----------
    values : (B, C, h, w) float
        At any resolution; sample b covers ``sources[b]``.
    sources, targets : sequences of B boxes
        In the image frame.
    size : (H, W)
        Pixels of the result, which covers ``targets[b]``.

    Returns
    -------
    array or tensor
        (B, C, H, W); zero outside the source, in proportion where it covers part of a pixel.
    """
    source, target = (  # (B, axis, begin and extent)
        np.array([((b.row_start, b.height), (b.col_start, b.width)) for b in boxes], float)
        for boxes in (sources, targets)
    )
    start = target[..., 0] - source[..., 0]
    rows, cols = (
        _Weights.along(
            int(values.shape[axis - 2]),
            source[:, axis, 1],
            start[:, axis],
            target[:, axis, 1],
            size[axis],
        )
        for axis in (0, 1)
    )
    return _weighted(values, rows, cols)


def resample(
    values: Array,
    covered: tuple[int, int],
    start: tuple[float, float],
    extent: tuple[float, float],
    size: tuple[int, int],
) -> Array:
    """Reframe (B, C, h, w) values to a target whose borders may lie between pixels.

    Parameters
    ----------
    values : (B, C, h, w) float
    covered : (int, int)
        Height and width in pixels that the values cover.
    start, extent : (float, float)
        Upper left corner of the target, from that of the values, and its height and width, in the
        same pixels.
    size : (H, W)
    """
    rows, cols = (
        _Weights.along(int(values.shape[axis - 2]), *along)
        for axis, along in enumerate(zip(covered, start, extent, size, strict=True))
    )
    return _weighted(values, rows, cols)


def _weighted(values: Array, rows: _Weights, cols: _Weights) -> Array:
    """Apply the weights of rows and those of columns to (B, C, h, w) values."""
    if is_numpy_array(values):
        # Sparse, since the threads of a dense product would take the processor from the network's.
        parts = zip(rows.sparse(values.dtype), cols.sparse(values.dtype), values, strict=True)
        return np.stack([[r @ (c @ plane.T).T for plane in sample] for r, c, sample in parts])
    import torch

    row_weights = like(rows.dense(), values)  # (B, 1, H, h)
    col_weights = like(cols.dense().swapaxes(2, 3), values)  # (B, 1, w, W)
    with torch.autocast(values.device.type, enabled=False):  # half precision would not be exact
        return row_weights @ values @ col_weights


def paste(values: Array, box: Box, within: Box, size: tuple[int, int]) -> Array:
    """Reframe one sample: ``values`` (1, C, h, w) cover ``box``, the result covers ``within``."""
    if box == within:
        return resize(values, size)
    return reframe(values, [box], [within], size)


@dataclass(frozen=True)
class _Weights:
    """Weights of samples along one axis, of which few are near enough to count."""

    samples: int
    first: NDArray[np.intp]
    """(B, count): the first that counts."""
    band: NDArray[np.float64]
    """(B, count, reach): the weights from there on."""

    @classmethod
    def along(
        cls, samples: int, extent: ArrayLike, start: ArrayLike, length: ArrayLike, count: int
    ) -> _Weights:
        """Weigh ``samples`` values that cover ``extent`` image pixels.

        ``count`` target pixels cover ``length`` image pixels that begin ``start`` after the first
        covered one. These three are (B,) or, for one sample, numbers.
        """
        covered, begin, size = (
            np.asarray(value, float).reshape(-1, 1) for value in (extent, start, length)
        )
        edges = (begin + np.arange(count + 1) * size / count) * samples / covered  # (B, count + 1)
        step = size * samples / (count * covered)
        reach = np.maximum(1.0, step)
        centres = (edges[:, :-1] + edges[:, 1:]) / 2 - 0.5
        # Beyond the border the border's value continues, as in ``resize``.
        centres = np.where(step <= 1, centres.clip(0, samples - 1), centres)
        first = np.clip(np.ceil(centres - reach), 0, samples).astype(np.intp)
        near = first[..., None] + np.arange(int(2 * reach.max()) + 2)
        band = np.maximum(0.0, 1.0 - np.abs(centres[..., None] - near) / reach[..., None])
        band[near >= samples] = 0.0
        total = band.sum(axis=2)
        inside = np.minimum(edges[:, 1:], samples) - np.maximum(edges[:, :-1], 0)
        share = (inside / np.diff(edges)).clip(0, 1) / np.where(total > 0, total, 1.0)
        return cls(samples, first, band * share[..., None])

    def sparse(self, dtype: np.dtype[Any]) -> list[csr_array]:
        """Return B matrices (count, samples)."""
        count, reach = self.band.shape[1:]
        columns = np.minimum(self.first[..., None] + np.arange(reach), self.samples - 1)
        begins, shape = np.arange(count + 1) * reach, (count, self.samples)
        return [
            csr_array((band.ravel().astype(dtype), column.ravel(), begins), shape)
            for band, column in zip(self.band, columns, strict=True)
        ]

    def dense(self) -> NDArray[np.float64]:
        """Return (B, 1, count, samples)."""
        reach = self.band.shape[2]
        weights = np.zeros((*self.first.shape, self.samples + reach))
        np.put_along_axis(weights, self.first[..., None] + np.arange(reach), self.band, axis=2)
        return weights[:, None, :, : self.samples]


def network_size(shape: tuple[int, int], long_side: int, multiple: int = 32) -> tuple[int, int]:
    """Return the input size (H, W) of a network for pixels of ``shape``.

    The long side becomes ``long_side``, the short one keeps the proportion as far as multiples of
    ``multiple`` allow.
    """
    scale = long_side / max(shape)
    height, width = (max(multiple, round(side * scale / multiple) * multiple) for side in shape)
    return height, width
