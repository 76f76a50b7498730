"""Choosing what the simulated user means."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.geometry import Box
from napari_iafpn.training.settings import ViewConfig

Ids = tuple[int, ...]
Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns that index an image."""


def choose_target(
    sample: Sample, kind: str, view: ViewConfig, rng: np.random.Generator
) -> Ids | None:
    """Return the ids whose union is the target; None where the image has no object to offer."""
    ids = sample.ids(view.min_object)
    if ids.size == 0:
        return None
    chosen = int(rng.choice(ids))
    if kind == "regions":
        return _grow_region(sample, chosen, int(rng.integers(0, 4)), rng)
    if kind == "parts" and rng.random() < 0.5:
        return tuple(int(i) for i in ids)
    if kind == "instances" and ids.size > 1 and rng.random() < view.merge:
        return chosen, int(rng.choice(ids[ids != chosen]))
    return (chosen,)


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
