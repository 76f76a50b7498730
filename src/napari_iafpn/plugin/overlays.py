"""The layers that show the current object: its clicks, and its mask with the region of interest."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from napari.layers import Image, Labels, Layer, Points
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer
from scipy import ndimage

from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.camera import camera
from napari_iafpn.plugin.layers import place, placement
from napari_iafpn.sessions import Cutout, PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.colormaps import CyclicLabelColormap

    LabelColormap: TypeAlias = CyclicLabelColormap | DirectLabelColormap

logger = logging.getLogger(__name__)

PREVIEW_NAME = "Current object"
MASK, HINT = 1, 2
"""Pixels of the current object, and the outline of what it would be; no ids, which may be of any
size."""
CLICK_PIXELS = 11
# Width of the outline of a mask.
CONTOUR = 2
SIGNS = ("positive", "negative")
SIGN_COLORS = {"positive": "#2bd94f", "negative": "#ff3b3b"}
# Shapes too, for those who cannot tell the colours apart.
SIGN_SYMBOLS = {"positive": "disc", "negative": "x"}
# Of a point that the user adds: its sign, and its place among the prompts, that it has none yet.
DEFAULTS = {"click": SIGNS[0], "place": -1}
ROI_COLOR = "#3aa0ff"


class ClicksLayer:
    """The clicks of the current object as points that the user may move, delete and add."""

    edited = Signal(ClickSequence)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._key: PlaneKey | None = None
        self._shown = ClickSequence()
        self._writing = False
        self.layer: Points | None = None

    def show(self, image: Image, key: PlaneKey, clicks: ClickSequence) -> None:
        """Show ``clicks``, in pixels of the plane ``key`` of ``image``."""
        before, self._key = self._key, key
        if not clicks.clicks and not is_open(self._viewer, self.layer):
            return
        layer = self._layer_for(image)
        place(layer, placement(image))
        if key != before or clicks != self.read():
            self._shown = clicks
            places = [i for i, prompt in enumerate(clicks) if isinstance(prompt, Click)]
            points = np.array([key.to_data(click.row, click.col) for click in clicks.clicks])
            signs = [SIGNS[not click.positive] for click in clicks.clicks]
            self._write(layer, points.reshape(-1, image.ndim), signs, places)

    def fit_zoom(self) -> None:
        """Keep the points of one size on the screen, for the eye and for the mouse that grabs them.

        napari's own limits on the size on the screen leave the grabbed area as it is and thicken
        the border.
        """
        if self.layer is not None:
            pixels = camera(self._viewer).zoom * abs(self.layer.scale[-1])
            self.layer.size = self.layer.current_size = CLICK_PIXELS / pixels

    def clear(self) -> None:
        """Show no clicks."""
        if self.layer is not None and is_open(self._viewer, self.layer):
            self._shown = ClickSequence()
            self._write(self.layer, np.empty((0, self.layer.ndim)), [], [])

    def hit(self, clicks: ClickSequence, row: float, col: float) -> int | None:
        """Return the place of the click that a point of the plane lies on, as large as shown."""
        distances = [
            (float(np.hypot(prompt.row - row, prompt.col - col)), place)
            for place, prompt in enumerate(clicks)
            if isinstance(prompt, Click)
        ]
        if self.layer is None or not distances:
            return None
        distance, nearest = min(distances)
        return nearest if distance <= float(self.layer.current_size) / 2 else None

    def read(self) -> ClickSequence:
        """Return the prompts with the clicks as the layer has them; new ones are the last."""
        if self.layer is None or self._key is None:
            return ClickSequence()
        prompts = {i: p for i, p in enumerate(self._shown) if not isinstance(p, Click)}
        signs, places = (self.layer.features[name] for name in ("click", "place"))
        for point, sign, known in zip(self.layer.data, signs, places, strict=True):
            # The copy of a point has its place too.
            free = int(known) if known >= 0 and known not in prompts else len(self._shown)
            while free in prompts:
                free += 1
            prompts[free] = Click(*self._key.to_plane(point), sign != "negative")
        return ClickSequence.of(prompts[number] for number in sorted(prompts))

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        remove_layer(self._viewer, self.layer)
        self.layer = None

    def _write(
        self, layer: Points, points: NDArray[np.float64], signs: list[str], places: list[int]
    ) -> None:
        self._writing = True
        layer.selected_data = set()
        layer.data = points
        layer.features = {"click": np.array(signs, dtype=object), "place": np.array(places, int)}
        layer.symbol = [SIGN_SYMBOLS[sign] for sign in signs]
        # napari would give a point that the user adds what the last one has.
        layer.feature_defaults = DEFAULTS
        layer.current_symbol = SIGN_SYMBOLS[SIGNS[0]]
        self.fit_zoom()
        self._writing = False

    def _layer_for(self, image: Image) -> Points:
        layer = self.layer
        if layer is None or not is_open(self._viewer, layer) or layer.ndim != image.ndim:
            self.remove()
            layer = self.layer = self._made(image)
            add_quietly(self._viewer, layer)
            layer.events.data.connect(self._on_data)
        return layer

    def _made(self, image: Image) -> Points:
        features: dict[str, Any] = {
            "click": np.array([], dtype=object),
            "place": np.array([], int),
        }
        return Points(
            ndim=image.ndim,
            name="Clicks",
            features=features,
            feature_defaults=DEFAULTS,
            face_color="click",
            face_color_cycle=SIGN_COLORS,
            border_color="white",
            border_width=0.1,
            **placement(image),
        )

    def _on_data(self, event: Any) -> None:
        # napari tells of a change before and after it, and goes on using the data after the event;
        # reading later sees the finished edit.
        if not self._writing and str(event.action).lower().endswith("ed"):
            QTimer.singleShot(0, self._tell)

    def _tell(self) -> None:
        if is_open(self._viewer, self.layer):
            self.edited.emit(self.read())


class MaskPreview:
    """The mask of the current object, translucent, as large as its region of interest.

    With the brush in hand it is as large as what the canvas shows, and strokes on it are told.
    """

    painted = Signal(object, object)
    """What was drawn and what was erased, each a `Cutout` or None."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self.has_brush = False
        self._outlines_roi, self._contour = True, 0
        self.frame = Box(0, 1, 0, 1)
        self._shown: NDArray[np.bool_] = np.zeros((1, 1), bool)
        self._before: Layer | None = None
        self._default: LabelColormap | None = None
        self._colour: NDArray[np.float32] | None = None

    def show(
        self,
        image: Image,
        key: PlaneKey,
        roi: Box | None,
        mask: Cutout | None,
        label: int,
        colormap: LabelColormap | None,
        hint: Cutout | None,
        canvas: Box,
    ) -> None:
        """Show ``mask`` on the plane ``key``, and the box ``roi`` around it.

        The mask has the colour of ``label``, the outline of ``hint`` a paler one. ``canvas`` is
        what of the plane can be drawn on.
        """
        layer = self._layer_for(image)
        boxes = [roi, canvas if self.has_brush else None]
        boxes += [pixels.box for pixels in (mask, hint) if pixels is not None]
        frame = reduce(Box.union, [box for box in boxes if box is not None] or [Box(0, 1, 0, 1)])
        self.frame = frame
        shape = [1] * image.ndim
        shape[key.axes[0]], shape[key.axes[1]] = frame.shape
        place(layer, placement(image, key.to_data(frame.row_start, frame.col_start)))
        shown = np.zeros(frame.shape, bool) if mask is None else mask.within(frame)
        self._shown = shown
        parts = np.where(shown, MASK, 0).astype(np.uint8)
        if hint is not None:
            would_be = hint.within(frame)
            parts[would_be & ~ndimage.binary_erosion(would_be)] = HINT
        self._set(layer, parts.reshape(shape))
        layer.selected_label = MASK
        self._colour_as(layer, colormap or self._default, label)
        layer.contour = self._contour
        layer.bounding_box.visible = self._outlines_roi and roi is not None and frame == roi

    def outline(self, *, roi: bool | None = None, mask: bool | None = None) -> None:
        """Draw the region of interest or not, and the mask as an outline or filled."""
        self._outlines_roi = self._outlines_roi if roi is None else roi
        self._contour = self._contour if mask is None else CONTOUR * mask

    def clear(self) -> None:
        """Show nothing."""
        if self.layer is not None and is_open(self._viewer, self.layer):
            self._set(self.layer, np.zeros((1,) * self.layer.ndim, np.uint8))
            self.layer.bounding_box.visible = False

    def _set(self, layer: Labels, data: NDArray[np.uint8]) -> None:
        layer.data = data
        layer.editable = self.has_brush  # new data make every layer editable

    def _colour_as(self, layer: Labels, colormap: LabelColormap, label: int) -> None:
        colour = np.ravel(colormap.map(label))
        if self._colour is None or not np.array_equal(colour, self._colour):
            self._colour = colour
            pale = np.append((colour[:3] + 1) / 2, 1)
            colours = {None: "transparent", MASK: colour, HINT: pale}
            layer.colormap = DirectLabelColormap(color_dict=colours)

    def take_brush(self, image: Image, mode: str) -> None:
        """Let the user draw on the mask of the current object, or erase."""
        layer = self._layer_for(image)
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

    def _layer_for(self, image: Image) -> Labels:
        layer = self.layer
        if layer is None or not is_open(self._viewer, layer) or layer.ndim != image.ndim:
            self.remove()
            data = np.zeros((1,) * image.ndim, np.uint8)
            layer = Labels(data, name=PREVIEW_NAME, opacity=0.55, **placement(image))
            self._default, self._colour = layer.colormap, None
            self.layer = layer
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
        if self.layer is None or not self.has_brush:
            return
        now = np.asarray(self.layer.data).reshape(self.frame.shape) > 0
        corner = self.frame.row_start, self.frame.col_start
        drawn, erased = now & ~self._shown, self._shown & ~now
        if drawn.any() or erased.any():
            self.painted.emit(Cutout.of(drawn, corner), Cutout.of(erased, corner))


def add_quietly(viewer: ViewerModel, layer: Layer) -> None:
    """Add a layer and leave the user's selection as it is."""
    selection = viewer.layers.selection
    selected, active = set(selection), selection.active
    viewer.add_layer(layer)
    viewer.layers.selection = selected
    selection.active = active


def is_open(viewer: ViewerModel, layer: Layer | None) -> bool:
    """Tell whether a layer is in the viewer."""
    return layer is not None and layer in viewer.layers


def _use_own_context(viewer: ViewerModel) -> None:
    """Let OpenGL commands go to the canvas of this window.

    When a layer is removed, napari 0.9 gives them to whichever context is current, where they
    delete or make what another window draws; Mesa crashes on that.
    """
    try:
        viewer.window._qt_viewer.canvas._scene_canvas.set_current()
    except (AttributeError, RuntimeError):  # no window, or another version of napari
        logger.debug("the context of the canvas is not known", exc_info=True)


def remove_layer(viewer: ViewerModel, layer: Layer | None) -> None:
    """Take a layer out of the viewer if it is there."""
    if layer is not None and is_open(viewer, layer):
        _use_own_context(viewer)
        viewer.layers.remove(layer)


def keep_above(viewer: ViewerModel, below: Iterable[Layer | None], *above: Layer | None) -> None:
    """Bring the layers ``above`` to the top, in this order, unless they lie so over ``below``."""
    layers = viewer.layers
    tops = [layer for layer in above if layer is not None and layer in layers]
    grounds = [layer for layer in below if layer is not None and layer in layers]
    order = [layers.index(layer) for layer in tops]
    ground = max((layers.index(layer) for layer in grounds), default=-1)
    if order != sorted(order) or (order and ground > order[0]):
        for layer in tops:
            layers.move(layers.index(layer), len(layers))
