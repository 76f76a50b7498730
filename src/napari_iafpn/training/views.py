"""From an annotated image to a training view of fixed size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_iafpn.evaluation.readers import Sample, check_object
from napari_iafpn.geometry import Box
from napari_iafpn.training.settings import Size, ViewConfig, shape_of

Ids = tuple[int, ...]
Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns that index an image."""


def choose_target(
    sample: Sample, kind: str, view: ViewConfig, rng: np.random.Generator
) -> Ids | None:
    """Return the ids whose union is the target; None where the image has no object to offer.

    Of parts the union has all, however small: what is left out of it would be background.
    """
    ids = sample.ids(view.min_object)
    if kind == "parts" and ids.size == 0:
        return _all_parts(sample, view.min_object)
    if ids.size == 0:
        return None
    chosen = int(rng.choice(ids))
    if kind == "regions":
        return _grow_region(sample, chosen, int(rng.integers(0, 4)), rng)
    if kind == "parts" and rng.random() < 0.5:
        return _all_parts(sample, view.min_object)
    if kind == "instances" and ids.size > 1 and rng.random() < view.merge:
        return chosen, int(rng.choice(ids[ids != chosen]))
    return (chosen,)


def _all_parts(sample: Sample, least: int) -> Ids | None:
    """Return all ids with a pixel that counts; None where they have fewer than ``least`` pixels."""
    ids = tuple(i for i in sample.areas if check_object(sample, i) is None)
    return ids if sum(sample.areas[i] for i in ids) >= max(least, 1) else None


def _grow_region(sample: Sample, start: int, additions: int, rng: np.random.Generator) -> Ids:
    """Unite a region with up to ``additions`` neighbours, one after the other."""
    chosen = {start}
    for _ in range(additions):
        mask = np.isin(sample.instances, list(chosen))
        ring = ndimage.binary_dilation(mask, iterations=2) & ~mask
        neighbours = np.unique(sample.instances[ring])
        neighbours = neighbours[neighbours > 0]
        if neighbours.size == 0:
            break
        chosen.add(int(rng.choice(neighbours)))
    if sum(sample.areas[i] for i in chosen) > 0.7 * sample.instances.size:
        return (start,)
    return tuple(sorted(chosen))


def target_slices(sample: Sample, ids: Ids) -> tuple[slice, slice]:
    """Return the box of the union of ``ids`` as (rows, columns)."""
    return reduce(Box.union, (sample.boxes[i] for i in ids)).slices


def target_mask(sample: Sample, ids: Ids, pixels: Pixels) -> NDArray[np.bool_]:
    """Return which of the indexed ``pixels`` belong to one of ``ids``."""
    if sample.masks is not None:
        mask: NDArray[np.bool_] = reduce(np.logical_or, (sample.masks[i][pixels] for i in ids))
        return mask
    instances = sample.instances[pixels]
    return instances == ids[0] if len(ids) == 1 else np.isin(instances, ids)


Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]
LONGEST = 1.5
"""Longer side of a view, in shorter ones."""


@dataclass(frozen=True)
class View:
    """A cut-out of fixed size.

    Attributes
    ----------
    image : Tensor
        (3, H, W) uint8.
    target : (H, W) bool
    others : (H, W) int32
        Ids of all other objects, 0 elsewhere.
    ignore : (H, W) bool
    parts : tuple of (H, W) bool
        The objects that were merged into the target, each of which gets a click; else empty.
    scale : float
        Pixels of the view to a pixel of the image.
    """

    image: Tensor
    target: Mask
    others: Labels
    ignore: Mask
    parts: tuple[Mask, ...] = ()
    scale: float = 1.0

    def changed(
        self,
        image: Callable[[Tensor], Tensor],
        mask: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> View:
        """Return the view with the same change made to its image and to each of its masks."""
        return View(
            image(self.image),
            mask(self.target),
            mask(self.others),
            mask(self.ignore),
            tuple(map(mask, self.parts)),
            self.scale,
        )

    def without_target(self) -> View:
        """Return the view with nothing to find; what was the target is another object."""
        another = np.where(self.target, self.others.max() + 1, self.others)
        return replace(self, target=np.zeros_like(self.target), others=another, parts=())


def choose_view(
    shape: tuple[int, int],
    target: tuple[slice, slice],
    config: ViewConfig,
    rng: np.random.Generator,
) -> Box:
    """Return a box of the image around the target.

    The whole image, or a cut-out whose side is a log-uniform multiple of the object's. As a view
    becomes a square, a strip is cut to ``LONGEST``, or to the object where that is longer. With
    ``rescale`` a crop of fixed scale, which may reach beyond a small image.
    """
    if config.rescale is not None:
        return _fixed_scale(shape, target, config.source_size, config.rescale, rng)
    rows, cols = target
    extent = max(rows.stop - rows.start, cols.stop - cols.start)
    height, width = shape
    if rng.random() >= config.whole:
        low, high = np.log(config.scale)
        side = max(extent * float(np.exp(rng.uniform(low, high))), 40.0)
        aspect = float(np.exp(rng.normal(0.0, 0.12)))
        height, width = min(round(side * aspect), height), min(round(side / aspect), width)
    longest = max(round(LONGEST * min(height, width)), extent)
    height, width = min(height, longest), min(width, longest)
    return Box(
        *_place(rows, height, shape[0], rng),
        *_place(cols, width, shape[1], rng),
    )


def _fixed_scale(
    shape: tuple[int, int],
    target: tuple[slice, slice],
    size: Size,
    rescale: tuple[float, float],
    rng: np.random.Generator,
) -> Box:
    """Return the pixels that ``size`` shows of an image enlarged by a factor of ``rescale``."""
    factor = float(rng.uniform(*rescale))
    height, width = (max(1, round(side / factor)) for side in shape_of(size))
    rows, cols = target
    return Box(*_place(rows, height, shape[0], rng), *_place(cols, width, shape[1], rng))


def _place(extent: slice, side: int, limit: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return ``side`` pixels that hold the extent, else its middle.

    They are inside [0, limit), or all around it where they are more.
    """
    if side > limit:
        return (limit - side) // 2, (limit - side) // 2 + side
    spare = side - (extent.stop - extent.start)
    if spare >= 0:
        start = extent.start - int(rng.integers(0, spare + 1))
    else:
        start = (extent.start + extent.stop - side) // 2
    start = min(max(start, 0), limit - side)
    return start, start + side


def cut_view(sample: Sample, ids: Ids, box: Box, size: Size, *, parts: bool = False) -> View:
    """Cut ``box`` out of the sample, an 8-bit colour image, and resize it to ``size``.

    Beyond the image there is black background. ``parts`` keeps the ``ids`` apart.
    """
    pick, inside = _nearest(box, sample.shape, shape_of(size))
    target = target_mask(sample, ids, pick) & inside
    ignore = np.zeros_like(target) if sample.ignore is None else sample.ignore[pick] & inside
    return View(
        _pixels(sample, box, shape_of(size)),
        target,
        np.where(inside & ~target, sample.instances[pick], 0).astype(np.int32),
        ignore & ~target,
        tuple(target_mask(sample, (i,), pick) & inside for i in ids) if parts else (),
        math.sqrt(target.size / box.area),
    )


def seen_pixels(sample: Sample, ids: Ids, box: Box, size: Size) -> int:
    """Count the target's pixels in a view, without reading its image."""
    pick, inside = _nearest(box, sample.shape, shape_of(size))
    return int(np.count_nonzero(target_mask(sample, ids, pick) & inside))


def _pixels(sample: Sample, box: Box, size: tuple[int, int]) -> Tensor:
    whole = Box.whole(sample.shape)
    seen = box if whole.encloses(box) else box.intersection(whole) or whole
    pixels = torch.from_numpy(sample.image[seen.slices].copy()).permute(2, 0, 1)
    if seen != box:
        cols = seen.col_start - box.col_start, box.col_stop - seen.col_stop
        rows = seen.row_start - box.row_start, box.row_stop - seen.row_stop
        pixels = F.pad(pixels, (*cols, *rows))
    return F.interpolate(pixels[None], size, mode="bilinear", align_corners=False, antialias=True)[
        0
    ]


def _nearest(box: Box, shape: tuple[int, int], size: tuple[int, int]) -> tuple[Pixels, Mask]:
    """Index the pixels of ``box`` under the centres of the result's (align_corners=False).

    The second value tells which of them are in the image of ``shape``; the others index its border.
    """
    rows, cols = (
        np.floor(start + (np.arange(count) + 0.5) * length / count).astype(np.intp)
        for start, length, count in (
            (box.row_start, box.height, size[0]),
            (box.col_start, box.width, size[1]),
        )
    )
    inside = (rows >= 0) & (rows < shape[0]), (cols >= 0) & (cols < shape[1])
    pick = rows.clip(0, shape[0] - 1)[:, None], cols.clip(0, shape[1] - 1)[None]
    return pick, inside[0][:, None] & inside[1][None]
