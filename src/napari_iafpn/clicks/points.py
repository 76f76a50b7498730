"""Clicks as tensors: padded batches of points and the disks drawn from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_iafpn.clicks.click import Click


@dataclass(frozen=True)
class ClickPoints:
    """A padded batch of clicks in the frame of a network's input.

    Attributes
    ----------
    position : Tensor
        (B, M, 2) float, (row, col) in pixels; integers are pixel centres.
    positive : Tensor
        (B, M) bool, the sign.
    valid : Tensor
        (B, M) bool; False marks padding and clicks outside the input, which change nothing.
    """

    position: Tensor
    positive: Tensor
    valid: Tensor

    @classmethod
    def from_clicks(
        cls, batch: Sequence[Sequence[Click]], device: torch.device | str = "cpu"
    ) -> ClickPoints:
        """Pad the click lists of a batch to one length M (which may be 0)."""
        longest = max((len(clicks) for clicks in batch), default=0)
        position = torch.zeros(len(batch), longest, 2)
        positive = torch.zeros(len(batch), longest, dtype=torch.bool)
        valid = torch.zeros(len(batch), longest, dtype=torch.bool)
        for b, clicks in enumerate(batch):
            if clicks:
                position[b, : len(clicks)] = torch.tensor([(c.row, c.col) for c in clicks])
                positive[b, : len(clicks)] = torch.tensor([c.positive for c in clicks])
                valid[b, : len(clicks)] = True
        return cls(position.to(device), positive.to(device), valid.to(device))

    def inside(self, size: tuple[int, int]) -> ClickPoints:
        """Mark the clicks whose pixel lies outside an input of ``size`` (H, W) as invalid."""
        pixel = torch.floor(self.position + 0.5)
        limit = torch.tensor(size, device=pixel.device)
        within = ((pixel >= 0) & (pixel < limit)).all(dim=-1)
        return ClickPoints(self.position, self.positive, self.valid & within)

    def cells(self, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
        """Return the flat index (B, M) of the cell of a ``grid`` (h, w) that contains each click.

        ``size`` (H, W) is the input's; a cell is H / h by W / w px. The continuous coordinate of a
        click is its position + 0.5, so an integer click belongs to cell floor(row / stride) and a
        click at (0, 0) to cell 0. Invalid clicks get some cell of the grid.
        """
        row = torch.floor((self.position[..., 0] + 0.5) * (grid[0] / size[0]))
        col = torch.floor((self.position[..., 1] + 0.5) * (grid[1] / size[1]))
        row, col = row.clamp(0, grid[0] - 1), col.clamp(0, grid[1] - 1)
        return (row * grid[1] + col).long()


def click_map(points: ClickPoints, size: tuple[int, int], radius: float = 5.0) -> Tensor:
    """Draw the click map: (B, 2, H, W), 1 inside the disks of positive (0) and negative (1) clicks.

    A pixel is inside where (y - row)^2 + (x - col)^2 <= radius^2; positions are not rounded.
    ``radius`` is in pixels of the map, so the map is drawn after any resizing. The result has the
    dtype of ``points.position``.
    """
    position = points.position
    half = math.ceil(radius)
    window = torch.arange(-half, half + 2, device=position.device, dtype=position.dtype)
    rows, cols = (torch.floor(position).unbind(-1)[axis][..., None] + window for axis in (0, 1))
    row_distance = (rows - position[..., :1]) ** 2  # (B, M, K)
    col_distance = (cols - position[..., 1:]) ** 2  # (B, M, K)
    inside = row_distance[..., :, None] + col_distance[..., None, :] <= radius**2  # (B, M, K, K)
    inside &= ((rows >= 0) & (rows < size[0]))[..., :, None]
    inside &= ((cols >= 0) & (cols < size[1]))[..., None, :]
    inside &= points.valid[..., None, None]
    plane = torch.where(points.positive, 0, size[0] * size[1])[..., None, None]
    cell = rows.long()[..., :, None] * size[1] + cols.long()[..., None, :]  # (B, M, K, K)
    beside = 2 * size[0] * size[1]  # one more cell, for what is not drawn
    cell = torch.where(inside, plane + cell, beside)
    drawn = torch.zeros(len(position), beside + 1, dtype=position.dtype, device=position.device)
    drawn.scatter_(1, cell.flatten(1), 1.0)
    return drawn[:, :beside].reshape(-1, 2, *size)
