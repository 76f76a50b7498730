"""Prompts as arrays: padded batches of lines and graph nodes, and the maps drawn from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace

from napari_iafpn.geometry.arrays import Array, device_of, placed
from napari_iafpn.geometry.box import Box
from napari_iafpn.prompts.prompt import Prompt

T = TypeVar("T")


@dataclass(frozen=True)
class PromptTensors:
    """A padded batch of prompts in the frame of a network's input.

    Attributes
    ----------
    segments : array
        (B, S, E, 2) float, the ends (row, col) in pixels of the lines that the maps show: E is 2,
        or 1 where all are points, as clicks are. Integers are pixel centres.
    positive : array
        (B, S) bool, the sign.
    rank : array
        (B, S) int, the place of a line's prompt among those with lines, from 0; -1 marks padding
        and lines outside the input, which change nothing.
    nodes : array
        (B, M, 2) float, (row, col) of the click graph's nodes.
    node_valid : array
        (B, M) bool; False marks padding and nodes outside the input.
    """

    segments: Array
    positive: Array
    rank: Array
    nodes: Array
    node_valid: Array

    @classmethod
    def of(cls, batch: Sequence[Iterable[Prompt]], device: Any = "cpu") -> PromptTensors:
        """Pad the prompts of a batch to one number of lines S and of nodes M (both may be 0).

        Tensors on ``device`` of torch, or numpy arrays where it is None.
        """
        marks = [[prompt for prompt in prompts if prompt.segments] for prompts in batch]
        lines = [
            [(segment, p.positive, rank) for rank, p in enumerate(own) for segment in p.segments]
            for own in marks
        ]
        nodes = [[node for prompt in own for node in prompt.nodes] for own in marks]
        origin = (0.0, 0.0)
        padded = _padded(lines, ((origin, origin), False, -1))
        segments = [[segment for segment, _, _ in own] for own in padded]
        positive = [[sign for _, sign, _ in own] for own in padded]
        rank = [[place for _, _, place in own] for own in padded]
        shown = len(batch), len(padded[0]) if padded else 0
        ends = 1 if all(start == stop for own in segments for start, stop in own) else 2
        padded_nodes = _padded([[(node, True) for node in own] for own in nodes], (origin, False))
        graph = len(batch), len(padded_nodes[0]) if padded_nodes else 0
        places = [[node for node, _ in own] for own in padded_nodes]
        present = [[known for _, known in own] for own in padded_nodes]
        return cls(
            np.array(segments, np.float32).reshape(*shown, 2, 2)[:, :, :ends],
            np.array(positive, bool).reshape(shown),
            np.array(rank, np.int64).reshape(shown),
            np.array(places, np.float32).reshape(*graph, 2),
            np.array(present, bool).reshape(graph),
        ).each(lambda values: placed(values, device))

    @classmethod
    def seen_in(
        cls,
        batch: Sequence[Iterable[Prompt]],
        boxes: Sequence[Box],
        size: tuple[int, int],
        device: Any = "cpu",
        *,
        beyond: bool = False,
    ) -> PromptTensors:
        """Return the prompts of each sample in one box, resized to ``size``.

        What lies outside the box is left out; ``beyond`` keeps it, at places outside the input.
        """
        moved = []
        for prompts, box in zip(batch, boxes, strict=True):
            seen = prompts if beyond else [part for p in prompts if (part := p.within(box))]
            moved.append([prompt.moved(box, size) for prompt in seen])
        tensors = cls.of(moved, device)
        return tensors if beyond else tensors.clamped(size)

    def each(self, change: Callable[[Array], Array]) -> PromptTensors:
        """Return what ``change`` makes of each array."""
        return replace(
            self, **{name: change(getattr(self, name)) for name in self.__dataclass_fields__}
        )

    def to(self, device: Any) -> PromptTensors:
        """Return the tensors on a device."""
        return self.each(lambda tensor: tensor.to(device))

    @property
    def valid(self) -> Array:
        """(B, S) bool; False marks lines that change nothing."""
        return self.rank >= 0

    def clamped(self, size: tuple[int, int]) -> PromptTensors:
        """Keep what lies on the last pixels inside when it is rounded to float32."""
        xp = array_namespace(self.nodes)
        limit = placed(np.array(size, np.float32) - np.float32(0.501), device_of(self.nodes))
        segments, nodes = (xp.minimum(points, limit) for points in (self.segments, self.nodes))
        return replace(self, segments=segments, nodes=nodes)

    def inside(self, size: tuple[int, int]) -> PromptTensors:
        """Mark nodes and lines whose pixels lie outside an input of ``size`` (H, W) as invalid."""
        xp = array_namespace(self.nodes)
        limit = placed(np.array(size, np.float32), device_of(self.nodes))

        def within(points: Array) -> Array:
            pixel = xp.floor(points + 0.5)
            return xp.all((pixel >= 0) & (pixel < limit), axis=-1)

        seen = xp.any(within(self.segments), axis=-1)
        return replace(
            self,
            rank=xp.where(seen, self.rank, -1),
            node_valid=self.node_valid & within(self.nodes),
        )

    def mirrored(self, width: int) -> PromptTensors:
        """Return the prompts on an input whose ``width`` columns are reversed."""
        ends, turn = (
            placed(np.array(values, np.float32), device_of(self.nodes))
            for values in ((0, width - 1), (1, -1))
        )
        return replace(self, segments=ends + turn * self.segments, nodes=ends + turn * self.nodes)

    def joined(self, other: PromptTensors) -> PromptTensors:
        """Return a batch of both, which have the same number of lines and of nodes."""
        both = {n: (getattr(self, n), getattr(other, n)) for n in self.__dataclass_fields__}
        xp = array_namespace(self.nodes)
        return replace(self, **{name: xp.concat(pair) for name, pair in both.items()})

    def pixels(self, size: tuple[int, int]) -> Array:
        """Return the pixel (B, M, 2) of an input of ``size`` (H, W) that contains each node.

        Integers are pixel centres. Invalid nodes get some pixel of the input.
        """
        xp = array_namespace(self.nodes)
        last = placed(np.array(size, np.float32) - 1, device_of(self.nodes))
        inside = xp.maximum(xp.minimum(xp.floor(self.nodes + 0.5), last), xp.zeros_like(last))
        return xp.astype(inside, xp.int64)


def prompt_maps(prompts: PromptTensors, size: tuple[int, int], radius: float = 5.0) -> Array:
    """Draw the maps (B, 2, H, W): 1 within ``radius`` of positive (0) and of negative (1) lines.

    Distances are in pixels of the map, so it is drawn after any resizing; positions are not
    rounded. A click gives a disk, (y - row)^2 + (x - col)^2 <= radius^2. The result has the dtype
    of ``prompts.segments``.
    """
    if prompts.segments.shape[2] == 1:
        return _disks(prompts, size, radius)
    xp = array_namespace(prompts.segments)
    inside = squared_distances(prompts.segments, size) <= radius**2  # (B, S, H, W)
    signs = xp.stack([prompts.positive, ~prompts.positive], axis=1) & prompts.valid[:, None]
    drawn = xp.any(inside[:, None] & signs[..., None, None], axis=2)  # (B, 2, H, W)
    return xp.astype(drawn, prompts.segments.dtype)


def _disks(prompts: PromptTensors, size: tuple[int, int], radius: float) -> Array:
    """Draw points, each in a window of its own: many clicks cost in proportion."""
    position = prompts.segments[:, :, 0]  # (B, S, 2)
    xp, on = array_namespace(position), device_of(position)
    half = math.ceil(radius)
    window = xp.arange(-half, half + 2, device=on, dtype=position.dtype)
    rows, cols = (xp.floor(position[..., axis, None]) + window for axis in (0, 1))
    row_distance = (rows - position[..., :1]) ** 2  # (B, S, K)
    col_distance = (cols - position[..., 1:]) ** 2  # (B, S, K)
    inside = row_distance[..., :, None] + col_distance[..., None, :] <= radius**2  # (B, S, K, K)
    inside &= ((rows >= 0) & (rows < size[0]))[..., :, None]
    inside &= ((cols >= 0) & (cols < size[1]))[..., None, :]
    inside &= prompts.valid[..., None, None]
    plane = xp.astype(~prompts.positive, xp.int64)[..., None, None] * (size[0] * size[1])
    rows, cols = (xp.astype(along, xp.int64) for along in (rows, cols))
    cell = plane + rows[..., :, None] * size[1] + cols[..., None, :]  # (B, S, K, K)
    beside = 2 * size[0] * size[1]  # one more cell, for what is not drawn
    cell = xp.reshape(xp.where(inside, cell, beside), (len(position), -1))
    drawn = xp.zeros((len(position), beside + 1), dtype=position.dtype, device=on)
    drawn[xp.arange(len(position), device=on)[:, None], cell] = 1.0
    return xp.reshape(drawn[:, :beside], (-1, 2, *size))


def squared_distances(segments: Array, size: tuple[int, int]) -> Array:
    """Return the squared distance of every pixel to each line, (B, S, H, W), in pixels.

    Parameters
    ----------
    segments : (B, S, E, 2) float
        The lines' ends (row, col), one or two.
    size : (H, W)
    """
    start = segments[..., 0, :]  # (B, S, 2)
    xp, on = array_namespace(start), device_of(start)
    rows = xp.arange(size[0], device=on, dtype=start.dtype) - start[..., :1]
    cols = xp.arange(size[1], device=on, dtype=start.dtype) - start[..., 1:]
    if segments.shape[2] == 1:
        return rows[..., :, None] ** 2 + cols[..., None, :] ** 2
    way = segments[..., 1, :] - start
    length2 = xp.sum(way**2, axis=-1).clip(min=1e-12)[..., None, None]
    down, right = way[..., 0, None, None], way[..., 1, None, None]
    share = (rows[..., :, None] * down + cols[..., None, :] * right) / length2
    share = share.clip(0.0, 1.0)
    return (rows[..., :, None] - share * down) ** 2 + (cols[..., None, :] - share * right) ** 2


def _padded(rows: list[list[T]], filler: T) -> list[list[T]]:
    longest = max(map(len, rows), default=0)
    return [[*row, *[filler] * (longest - len(row))] for row in rows]
