"""The one resampling rule: align_corners=False, for pixels and for the clicks on them.

A box of h x w pixels resized to H x W maps the continuous coordinate x (a pixel's centre is its
index + 0.5) to (x - start) * H / h. Clicks are given by pixel centres, hence the shifts by 0.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_iafpn.clicks import Click, ClickPoints
from napari_iafpn.geometry.box import Box


def resize(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, H, W) float ``values`` to ``size``: bilinear, averaging when it shrinks.

    Returns the input itself where the size does not change.
    """
    if tuple(values.shape[-2:]) == tuple(size):
        return values
    if size[1] == 1:  # torch's averaging resize to one column leaves out the rows
        box = Box.whole((values.shape[-2], values.shape[-1]))
        return reframe(values, [box] * len(values), [box] * len(values), size)
    shrinks = size[0] < values.shape[-2] or size[1] < values.shape[-1]
    return F.interpolate(values, size, mode="bilinear", align_corners=False, antialias=shrinks)


def crop_resize(values: Tensor, boxes: Sequence[Box], size: tuple[int, int]) -> Tensor:
    """Crop one box per sample from (B, C, H, W) ``values`` and resize the crops to ``size``."""
    crops = []
    for sample, box in zip(values, boxes, strict=True):
        rows, cols = box.slices
        crops.append(resize(sample[None, :, rows, cols], size))
    return torch.cat(crops)


def reframe(
    values: Tensor, sources: Sequence[Box], targets: Sequence[Box], size: tuple[int, int]
) -> Tensor:
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
    Tensor
        (B, C, H, W); zero outside the source, in proportion where it covers part of a pixel.
    """
    height, width = int(values.shape[-2]), int(values.shape[-1])
    rows, cols = [], []
    for source, target in zip(sources, targets, strict=True):
        start = (target.row_start - source.row_start, target.col_start - source.col_start)
        rows.append(_axis_weights(height, source.height, start[0], target.height, size[0]))
        cols.append(_axis_weights(width, source.width, start[1], target.width, size[1]))
    return _weighted(values, torch.stack(rows), torch.stack(cols))


def resample(
    values: Tensor,
    covered: tuple[int, int],
    start: tuple[float, float],
    extent: tuple[float, float],
    size: tuple[int, int],
) -> Tensor:
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
        _axis_weights(int(values.shape[axis - 2]), *along)[None]
        for axis, along in enumerate(zip(covered, start, extent, size, strict=True))
    )
    return _weighted(values, rows, cols)


def _weighted(values: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Apply the (B, H, h) weights of rows and the (B, W, w) ones of columns."""
    # First the type, then the place: MPS holds no float64.
    row_weights = rows.to(values.dtype).to(values.device)[:, None]  # (B, 1, H, h)
    col_weights = cols.to(values.dtype).to(values.device)[:, None]  # (B, 1, W, w)
    with torch.autocast(values.device.type, enabled=False):  # half precision would not be exact
        return row_weights @ values @ col_weights.mT


def paste(values: Tensor, box: Box, within: Box, size: tuple[int, int]) -> Tensor:
    """Reframe one sample: ``values`` (1, C, h, w) cover ``box``, the result covers ``within``."""
    if box == within:
        return resize(values, size)
    return reframe(values, [box], [within], size)


def _axis_weights(samples: int, extent: int, start: float, length: float, count: int) -> Tensor:
    """Return the (count, samples) weights along one axis, float64.

    ``samples`` values cover ``extent`` image pixels; ``count`` target pixels cover ``length`` image
    pixels that begin ``start`` after the first covered one.
    """
    edges = (start + np.arange(count + 1) * length / count) * samples / extent
    step = length * samples / (count * extent)
    reach = max(1.0, step)
    centres = (edges[:-1] + edges[1:]) / 2 - 0.5
    # Beyond the border the border's value continues, as in ``resize``.
    centres = centres.clip(0, samples - 1) if step <= 1 else centres
    # Few samples are near enough to count.
    first = np.clip(np.ceil(centres - reach), 0, samples).astype(int)
    near = first[:, None] + np.arange(int(2 * reach) + 2)
    band = np.maximum(0.0, 1.0 - np.abs(centres[:, None] - near) / reach)
    weights = np.zeros((count, samples + near.shape[1]))
    np.put_along_axis(weights, near, band, axis=1)
    weights = weights[:, :samples]
    total = weights.sum(axis=1, keepdims=True)
    covered = np.minimum(edges[1:], samples) - np.maximum(edges[:-1], 0)
    share = (covered / np.diff(edges)).clip(0, 1)[:, None]
    return torch.from_numpy(share * weights / np.where(total > 0, total, 1.0))


def move_click(click: Click, box: Box, size: tuple[int, int]) -> Click:
    """Map a click from the image into ``box`` resized to ``size`` (H, W)."""
    return replace(
        click,
        row=(click.row + 0.5 - box.row_start) * size[0] / box.height - 0.5,
        col=(click.col + 0.5 - box.col_start) * size[1] / box.width - 0.5,
    )


def move_click_back(click: Click, box: Box, size: tuple[int, int]) -> Click:
    """Map a click from ``box`` resized to ``size`` back into the image."""
    return replace(
        click,
        row=(click.row + 0.5) * box.height / size[0] + box.row_start - 0.5,
        col=(click.col + 0.5) * box.width / size[1] + box.col_start - 0.5,
    )


def move_inside(clicks: Iterable[Click], box: Box, size: tuple[int, int]) -> list[Click]:
    """Map the clicks on pixels of ``box`` into it resized to ``size``; leave the others out."""
    # 0.001 px off the far border, so that rounding to float32 keeps a click inside.
    limit = size[0] - 0.501, size[1] - 0.501
    moved = (move_click(click, box, size) for click in clicks if box.contains(click))
    return [replace(m, row=min(m.row, limit[0]), col=min(m.col, limit[1])) for m in moved]


def move_points(points: ClickPoints, boxes: Sequence[Box], size: tuple[int, int]) -> ClickPoints:
    """Map a batch of clicks into one box per sample, each resized to ``size``.

    Clicks outside their box become invalid.
    """
    start = points.position.new_tensor([[b.row_start, b.col_start] for b in boxes])[:, None]
    scale = points.position.new_tensor([[size[0] / b.height, size[1] / b.width] for b in boxes])
    moved = (points.position + 0.5 - start) * scale[:, None] - 0.5
    return replace(points, position=moved).inside(size)


def network_size(shape: tuple[int, int], long_side: int, multiple: int = 32) -> tuple[int, int]:
    """Return the input size (H, W) of a network for pixels of ``shape``.

    The long side becomes ``long_side``, the short one keeps the proportion as far as multiples of
    ``multiple`` allow.
    """
    scale = long_side / max(shape)
    height, width = (max(multiple, round(side * scale / multiple) * multiple) for side in shape)
    return height, width
