"""The tool of the active layer, with which the mouse belongs to that layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Layer, Shapes
from napari.utils.action_manager import action_manager
from psygnal import Signal

if TYPE_CHECKING:
    from napari.components import ViewerModel

FREE = "pan_zoom"
"""The mode in which a layer leaves clicks to us."""


def is_free(viewer: ViewerModel) -> bool:
    """Tell whether no layer's tool is in hand, of whatever kind."""
    active = viewer.layers.selection.active
    return active is None or str(active.mode) == FREE


class LayerTool:
    """Notices which tool of napari is in hand, other than our own brush.

    Parameters
    ----------
    viewer : napari viewer
    is_own : callable
        Whether a layer's tool is one of ours.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, is_own: Callable[[Layer], bool]) -> None:
        self._viewer = viewer
        self._is_own = is_own
        self._watched: Layer | None = None

    @property
    def in_hand(self) -> Layer | None:
        """The layer whose tool it is."""
        active = self._viewer.layers.selection.active
        return None if active is None or is_free(self._viewer) or self._is_own(active) else active

    @property
    def sentence(self) -> str:
        """What is in hand and how to put it down; empty where nothing is."""
        layer = self.in_hand
        if layer is None:
            return ""
        tool = str(layer.mode).replace("_", " ")
        return f"The mouse has the {tool} tool of {layer.name!r}. Esc: click on objects again."

    @property
    def keys(self) -> set[Any]:
        """The keys that the layer in hand has for itself."""
        kinds = type(self.in_hand).__mro__
        return {key for kind in kinds for key in getattr(kind, "class_keymap", ())}

    def drop(self) -> bool:
        """End what is being drawn, as napari's Escape does; tell whether there was anything."""
        layer = self.in_hand
        if isinstance(layer, Labels) and _is_drawn_on(layer):
            reset = "napari:reset_polygon"
        elif isinstance(layer, Shapes) and layer._is_creating:
            reset = "napari:finish_drawing_shape"
        else:
            return False
        action_manager._actions[reset].command(layer)
        return True

    def put_down(self) -> bool:
        """Give the mouse back to clicks; tell whether it was elsewhere."""
        layer = self.in_hand
        if layer is not None:
            layer.mode = FREE
        return layer is not None

    def follow(self, _event: Any = None) -> None:
        """Watch the layer that is active now."""
        active = self._viewer.layers.selection.active
        if active is not self._watched:
            self.let_go()
            self._watched = active
            if active is not None:
                active.events.mode.connect(self._tell)
        self._tell()

    def let_go(self) -> None:
        """Watch no layer."""
        if self._watched is not None:
            self._watched.events.mode.disconnect(self._tell)
            self._watched = None

    def _tell(self, _event: Any = None) -> None:
        self.changed.emit()


def _is_drawn_on(labels: Labels) -> bool:
    """Tell whether a polygon or a stroke is begun and not finished."""
    stroke = labels._overlays.get("brush_stroke")  # since napari 0.9
    return bool(labels._overlays["polygon"].points or getattr(stroke, "active", False))
