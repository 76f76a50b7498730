"""Choosing what the simulated user means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.training.recipe import ViewConfig
from napari_iafpn.training.sample import Sample

Ids = tuple[int, ...]


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
    if sample.areas[sorted(chosen)].sum() > 0.7 * sample.instances.size:
        return (start,)
    return tuple(sorted(chosen))


def target_slices(sample: Sample, ids: Ids) -> tuple[slice, slice]:
    """Return the box of the union of ``ids`` as (rows, columns)."""
    boxes = [box for box in (sample.boxes[i - 1] for i in ids) if box is not None]
    rows = slice(min(b[0].start for b in boxes), max(b[0].stop for b in boxes))
    cols = slice(min(b[1].start for b in boxes), max(b[1].stop for b in boxes))
    return rows, cols


def target_mask(instances: NDArray[np.integer], ids: Ids) -> NDArray[np.bool_]:
    """Return where ``instances`` is one of ``ids``."""
    return instances == ids[0] if len(ids) == 1 else np.isin(instances, ids)
