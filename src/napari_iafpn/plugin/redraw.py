"""Showing a changed part of a Labels layer without napari reading the layer again."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_iafpn.plugin.levels import Region, pick, sampled

logger = logging.getLogger(__name__)


def redraw(layer: Labels, region: Region, values: NDArray[Any]) -> None:
    """Show what was written.

    What napari has of the region in memory and on the graphics card is replaced; that takes as
    long as the region is large, where a refresh takes as long as the plane is.

    Parameters
    ----------
    layer : Labels
    region : tuple of slice
        In the finest level.
    values : array
        What it holds now.
    """
    if layer.multiscale and hasattr(layer, "_reset_thumbnail_level_data"):
        layer._reset_thumbnail_level_data()  # napari keeps the coarsest level of a plane
    if not layer.visible:
        return  # napari reads it when it is shown
    try:
        done = _patched(layer, region, values)
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


def _patched(layer: Labels, region: Region, values: NDArray[Any]) -> bool:
    """Replace what napari has of a region; False, and nothing done, where it cannot be."""
    shown = layer._slice
    displayed = list(shown.slice_input.displayed)
    raw, view = shown.image.raw, shown.image.view
    if shown.empty and layer.loaded:
        return True
    if len(displayed) != 2 or not layer.loaded or not raw.flags.writeable:
        return False
    found = _in_view(layer, region, values)
    if found is None:
        return True
    place, new = found
    raw[place] = new
    place = tuple(
        slice(max(part.start - layer.contour, 0), min(part.stop + layer.contour, size))
        for part, size in zip(place, raw.shape, strict=True)
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
