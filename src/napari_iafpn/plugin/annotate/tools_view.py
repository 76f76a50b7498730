"""What the mouse does: a row of tools, one of which is in hand."""

from __future__ import annotations

from napari.resources import get_colorized_svg, get_icon_path
from qtpy.QtCore import QByteArray, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_iafpn.plugin.shortcuts import key_text

CLICKS, BOX, STROKE, BRUSH, ERASER = "clicks", "box", "stroke", "brush", "eraser"
PAINTING = (BRUSH, ERASER)
TOOLS = {
    CLICKS: ("Click", "new_points", "Click: on the object, right or Ctrl+click beside it"),
    BOX: ("Box", "rectangle", "Drag a box around the object"),
    STROKE: (
        "Stroke",
        "path",
        "Drag a line along the object, or a lasso around it; right or Ctrl+drag beside it",
    ),
    BRUSH: ("Brush", "paint", "Paint what is missing; later clicks leave it alone"),
    ERASER: ("Eraser", "erase", "Erase what is too much; later clicks leave it alone"),
}
"""What is written on each tool, napari's icon of it, and its tooltip."""
ICON, STEPS = 20, 100
LOWEST, HIGHEST = 0.05, 0.95
BRUSH_SIZES = (1, 100)


class ToolsView(QWidget):
    """The tools, and below them what belongs to the one in hand: threshold or size."""

    chosen = Signal(str)
    threshold_changed = Signal(float)
    size_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons = {tool: _button(*texts) for tool, texts in TOOLS.items()}
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(2)
        for tool, button in self.buttons.items():
            self._group.addButton(button)
            row.addWidget(button, 1)
            button.clicked.connect(lambda _, tool=tool: self.chosen.emit(tool))
        self.threshold = QSlider(Qt.Orientation.Horizontal, self)
        self.threshold.setRange(round(LOWEST * STEPS), round(HIGHEST * STEPS))
        self.threshold.setToolTip("Lower: a larger mask. Higher: a smaller one")
        self.brush = QSlider(Qt.Orientation.Horizontal, self)
        self.brush.setRange(*BRUSH_SIZES)
        self.brush.setToolTip("Diameter of brush and eraser, in pixels ([ and ])")
        self._numbers = {self.threshold: QLabel(), self.brush: QLabel()}
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._setting("Threshold", self.threshold))
        self._stack.addWidget(self._setting("Size", self.brush))
        self._stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self._stack)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.brush.valueChanged.connect(self._on_size)
        self.show_tool(CLICKS)
        self.show_threshold(0.5, enabled=False)
        self.show_size(10)

    @property
    def tool(self) -> str:
        """The tool in hand."""
        return next(tool for tool, button in self.buttons.items() if button.isChecked())

    def choose(self, tool: str) -> None:
        """Take a tool as the user does."""
        self.buttons[tool].click()

    def show_tool(self, tool: str) -> None:
        """Show which tool is in hand, and the keys of all."""
        self.buttons[tool].setChecked(True)
        self._stack.setCurrentIndex(tool in PAINTING)
        for name, button in self.buttons.items():
            keys = key_text(name)
            button.setToolTip(TOOLS[name][2] + (f" ({keys})" if keys else ""))

    def show_threshold(self, threshold: float, *, enabled: bool) -> None:
        """Show the threshold of the current object."""
        self._show_number(self.threshold, round(threshold * STEPS), f"{threshold:.2f}")
        self.threshold.setEnabled(enabled)

    def show_size(self, size: float) -> None:
        """Show the diameter of brush and eraser."""
        self._show_number(self.brush, round(size), f"{size:.0f} px")

    def _show_number(self, slider: QSlider, value: int, text: str) -> None:
        blocked = slider.blockSignals(True)
        slider.setValue(value)
        slider.blockSignals(blocked)
        self._numbers[slider].setText(text)

    def _on_threshold(self, value: int) -> None:
        self._numbers[self.threshold].setText(f"{value / STEPS:.2f}")
        self.threshold_changed.emit(value / STEPS)

    def _on_size(self, value: int) -> None:
        self._numbers[self.brush].setText(f"{value} px")
        self.size_changed.emit(value)

    def _setting(self, name: str, slider: QSlider) -> QWidget:
        line = QWidget(self)
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel(name, line))
        layout.addWidget(slider, 1)
        self._numbers[slider].setMinimumWidth(self.fontMetrics().horizontalAdvance("100 px"))
        layout.addWidget(self._numbers[slider])
        return line

    def colour(self, text: str, current: str) -> None:
        """Take the colours of the window on: that of text, and that of what is in hand."""
        self.setStyleSheet(
            "QToolButton { border: none; border-radius: 3px; padding: 2px 0; }"
            f"QToolButton:checked {{ background-color: {current}; }}"
        )
        for tool, button in self.buttons.items():
            button.setIcon(_icon(TOOLS[tool][1], text, self.devicePixelRatioF()))


def _button(text: str, _icon_name: str, _tooltip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(QSize(ICON, ICON))
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button


def _icon(name: str, colour: str, ratio: float) -> QIcon:
    svg = get_colorized_svg(get_icon_path(name), colour)
    pixmap = QPixmap(round(ICON * ratio), round(ICON * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return QIcon(pixmap)
