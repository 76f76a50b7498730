"""The mask of the current object on the canvas, what it would be, and the brush on it."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.layers import place, placement
from napari_iafpn.plugin.overlays import add_quietly, is_open, remove_layer
from napari_iafpn.plugin.prompts_layer import screen_pixel
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

PREVIEW_NAME = "Current object"
MASK, OUTLINE, RING, HINT = 1, 2, 3, 4
"""Pixels of the object: inside, along its border, and between the two; and the outline of what it
would be. They are no ids, which may be of any size."""
FILL = 0.25
COLOURS = {MASK: (1, 0.9, 0, FILL), OUTLINE: (1, 0.9, 0, 1), RING: (0, 0, 0, 1), HINT: (1,) * 4}
"""Bright beside dark is seen on any image, whatever its colours."""
ROI_COLOR = "#888888"
LINE, DASH = 2.0, 6.0
"""Width of the outline, and length of the dashes of that of an edited object, in pixels of the
screen."""


class MaskPreview:
    """The mask of the current object, as large as its region of interest.

    It has one look on any image: a bright outline with a dark rim and a light fill; the outline
    of an object that is being edited is dashed. With the brush in hand it is as large as what can
    be drawn on, and strokes on it are told.
    """

    painted = Signal(object, object)
    """What was drawn and what was erased, each a `BoxedMask` or None."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self.has_brush = False
        self.frame = Box(0, 1, 0, 1)
        self._key: PlaneKey | None = None
        self._outlines_roi = self._fills = True
        self._pixel = 0.0
        self._mask: NDArray[np.bool_] = np.zeros((1, 1), bool)
        self._parts: NDArray[np.uint8] = np.zeros((1, 1), np.uint8)
        self._before: Layer | None = None

    def show(
        self,
        image: Image,
        key: PlaneKey,
        roi: Box | None,
        mask: BoxedMask | None,
        hint: BoxedMask | None,
        drawable: Box,
        *,
        edited: bool,
    ) -> None:
        """Show ``mask`` on the plane ``key``, the outline of ``hint``, and the box ``roi``.

        ``drawable`` is what of the plane the brush can draw on. What it is drawing there stays.
        """
        layer = self.prepare(image)
        stroke = self._stroke() if key == self._key else None
        if stroke is None:
            boxes = [roi, drawable if self.has_brush else None]
            boxes += [pixels.box for pixels in (mask, hint) if pixels is not None]
            known = [box for box in boxes if box is not None]
            self._key, self.frame = key, reduce(Box.union, known or [Box(0, 1, 0, 1)])
        frame = self.frame
        shape = [1] * image.ndim
        shape[key.axes[0]], shape[key.axes[1]] = frame.shape
        place(layer, placement(image, key.to_data(frame.row_start, frame.col_start)))
        self._mask = np.zeros(frame.shape, bool) if mask is None else mask.within(frame)
        self._pixel = screen_pixel(self._viewer, image)
        self._parts = np.zeros(frame.shape, np.uint8)
        for pixels in (mask, hint):
            box = None if pixels is None else pixels.box.intersection(frame)
            if pixels is None or box is None:
                continue
            part, there = pixels.within(box), self._parts[_within(box, frame)]
            if pixels is mask:
                there[:] = _parts(part, self._pixel, DASH * edited, box)
            else:
                there[part & ~ndimage.binary_erosion(part)] = HINT
        parts = self._parts if stroke is None else np.where(stroke[1], stroke[0], self._parts)
        self._set(layer, parts.reshape(shape).copy())
        layer.bounding_box.visible = self._outlines_roi and roi is not None and frame == roi

    def fits_zoom(self, image: Image) -> bool:
        """Tell whether the outline is as wide as it should be on the screen."""
        return _width(screen_pixel(self._viewer, image)) == _width(self._pixel)

    def outline(self, *, roi: bool | None = None, mask: bool | None = None) -> None:
        """Draw the region of interest or not, and the mask as an outline only or filled."""
        self._outlines_roi = self._outlines_roi if roi is None else roi
        self._fills = self._fills if mask is None else not mask
        if self.layer is not None:
            self.layer.colormap = _colormap(fills=self._fills)

    def clear(self) -> None:
        """Show nothing."""
        if self.layer is not None and is_open(self._viewer, self.layer):
            if self._parts.any() or self.layer.data.size > 1:
                self._parts = self._parts[:1, :1] * 0
                self._set(self.layer, np.zeros((1,) * self.layer.ndim, np.uint8))
            self.layer.bounding_box.visible = False
        self._key = None

    def _set(self, layer: Labels, data: NDArray[np.uint8]) -> None:
        layer.data = data
        layer.editable = self.has_brush  # new data make every layer editable

    def take_brush(self, image: Image, mode: str) -> None:
        """Let the user draw on the mask of the current object, or erase."""
        layer = self.prepare(image)
        if not self.has_brush:
            self._before = self._viewer.layers.selection.active
        self.has_brush = layer.editable = layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = mode

    def drop_brush(self) -> None:
        """Give the mouse back to the clicks."""
        layer = self.layer
        if layer is None or not self.has_brush:
            return
        layer.mode = "pan_zoom"
        self.has_brush = layer.editable = False
        selection = self._viewer.layers.selection
        if selection.active is layer:
            selection.active = self._before if is_open(self._viewer, self._before) else None

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self.drop_brush()
        remove_layer(self._viewer, self.layer)
        self.layer = None

    def prepare(self, image: Image) -> Labels:
        """Return the layer for masks on an image, made where there is none."""
        layer = self.layer
        if layer is None or not is_open(self._viewer, layer) or layer.ndim != image.ndim:
            self.remove()
            data = np.zeros((1,) * image.ndim, np.uint8)
            layer = Labels(
                data,
                name=PREVIEW_NAME,
                opacity=1,
                colormap=_colormap(fills=self._fills),
                **placement(image),
            )
            self.layer, self._key = layer, None
            layer.selected_label = MASK
            box = layer.bounding_box
            box.line_color, box.line_thickness, box.points = ROI_COLOR, 2, False
            add_quietly(self._viewer, layer)
            layer.editable = False
            layer.events.paint.connect(self._on_paint)
        return layer

    def _on_paint(self, _event: Any) -> None:
        # napari goes on using the data after the event.
        QTimer.singleShot(0, self._tell)

    def _tell(self) -> None:
        stroke = self._stroke()
        if stroke is None:
            return
        now, painted = stroke
        self._parts = now.copy()  # nothing is told twice
        corner = self.frame.row_start, self.frame.col_start
        drawn, erased = painted & (now > 0) & ~self._mask, painted & (now == 0) & self._mask
        if drawn.any() or erased.any():
            self.painted.emit(BoxedMask.of(drawn, corner), BoxedMask.of(erased, corner))

    def _stroke(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
        """Return the pixels as the brush left them and where it drew what was not told yet."""
        if self.layer is None or self._key is None or not self.has_brush:
            return None
        now = np.asarray(self.layer.data).reshape(self.frame.shape)
        painted = now != self._parts
        return (now, painted) if painted.any() else None


def _colormap(*, fills: bool) -> CyclicLabelColormap:
    # A direct one would be compiled when it is first used, which takes seconds.
    colours = {**COLOURS, MASK: COLOURS[MASK] if fills else (0, 0, 0, 0)}
    return CyclicLabelColormap(colors=np.array([(0,) * 4, *colours.values()], dtype=float))


def _width(pixel: float) -> int:
    """Return the width of the outline, where a pixel of the screen is ``pixel`` of the image."""
    return max(1, round(LINE * pixel))


def _within(box: Box, frame: Box) -> tuple[slice, slice]:
    """Return a box as a part of an array of a frame."""
    rows, cols = box.row_start - frame.row_start, box.col_start - frame.col_start
    return slice(rows, rows + box.height), slice(cols, cols + box.width)


def _parts(mask: NDArray[np.bool_], pixel: float, dash: float, box: Box) -> NDArray[np.uint8]:
    """Return what each pixel of a mask in a box is; ``dash``: the length of dashes, 0: none."""
    depth = ndimage.distance_transform_cdt(np.pad(mask, 1))[1:-1, 1:-1]
    width = _width(pixel)
    parts = np.select([depth <= width, depth <= 2 * width], [OUTLINE, RING], MASK)
    if dash:
        length = max(1, round(dash * pixel))
        rows, cols = np.ogrid[box.slices]
        gap = (rows // length + cols // length) % 2 == 1
        parts[(parts == OUTLINE) & gap] = RING
    return np.where(mask, parts, 0).astype(np.uint8)
