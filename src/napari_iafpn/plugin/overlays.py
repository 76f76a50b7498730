"""The clicks of the current object on the canvas, and how layers come and go."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Points
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_iafpn.plugin.camera import camera
from napari_iafpn.plugin.layers import pixel_length, place, placement
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

logger = logging.getLogger(__name__)

CLICK_PIXELS = 11
SIGNS = ("positive", "negative")
# Blue and orange, which everybody can tell apart, and shapes too.
SIGN_COLORS = {"positive": "#2196ff", "negative": "#ff6a00"}
SIGN_SYMBOLS = {"positive": "disc", "negative": "x"}
# Of a point that the user adds: its sign, and its place among the prompts, that it has none yet.
DEFAULTS = {"click": SIGNS[0], "place": -1}


class ClicksLayer:
    """The clicks of the current object as points that the user may move, delete and add."""

    edited = Signal(Prompts)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._key: PlaneKey | None = None
        self._shown = Prompts()
        self._writing = False
        self.layer: Points | None = None

    def show(self, image: Image, key: PlaneKey, clicks: Prompts) -> None:
        """Show ``clicks``, in pixels of the plane ``key`` of ``image``."""
        before, self._key = self._key, key
        if not clicks.clicks and not is_open(self._viewer, self.layer):
            return
        layer = self.prepare(image)
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
            pixels = camera(self._viewer).zoom * pixel_length(self.layer)
            self.layer.size = self.layer.current_size = CLICK_PIXELS / pixels

    def clear(self) -> None:
        """Show no clicks."""
        if self.layer is not None and is_open(self._viewer, self.layer):
            self._shown = Prompts()
            self._write(self.layer, np.empty((0, self.layer.ndim)), [], [])

    def hit(self, clicks: Prompts, row: float, col: float) -> int | None:
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

    def read(self) -> Prompts:
        """Return the prompts with the clicks as the layer has them; new ones are the last."""
        if self.layer is None or self._key is None:
            return Prompts()
        prompts = {i: p for i, p in enumerate(self._shown) if not isinstance(p, Click)}
        signs, places = (self.layer.features[name] for name in ("click", "place"))
        for point, sign, known in zip(self.layer.data, signs, places, strict=True):
            # The copy of a point has its place too.
            free = int(known) if known >= 0 and known not in prompts else len(self._shown)
            while free in prompts:
                free += 1
            prompts[free] = Click(*self._key.to_plane(point), sign != "negative")
        return Prompts.of(prompts[number] for number in sorted(prompts))

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

    def prepare(self, image: Image) -> Points:
        """Return the layer for clicks on an image, made where there is none."""
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
