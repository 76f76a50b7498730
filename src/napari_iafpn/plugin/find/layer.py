"""The proposals on the canvas: outlines of their own colour, nothing of them in the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Vectors
from numpy.typing import NDArray
from skimage.measure import find_contours

from napari_iafpn.plugin.layers import place, placement
from napari_iafpn.plugin.overlays import add_quietly, is_open, remove_layer
from napari_iafpn.plugin.prompts_layer import screen_pixel, vectors_on
from napari_iafpn.sessions import Cutout, FoundObject, PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

NAME = "Proposals"
COLOUR, AT_COLOUR, SURE_COLOUR = (1.0, 0.5, 0.1, 1.0), (1.0, 1.0, 1.0, 1.0), (1.0, 0.85, 0.2, 1.0)
"""Of proposals, of the one that is looked at, and of those that *accept all* would take."""
LINE = 2.0
"""Width on the screen, in its pixels."""
EVERY, LEAST = 3, 12
"""So many pixels of an outline are one straight piece, unless that leaves too few: hundreds of
outlines are to be drawn again and again."""


class ProposalsLayer:
    """Shows proposals of one plane."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._outlines: dict[int, NDArray[np.float64]] = {}
        self._shown: tuple[object, ...] = ()
        self.layer: Vectors | None = None

    def show(
        self,
        image: Image,
        key: PlaneKey,
        proposals: Sequence[FoundObject],
        at: FoundObject | None,
        quality: float,
    ) -> None:
        """Show ``proposals`` of the plane ``key`` of an image; sure ones are brighter."""
        if not proposals and not is_open(self._viewer, self.layer):
            return
        layer = self._layer_for(image)
        place(layer, placement(image))
        pixel = screen_pixel(self._viewer, image)
        numbers = tuple(each.number for each in proposals)
        state = (key, numbers, at and at.number, pixel, quality)
        if state == self._shown:
            return
        self._shown = state
        self._outlines = {each.number: self._outline(each) for each in proposals}
        lines = [self._outlines[number] for number in numbers]
        layer.data = vectors_on([np.empty((0, 2, 2)), *lines], key, image.ndim)
        layer.edge_width = LINE * pixel
        if lines:
            colours = [_colour(each, at, quality) for each in proposals]
            layer.edge_color = np.repeat(colours, [len(line) for line in lines], axis=0)

    def clear(self) -> None:
        """Show nothing."""
        self._shown = ()
        if self.layer is not None and is_open(self._viewer, self.layer):
            self.layer.data = np.empty((0, 2, self.layer.ndim))

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        remove_layer(self._viewer, self.layer)
        self.layer, self._shown = None, ()

    def _outline(self, found: FoundObject) -> NDArray[np.float64]:
        known = self._outlines.get(found.number)
        return outline_of(found.mask) if known is None else known

    def _layer_for(self, image: Image) -> Vectors:
        layer = self.layer
        if layer is None or not is_open(self._viewer, layer) or layer.ndim != image.ndim:
            self.remove()
            empty = np.empty((0, 2, image.ndim))
            layer = Vectors(empty, name=NAME, vector_style="line", **placement(image))
            self.layer = layer
            # napari draws the thumbnail piece by piece, which takes longer than all else.
            layer._update_thumbnail = lambda: None
            add_quietly(self._viewer, layer)
        return layer


def outline_of(mask: Cutout) -> NDArray[np.float64]:
    """Return the pieces (N, 2, 2) of a mask's outline, each from a point to another."""
    corner = np.array([mask.box.row_start, mask.box.col_start]) - 1
    found = find_contours(np.pad(mask.mask, 1), 0.5)  # type: ignore[no-untyped-call]
    rings = [ring[:: EVERY if len(ring) > LEAST * EVERY else 1] + corner for ring in found]
    return np.concatenate([np.stack([r, np.roll(r, -1, axis=0)], axis=1) for r in rings])


def _colour(found: FoundObject, at: FoundObject | None, quality: float) -> tuple[float, ...]:
    if at is not None and found.number == at.number:
        return AT_COLOUR
    return SURE_COLOUR if found.quality >= quality else COLOUR
