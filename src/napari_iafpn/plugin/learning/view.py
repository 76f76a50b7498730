"""The rows of the panel with which a model learns: signals out, setters in."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_iafpn.plugin.common.parts import sentence_label

TIP = (
    "After ten objects, and again after each ten, the model learns from what you kept, beside your "
    "work. A new one is taken only where it needs fewer clicks on what you kept since"
)


class LearningView(QWidget):
    """A switch, a line, and a button that changes the model."""

    switched = Signal(bool)
    model_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = QCheckBox("Learn from my objects", self)
        self.switch.setToolTip(TIP)
        self.button = QPushButton(self)
        self._line = sentence_label()
        row = QHBoxLayout()
        row.addWidget(self.switch, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self._line)
        self.switch.clicked.connect(lambda on: self.switched.emit(on))
        self.button.clicked.connect(lambda _: self.model_wanted.emit())
        self.show_state("", "", "", on=False)

    @property
    def text(self) -> str:
        """The line."""
        return str(self._line.text())

    def show_state(self, line: str, button: str, tip: str, *, on: bool) -> None:
        """Show the switch, the line, and the button where it has a text."""
        self.switch.setChecked(on)
        self._line.setText(line)
        self._line.setVisible(bool(line))
        self.button.setText(button)
        self.button.setToolTip(tip)
        self.button.setVisible(bool(button))
