"""A sheet with all keys and mouse buttons."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

from napari_iafpn.plugin.shortcuts import SHORTCUTS, keys_of

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
