"""The mouse and the keys on the canvas, while the user annotates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.action_manager import action_manager
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_iafpn.plugin.camera import camera
from napari_iafpn.plugin.common.focus import TypingWatch
from napari_iafpn.plugin.layer_tool import LayerTool, is_free
from napari_iafpn.plugin.shortcuts import SHORTCUTS, keys_of, offer_shortcuts

if TYPE_CHECKING:
    from napari.components import ViewerModel

# Canvas pixels that a hand moves during a click; more is a drag.
CLICK_TRAVEL = 8.0
LEFT, RIGHT = 1, 2
# Milliseconds after which the mouse rests.
REST = 120
# Keys that no tool in hand has: a layer's undo knows nothing of clicks, Escape puts the tool down.
OURS = ("undo", "redo", "cancel")
# What napari calls moving the image while a key is held.
HOLD = "napari:hold_for_pan_zoom"
# Qt calls the Control key of a Mac Meta.
CONTROL = {"Control", "Meta"}


class CanvasMouse:
    """Tells clicks from drags and wheel turns, and leaves those to napari.

    Takes clicks while the active layer, of whatever kind, is in its pan/zoom mode; with a brush or
    a selection tool in hand the mouse belongs to that layer. Drags are taken
    where `take_drags` says so; with the Space key held they move the image, with any tool in hand.
    """

    clicked = Signal(object, bool)
    double_clicked = Signal(object)
    moved = Signal(object)
    drag_began = Signal(object, bool)
    """A drag: where it began, and whether it is that of the object's button. It is told of further
    if who hears it calls `draw_on`."""
    dragged = Signal(object)
    drag_ended = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._zoomers: list[Callable] = []
        self._presses = 0
        self._is_dropped = True
        self._draws = self._moves = False

    @property
    def is_attached(self) -> bool:
        """Whether clicks are taken."""
        return self._on_press in self._viewer.mouse_drag_callbacks

    def attach(self) -> None:
        """Take clicks from now on."""
        self.detach()
        self._viewer.mouse_drag_callbacks.append(self._on_press)
        self._viewer.mouse_move_callbacks.append(self._on_move)
        # Two quick clicks must not make the image jump.
        doubles = self._viewer.mouse_double_click_callbacks
        self._zoomers = [call for call in doubles if _name(call) == "double_click_to_zoom"]
        for call in self._zoomers:
            doubles.remove(call)
        doubles.append(self._on_double)

    def detach(self) -> None:
        """Give the mouse back to napari."""
        if self.is_attached:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)
            self._viewer.mouse_move_callbacks.remove(self._on_move)
        doubles = self._viewer.mouse_double_click_callbacks
        if self._on_double in doubles:
            doubles.remove(self._on_double)
        doubles.extend(self._zoomers)
        self._zoomers = []

    def _on_double(self, _viewer: ViewerModel, event: Any) -> None:
        if event.button == LEFT and not event.modifiers and is_free(self._viewer):
            self.double_clicked.emit(tuple(event.position))

    def _on_move(self, _viewer: ViewerModel, event: Any) -> None:
        if is_free(self._viewer):
            self.moved.emit(tuple(event.position))

    def _on_press(self, _viewer: ViewerModel, event: Any) -> Iterator[None]:
        button, modifiers = event.button, {str(_name(m)) for m in event.modifiers}
        if button not in (LEFT, RIGHT) or modifiers - CONTROL or not is_free(self._viewer):
            return
        start, world = np.array(event.pos), tuple(event.position)
        view = camera(self._viewer)
        center = view.center
        positive = button == LEFT and not modifiers

        def is_near() -> bool:
            return bool(np.linalg.norm(np.array(event.pos) - start) < CLICK_TRAVEL)

        draws = self._draws and not self._moves and self._viewer.dims.ndisplay == 2
        with self._still_camera() if draws else nullcontext():
            yield
            while event.type == "mouse_move" and is_near():
                yield
            if event.type != "mouse_move" and is_near():
                view.center = center  # a trembling hand moves the image, too
                self.clicked.emit(world, positive)
            elif draws:
                yield from self._drag(event, world, positive)

    def _drag(self, event: Any, world: tuple[float, ...], positive: bool) -> Iterator[None]:
        self.drag_began.emit(world, positive)
        while event.type == "mouse_move":
            if not self._is_dropped:
                self.dragged.emit(tuple(event.position))
            yield
        if not self._is_dropped:
            self.dragged.emit(tuple(event.position))
            self.drag_ended.emit()

    def take_drags(self, *, on: bool) -> None:
        """Tell of drags from now on, or let them move the image."""
        self._draws = on

    def let_drags_move(self, *, on: bool) -> None:
        """Let drags move the image also where they are taken, or no more."""
        self._moves = on

    def drop_drag(self) -> None:
        """Take no notice of the drag that is under way; the image does not move with it either."""
        self._is_dropped = True

    def draw_on(self) -> None:
        """Tell of the drag that is under way."""
        self._is_dropped = False

    @contextmanager
    def _still_camera(self) -> Iterator[None]:
        """Keep napari from moving the image, until the button is released."""
        self._presses += 1
        press, view = self._presses, camera(self._viewer)
        view.mouse_pan = False
        try:
            yield
        finally:
            # A press whose release was lost is over when the next one has begun.
            if press == self._presses:
                view.mouse_pan = True


class RestingMouse:
    """Tells where the mouse rests, while that is of interest.

    Parameters
    ----------
    mouse : CanvasMouse
    """

    rested = Signal(object)

    def __init__(self, mouse: CanvasMouse) -> None:
        self._at: tuple[float, ...] = ()
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(lambda: self.rested.emit(self._at))
        self.is_watched = False
        mouse.moved.connect(self._on_move)

    def watch(self, *, on: bool) -> None:
        """Tell it from now on, or no more."""
        self.is_watched = on
        self._timer.stop()

    def _on_move(self, world: tuple[float, ...]) -> None:
        if self.is_watched:
            self._at = world
            self._timer.start()


class CanvasKeys:
    """Binds keys of the viewer and of the active layer, and gives them back.

    A layer's keys come before the viewer's. While this is attached they mean the same whichever
    layer is active; with a tool of it in hand, its own keys are for that tool.

    Parameters
    ----------
    viewer : napari viewer
    actions : mapping of str to callable
        By the names of `SHORTCUTS`.
    mouse : CanvasMouse
        Told while the key is held that lets drags move the image.
    tool : LayerTool
    """

    def __init__(
        self,
        viewer: ViewerModel,
        actions: Mapping[str, Callable[[], object]],
        mouse: CanvasMouse,
        tool: LayerTool,
    ) -> None:
        self._viewer = viewer
        self._actions = dict(actions)
        self._mouse = mouse
        self._tool = tool
        self._typing = TypingWatch()
        self._before: list[tuple[Any, dict[Any, Callable]]] = []

    def take(self, actions: Mapping[str, Callable[[], object]]) -> None:
        """Let keys do more, or others things; counts from the next `attach` on."""
        self._actions.update(actions)

    def attach(self) -> None:
        """Bind the keys."""
        if not self._before:
            offer_shortcuts()
            self._typing.watch(on=True)
            self._tool.changed.connect(self._on_tool)
            _shortcut_changed().connect(self._on_shortcut)
            self._bind(self._viewer)
            for key in action_manager._shortcuts.get(HOLD, ()):
                self._viewer.bind_key(key, self._hold, overwrite=True)
            self._on_tool()

    def detach(self) -> None:
        """Bind the keys to what they were bound to before."""
        if self._before:
            self._typing.watch(on=False)
            self._tool.changed.disconnect(self._on_tool)
            _shortcut_changed().disconnect(self._on_shortcut)
            while self._before:
                self._unbind()

    def _on_tool(self) -> None:
        while len(self._before) > 1:
            self._unbind()
        active = self._viewer.layers.selection.active
        if active is not None:
            self._bind(active, self._tool.keys)

    def _on_shortcut(self, _event: Any) -> None:
        """Take other keys over at once."""
        self.detach()
        self.attach()

    def _bind(self, provider: Any, taken: Collection[Any] = ()) -> None:
        self._before.append((provider, dict(provider.keymap)))
        for shortcut in SHORTCUTS:
            name = shortcut.name
            for key in keys_of(shortcut) if name in self._actions else ():
                if key not in taken or name in OURS:
                    action = self._unless_typed(self._actions[name])
                    provider.bind_key(key, action, overwrite=True)

    def _unless_typed(self, action: Callable[[], object]) -> Callable[[Any], None]:
        def run(_provider: Any) -> None:
            if not self._typing.is_ended:
                action()

        return run

    def _hold(self, viewer: ViewerModel) -> Iterator[None]:
        """Let drags move the image as long as the key is held; with a brush, napari does that."""
        steps = action_manager._actions[HOLD].command(viewer)
        next(steps, None)
        self._mouse.let_drags_move(on=True)
        yield
        self._mouse.let_drags_move(on=False)
        next(steps, None)

    def _unbind(self) -> None:
        provider, before = self._before.pop()
        for key in [key for key in provider.keymap if provider.keymap[key] is not before.get(key)]:
            provider.bind_key(key, None)
        for key, call in before.items():
            if key not in provider.keymap:
                provider.bind_key(key, call)


def _shortcut_changed() -> Any:
    """Return the event of other keys for an action; before napari 0.7.1 its name was misspelt."""
    events = action_manager.events
    return getattr(events, "shortcut_changed", None) or events.shorcut_changed


def _name(thing: Any) -> str:
    return str(getattr(thing, "name", None) or getattr(thing, "__name__", thing))
