"""The keys of the tool: listed in napari's preferences and on a sheet, active while annotating."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import KeymapProvider
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

MOUSE = (
    ("Left click", "This belongs to the object"),
    ("Right click, Ctrl+click", "This does not"),
    ("Double-click on an object", "Edit it"),
    ("Click on a proposal", "Correct it"),
    ("Drag with box", "The object lies in this box"),
    ("Drag with stroke", "This line lies on the object; around it: a lasso"),
    ("Right or Ctrl+drag with stroke", "This line does not"),
    ("Drag, wheel, Space", "Move and zoom, as always in napari"),
)


class HelpSheet(QDialog):
    """Shown over the window; any key or click closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setWindowTitle("Keys")
        self._layout = QGridLayout(self)

    def open_at(self, widget: QWidget) -> None:
        """Show the keys of now in the middle of a widget's window."""
        while (item := self._layout.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for row, (keys, text) in enumerate(lines()):
            self._layout.addWidget(QLabel(f"<b>{keys}</b>", self), row, 0)
            self._layout.addWidget(QLabel(text, self), row, 1)
        self.adjustSize()
        window = widget.window()
        if window is not None:
            self.move(window.geometry().center() - self.rect().center())
        self.show()

    def keyPressEvent(self, event: object) -> None:  # noqa: N802, ARG002
        """Close."""
        self.close()

    def mousePressEvent(self, event: object) -> None:  # noqa: N802, ARG002
        """Close."""
        self.close()


def lines() -> list[tuple[str, str]]:
    """Return keys, and what they do."""
    keyed = [(", ".join(map(str, keys_of(s))), s.title) for s in SHORTCUTS]
    return [*MOUSE, *((keys or "no key", title) for keys, title in keyed)]


PACKAGE = "napari-iafpn"


@dataclass(frozen=True)
class Shortcut:
    """A command of the tool.

    Attributes
    ----------
    name : str
    title : str
        What it does, for the preferences and the help.
    keys : tuple of str
        Unless the user chose others.
    """

    name: str
    title: str
    keys: tuple[str, ...]

    @property
    def action(self) -> str:
        """Its name among napari's actions."""
        return f"{PACKAGE}:{self.name}"


SHORTCUTS = (
    Shortcut("commit", "Keep the object and start the next one", ("Enter",)),
    Shortcut("undo", "Undo the last step", ("Ctrl+Z",)),
    Shortcut("redo", "Redo the last step", ("Ctrl+Shift+Z",)),
    Shortcut(
        "cancel",
        "Stop drawing, predicting, propagating or searching",
        ("Escape",),
    ),
    Shortcut("edit", "Edit the object under the mouse", ("Shift+E",)),
    Shortcut("clear", "Discard the object, or leave an edited one as it was", ("Shift+D",)),
    Shortcut("propagate", "Propagate the object to other planes", ("Shift+P",)),
    Shortcut("split", "Split the edited object at its clicks", ("Shift+S",)),
    Shortcut("box", "Box tool on or off", ("Shift+R",)),
    Shortcut("stroke", "Stroke tool on or off", ("Shift+T",)),
    Shortcut("brush", "Brush on or off", ("Shift+B",)),
    Shortcut("eraser", "Eraser on or off", ("Shift+X",)),
    Shortcut("find", "Find similar objects", ("Shift+F",)),
    Shortcut("accept", "Accept the proposal", ("Shift+Y",)),
    Shortcut("reject", "Reject the proposal", ("Shift+N",)),
    Shortcut("next", "Go to the next proposal, the most doubtful first", ("Shift+J",)),
    Shortcut("magnify", "Zoom in on the object, and back", ("Shift+M",)),
    Shortcut("help", "Show the keys", ("Shift+H",)),
)


class ToolKeys(KeymapProvider):  # type: ignore[misc]
    """Holds the keys as the user wants them; nothing on the canvas listens to it."""


def offer_shortcuts() -> None:
    """List the keys in napari's preferences, where they can be changed."""
    chosen = get_settings().shortcuts.shortcuts
    for shortcut in SHORTCUTS:
        if (
            shortcut.action in action_manager._actions
        ):  # offered before; the user may have changed it
            continue
        action_manager.register_action(shortcut.action, _marker(shortcut), shortcut.title, ToolKeys)
        for key in () if shortcut.action in chosen else shortcut.keys:
            action_manager.bind_shortcut(shortcut.action, key)


def keys_of(shortcut: Shortcut) -> list[Any]:
    """Return the keys that the user chose for a command."""
    name = _name(shortcut)
    return [
        key for key, call in ToolKeys.class_keymap.items() if getattr(call, "__name__", "") == name
    ]


def key_text(name: str) -> str:
    """Return the keys of a command by its name, as they are written on buttons; empty: none."""
    found = (keys_of(shortcut) for shortcut in SHORTCUTS if shortcut.name == name)
    return ", ".join(str(key) for keys in found for key in keys)


def _marker(shortcut: Shortcut) -> Callable[[], None]:
    """Return what napari binds to the keys, which are looked up and never pressed there."""

    def marker() -> None:
        """Do nothing."""

    marker.__name__ = _name(shortcut)
    return marker


def _name(shortcut: Shortcut) -> str:
    return f"iafpn_{shortcut.name}"
