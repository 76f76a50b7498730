"""Showing a changed part of a Labels layer without napari reading the layer again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_iafpn.plugin.levels import Region, pick, sampled

logger = logging.getLogger(__name__)


Written = Sequence[tuple[Region, NDArray[Any]]]
"""Regions of the finest level, and what was written to each, one after the other."""


def redraw(layer: Labels, written: Written) -> None:
    """Show what was written.

    What napari has of the regions in memory is replaced, and on the graphics card, at once, what
    encloses them; that takes as long as they are large, where a refresh takes as long as the plane
    is.
    """
    if layer.multiscale and hasattr(layer, "_reset_thumbnail_level_data"):
        layer._reset_thumbnail_level_data()  # napari keeps the coarsest level of a plane
    if not layer.visible:
        return  # napari reads it when it is shown
    try:
        done = _patched(layer, written)
    except Exception:  # another version of napari
        logger.debug("only a refresh shows the change", exc_info=True)
        done = False
    if not done:
        layer.refresh(extent=False)


def shown_values(layer: Labels) -> NDArray[Any]:
    """Return the ids that napari read to show the layer, for other versions of napari none."""
    try:
        return np.asarray(layer._slice.image.raw)
    except AttributeError:
        return np.zeros(0, int)


def _patched(layer: Labels, written: Written) -> bool:
    """Replace what napari has of some regions; False where it cannot be, so a refresh is needed."""
    shown = layer._slice
    displayed = list(shown.slice_input.displayed)
    raw, view = shown.image.raw, shown.image.view
    if shown.empty and layer.loaded:
        return True
    if len(displayed) != 2 or not layer.loaded or not raw.flags.writeable:
        return False
    places = []
    for region, values in written:
        found = _in_view(layer, region, values)
        if found is not None:
            place, new = found
            raw[place] = new
            places.append(place)
    if not places:
        return True
    place = tuple(
        slice(
            max(min(part.start for part in along) - layer.contour, 0),
            min(max(part.stop for part in along) + layer.contour, size),
        )
        for along, size in zip(zip(*places, strict=True), raw.shape, strict=True)
    )
    colors = layer._raw_to_displayed(raw, data_slice=place)
    view[place] = colors
    if layer.multiscale or np.all(layer._transforms["tile2data"].scale == 1):
        layer.events.labels_update(data=colors, offset=[part.start for part in place])
    else:  # too large for a texture, so napari shows every other pixel
        layer.events.set_data()
    if not layer.multiscale:
        layer._update_thumbnail()
    return True


def _in_view(
    layer: Labels, region: Region, values: NDArray[Any]
) -> tuple[Region, NDArray[Any]] | None:
    """Return where a region lies in what napari shows, and what is seen there; None: nothing.

    The axes are those of the screen, which may be transposed; a coarse level shows a part of the
    pixels, and a pyramid only what the canvas shows.
    """
    shown = layer._slice
    displayed = list(shown.slice_input.displayed)
    finest, shape = layer.level_shapes[0], layer.level_shapes[layer.data_level]
    part, picked = sampled(finest, shape, region)
    tile = shown.tile_to_data
    corner = np.rint(np.divide(tile.translate, tile.scale)).astype(int)
    at = _point(layer, shape)
    place, keep = {}, []
    for axis, (along, pixels) in enumerate(zip(part, picked, strict=True)):
        if axis in displayed:
            size = shown.image.raw.shape[displayed.index(axis)]
            start = max(along.start, corner[axis])
            stop = min(along.stop, corner[axis] + size)
            place[axis] = slice(int(start - corner[axis]), int(stop - corner[axis]))
        else:
            start, stop = max(along.start, at[axis]), min(along.stop, at[axis] + 1)
        if start >= stop:
            return None
        keep.append(pixels[start - along.start : stop - along.start])
    seen = pick(values, keep).squeeze(tuple(shown.slice_input.not_displayed))
    if displayed[0] > displayed[1]:
        seen = seen.T
    return tuple(place[axis] for axis in displayed), seen


def _point(layer: Labels, shape: NDArray[np.int_]) -> NDArray[np.int_]:
    """Return the index of what is shown along each axis of a level; 0 for displayed axes."""
    point = np.nan_to_num(np.array(layer._data_slice.point, dtype=float))
    factors = layer.downsample_factors[layer.data_level]
    return np.rint(np.clip(point / factors, 0, shape - 1)).astype(int)
