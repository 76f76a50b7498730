"""The tool of the active layer, with which the mouse belongs to that layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
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
    def sentence(self) -> str:
        """What is in hand and how to put it down; empty where nothing is."""
        active = self._viewer.layers.selection.active
        if active is None or is_free(self._viewer) or self._is_own(active):
            return ""
        tool = str(active.mode).replace("_", " ")
        return f"The mouse has the {tool} tool of {active.name!r}. Esc: click on objects again."

    def put_down(self) -> bool:
        """Give the mouse back to clicks; tell whether it was elsewhere."""
        in_hand = bool(self.sentence)
        if in_hand:
            self._viewer.layers.selection.active.mode = FREE
        return in_hand

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
