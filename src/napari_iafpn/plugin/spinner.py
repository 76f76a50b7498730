"""A small sign that something is being computed."""

from __future__ import annotations

from qtpy.QtCore import QRectF, Qt, QTimer
from qtpy.QtGui import QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

SIDE = 18
STEP_MS = 50
STEP_DEGREES = 24


class Spinner(QWidget):
    """An arc that turns while it is busy, and nothing while it is not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(SIDE, SIDE)
        self._angle = 0
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._turn)

    @property
    def busy(self) -> bool:
        """Whether it turns."""
        return self._timer.isActive()

    def set_busy(self, busy: bool) -> None:
        """Turn or stop."""
        if busy != self.busy:
            if busy:
                self._timer.start()
            else:
                self._timer.stop()
            self.update()

    def _turn(self) -> None:
        self._angle = (self._angle + STEP_DEGREES) % 360
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw the arc."""
        if not self.busy:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(self.palette().windowText().color(), 2.5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        # Qt counts angles in sixteenths of a degree.
        painter.drawArc(QRectF(3, 3, SIDE - 6, SIDE - 6), -self._angle * 16, 270 * 16)
        painter.end()
