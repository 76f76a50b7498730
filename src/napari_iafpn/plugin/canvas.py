"""The mouse and the keys on the canvas, while the user annotates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

if TYPE_CHECKING:
    from napari.components import ViewerModel

# Canvas pixels that a hand moves during a click; more is a drag.
CLICK_TRAVEL = 4.0
LEFT, RIGHT = 1, 2
# Qt calls the Control key of a Mac Meta.
CONTROL = {"Control", "Meta"}


class CanvasMouse:
    """Tells clicks from drags and wheel turns, and leaves those to napari.

    Takes clicks while the active layer, of whatever kind, is in its pan/zoom mode; with a brush or
    a selection tool in hand the mouse belongs to that layer.
    """

    clicked = Signal(object, bool)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._zoomers: list[Callable] = []

    def attach(self) -> None:
        """Take clicks from now on."""
        self.detach()
        self._viewer.mouse_drag_callbacks.append(self._on_press)
        # Two quick clicks must not make the image jump.
        doubles = self._viewer.mouse_double_click_callbacks
        self._zoomers = [call for call in doubles if _name(call) == "double_click_to_zoom"]
        for call in self._zoomers:
            doubles.remove(call)

    def detach(self) -> None:
        """Give the mouse back to napari."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)
        self._viewer.mouse_double_click_callbacks.extend(self._zoomers)
        self._zoomers = []

    def _on_press(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        button, modifiers = event.button, {str(_name(m)) for m in event.modifiers}
        active = viewer.layers.selection.active
        if (
            button not in (LEFT, RIGHT)
            or modifiers - CONTROL
            or (active is not None and str(active.mode) != "pan_zoom")
        ):
            return
        start, world = np.array(event.pos), tuple(event.position)
        yield
        while event.type == "mouse_move":
            if np.linalg.norm(np.array(event.pos) - start) >= CLICK_TRAVEL:
                return
            yield
        if np.linalg.norm(np.array(event.pos) - start) < CLICK_TRAVEL:
            self.clicked.emit(world, button == LEFT and not modifiers)


class CanvasKeys:
    """Binds keys of the viewer and gives them back.

    A layer's own keys come first: with a Labels layer active, Ctrl+Z undoes its brush.
    """

    def __init__(self, viewer: ViewerModel, actions: Mapping[str, Callable[[], None]]) -> None:
        self._viewer = viewer
        self._actions = actions
        self._before: dict[Any, Callable] | None = None

    def attach(self) -> None:
        """Bind the keys."""
        if self._before is not None:
            return
        self._before = dict(self._viewer.keymap)
        for key, action in self._actions.items():
            self._viewer.bind_key(key, _without_viewer(action), overwrite=True)

    def detach(self) -> None:
        """Bind the keys to what they were bound to before."""
        if self._before is None:
            return
        for key in self._actions:
            self._viewer.bind_key(key, None)
        for key, call in self._before.items():
            if key not in self._viewer.keymap:
                self._viewer.bind_key(key, call)
        self._before = None


def _without_viewer(action: Callable[[], None]) -> Callable[[Any], None]:
    def run(_viewer: Any) -> None:
        action()

    return run


def _name(thing: Any) -> str:
    return str(getattr(thing, "name", None) or getattr(thing, "__name__", thing))
