"""The object at work, and what can be done with it."""

from __future__ import annotations

from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_iafpn.plugin.common.parts import QUIET
from napari_iafpn.plugin.shortcuts import key_text


class ObjectView(QWidget):
    """Its name, and the buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel(self)
        self.title.setStyleSheet("font-weight: bold;")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.count = QLabel(self)
        self.count.setStyleSheet(QUIET)
        self.keep_button = QPushButton(self)
        self.undo_button = QPushButton("Undo", self)
        self.redo_button = QPushButton("Redo", self)
        self.split_button = QPushButton("Split", self)
        self.discard_button = QPushButton("Discard", self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.addWidget(self.title, 0, 0, 1, 3)
        grid.addWidget(self.count, 0, 3)
        grid.addWidget(self.keep_button, 1, 0, 1, 2)
        grid.addWidget(self.split_button, 1, 2)
        grid.addWidget(self.discard_button, 1, 3)
        grid.addWidget(self.undo_button, 2, 0, 1, 2)
        grid.addWidget(self.redo_button, 2, 2, 1, 2)
        self._tips = {
            self.keep_button: ("Write the object into its labels; start the next one", "commit"),
            self.undo_button: ("Take back the last step, whatever it was", "undo"),
            self.redo_button: ("Do again what was undone", "redo"),
            self.split_button: ("Divide the object: first click on each of its parts", "split"),
            self.discard_button: ("", "clear"),
        }

    def show_object(self, title: str, count: str, *, touched: bool, edited: bool) -> None:
        """Show what the current object is; of an untouched one there is little to do."""
        self.title.setText(title)
        self.title.setToolTip(title)
        self.count.setText(count)
        self.keep_button.setEnabled(touched)
        self.discard_button.setEnabled(touched)
        self.split_button.setEnabled(edited)
        self._show_keys(edited=edited)

    def show_history(self, *, undo: bool, redo: bool) -> None:
        """Show what can be undone and redone."""
        self.undo_button.setEnabled(undo)
        self.redo_button.setEnabled(redo)

    def _show_keys(self, *, edited: bool) -> None:
        keep = key_text("commit")
        self.keep_button.setText(f"Keep ({keep})" if keep else "Keep")
        drop = "Leave the object as it was" if edited else "Drop the clicks of this object"
        for button, (tip, name) in self._tips.items():
            keys = key_text(name)
            button.setToolTip((tip or drop) + (f" ({keys})" if keys else ""))
