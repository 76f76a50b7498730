"""The rows of the panel with which similar objects are found and reviewed."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal as QtSignal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_iafpn.plugin.shortcuts import key_text

FIND, STOP = "Find similar", "Stop"
VISIBLE, WHOLE = "in view", "whole plane"
SURE = 80
"""Per cent of quality from which on *accept all* accepts, unless the user moves the slider."""


class FindView(QWidget):
    """Search, and say yes or no; what there is to review is hidden until something was found."""

    find_wanted = QtSignal(bool)
    """Whether in the whole plane."""
    stop_wanted = QtSignal()
    accept_wanted = QtSignal()
    reject_wanted = QtSignal()
    next_wanted = QtSignal()
    accept_all_wanted = QtSignal(float)
    quality_changed = QtSignal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._searching = False
        self.find_button = QPushButton(FIND, self)
        self.where = QComboBox(self)
        self.where.addItems((VISIBLE, WHOLE))
        self.where.setToolTip("Where to look")
        self._count = QLabel(self)
        self._review = QWidget(self)
        self.accept_button = QPushButton("Accept", self._review)
        self.reject_button = QPushButton("Reject", self._review)
        self.next_button = QPushButton("Next", self._review)
        self.quality = QSlider(Qt.Orientation.Horizontal, self._review)
        self.quality.setRange(50, 99)
        self.quality.setValue(SURE)
        self.quality.setToolTip("How sure a proposal must be to be accepted with all others")
        self.accept_all_button = QPushButton(self._review)
        self._tips = {
            self.find_button: (
                "Look for what is like the objects that you kept. Again after some answers: it "
                "learns from them",
                "find",
            ),
            self.accept_button: ("It is one: write it into the labels", "accept"),
            self.reject_button: ("It is none", "reject"),
            self.next_button: ("Go to the next one, the most doubtful first", "next"),
        }
        self._lay_out()
        self.find_button.clicked.connect(self._on_button)
        self.accept_button.clicked.connect(self.accept_wanted)
        self.reject_button.clicked.connect(self.reject_wanted)
        self.next_button.clicked.connect(self.next_wanted)
        self.quality.valueChanged.connect(lambda _: self.quality_changed.emit(self.least))
        self.accept_all_button.clicked.connect(lambda: self.accept_all_wanted.emit(self.least))
        self.show_review(0, 0, None)

    def _lay_out(self) -> None:
        review = QGridLayout(self._review)
        review.setContentsMargins(0, 0, 0, 0)
        for column, button in enumerate((self.accept_button, self.reject_button, self.next_button)):
            review.addWidget(button, 0, column)
        review.addWidget(self.quality, 1, 0)
        review.addWidget(self.accept_all_button, 1, 1, 1, 2)
        first = QHBoxLayout()
        first.addWidget(self.find_button, 2)
        first.addWidget(self.where, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(first)
        layout.addWidget(self._count)
        layout.addWidget(self._review)

    @property
    def everywhere(self) -> bool:
        """Whether the whole plane is searched."""
        return str(self.where.currentText()) == WHOLE

    @property
    def least(self) -> float:
        """The quality from which on all are accepted."""
        return float(self.quality.value()) / 100

    def show_search(self, *, searching: bool) -> None:
        """Show whether a search is under way."""
        self._searching = searching
        self.find_button.setText(STOP if searching else FIND)

    def show_review(self, count: int, sure: int, at: float | None) -> None:
        """Show how many proposals there are, how many are sure, and the quality of that at hand."""
        text = f"{count} proposal{'s' * (count != 1)} to answer"
        self._count.setText(text + ("" if at is None else f"; this one: quality {at:.2f}"))
        self.accept_all_button.setText(f"Accept all ≥ {self.least:.2f} ({sure})")
        self.accept_all_button.setEnabled(sure > 0)
        for part in (self._count, self._review):
            part.setVisible(count > 0)
        for button, (tip, name) in self._tips.items():
            keys = key_text(name)
            button.setToolTip(tip + (f" ({keys})" if keys else ""))

    @property
    def text(self) -> str:
        """The sentence about the proposals."""
        return str(self._count.text()) if self._count.isVisibleTo(self) else ""

    def _on_button(self) -> None:
        if self._searching:
            self.stop_wanted.emit()
        else:
            self.find_wanted.emit(self.everywhere)
