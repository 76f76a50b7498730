"""The row with which an object is propagated to other planes."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal as QtSignal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSpinBox, QWidget

from napari_iafpn.plugin.propagating import DIRECTIONS, PropagationRange

MOST_PLANES = 99_999


class PropagateView(QWidget):
    """Where to, how far, and the button."""

    wanted = QtSignal(PropagationRange)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton("Propagate", self)
        self.button.setToolTip(
            "Take the object to other planes: the one at work, which is committed, else the last "
            "one of this plane (Shift+P). Esc stops it and keeps what it reached"
        )
        self.axis = QComboBox(self)
        self.axis.setToolTip("The slider along which to propagate")
        self.direction = QComboBox(self)
        self.direction.addItems(DIRECTIONS)
        self.direction.setToolTip("Towards higher planes, lower ones, or both")
        self.planes = QSpinBox(self)
        self.planes.setRange(0, MOST_PLANES)
        self.planes.setSpecialValueText("to the end")
        self.planes.setToolTip("How many planes in each direction; below 1: to the end")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.button, self.axis, self.direction, self.planes):
            layout.addWidget(part, 1)
        self.button.clicked.connect(lambda: self.wanted.emit(self.value))
        self.offer([])

    @property
    def value(self) -> PropagationRange:
        """What is chosen."""
        return PropagationRange(
            self.axis.currentData(), self.direction.currentText(), self.planes.value()
        )

    def offer(self, axes: Sequence[tuple[str, int]]) -> None:
        """Offer sliders by name and data axis; without any there is nowhere to go."""
        offered = [(self.axis.itemText(n), self.axis.itemData(n)) for n in range(self.axis.count())]
        if offered != list(axes):
            chosen = self.axis.currentData()
            self.axis.clear()
            for name, axis in axes:
                self.axis.addItem(name, axis)
            self.axis.setCurrentIndex(max(0, self.axis.findData(chosen)))
        self.axis.setVisible(len(axes) > 1)
        self.setVisible(bool(axes))
