"""From an annotated image to a training view of fixed size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_iafpn.geometry import Box
from napari_iafpn.training.recipe import ViewConfig
from napari_iafpn.training.sample import Sample
from napari_iafpn.training.targets import Ids, target_mask


@dataclass(frozen=True)
class View:
    """A square cut-out of S x S pixels.

    Attributes
    ----------
    image : Tensor
        (3, S, S) uint8.
    target : (S, S) bool
    others : (S, S) bool
        Every other object.
    ignore : (S, S) bool
    """

    image: Tensor
    target: NDArray[np.bool_]
    others: NDArray[np.bool_]
    ignore: NDArray[np.bool_]


def choose_view(
    shape: tuple[int, int],
    target: tuple[slice, slice],
    config: ViewConfig,
    rng: np.random.Generator,
) -> Box:
    """Return a box of the image around the target.

    The whole image, or a cut-out whose side is a log-uniform multiple of the object's.
    """
    if rng.random() < config.whole:
        return Box.whole(shape)
    rows, cols = target
    side = max(rows.stop - rows.start, cols.stop - cols.start)
    low, high = np.log(config.scale)
    side = max(side * float(np.exp(rng.uniform(low, high))), 40.0)
    aspect = float(np.exp(rng.normal(0.0, 0.12)))
    height = min(round(side * aspect), shape[0])
    width = min(round(side / aspect), shape[1])
    return Box(
        *_place(rows, height, shape[0], rng),
        *_place(cols, width, shape[1], rng),
    )


def _place(extent: slice, side: int, limit: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return ``side`` pixels inside [0, limit) that hold the extent, else its middle."""
    spare = side - (extent.stop - extent.start)
    if spare >= 0:
        start = extent.start - int(rng.integers(0, spare + 1))
    else:
        start = (extent.start + extent.stop - side) // 2
    start = min(max(start, 0), limit - side)
    return start, start + side


def cut_view(sample: Sample, ids: Ids, box: Box, size: int) -> View:
    """Cut ``box`` out of the sample and resize it to ``size`` x ``size``."""
    pixels = torch.from_numpy(sample.image[box.slices].copy()).permute(2, 0, 1)
    image = F.interpolate(
        pixels[None], (size, size), mode="bilinear", align_corners=False, antialias=True
    )[0]
    pick = _nearest(box, size)
    instances = sample.instances[pick]
    target = target_mask(instances, ids)
    ignore = np.zeros_like(target) if sample.ignore is None else sample.ignore[pick]
    return View(image, target, (instances > 0) & ~target, ignore & ~target)


def _nearest(box: Box, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index the pixels of ``box`` under the centres of size x size ones (align_corners=False)."""
    rows, cols = (
        (start + (np.arange(size) + 0.5) * length / size).astype(np.intp)
        for start, length in ((box.row_start, box.height), (box.col_start, box.width))
    )
    return rows[:, None], cols[None]
