"""Small widgets: signals out, setters in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_iafpn.plugin.messages import Message, as_sentence

SIDE = 18
STEP_MS = 250
"""Each step draws the whole window anew where graphics are computed by the processor."""
STEP_DEGREES = 45


class Spinner(QWidget):
    """An arc that turns while it is busy for longer than a step, and nothing while it is not."""

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
        if busy and not self.busy:
            self._angle = 0
            self._timer.start()
        elif self.busy and not busy:
            self._timer.stop()
            self.update()

    def _turn(self) -> None:
        self._angle += STEP_DEGREES
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw the arc."""
        if not self.busy or not self._angle:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(self.palette().windowText().color(), 2.5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        # Qt counts angles in sixteenths of a degree.
        painter.drawArc(QRectF(3, 3, SIDE - 6, SIDE - 6), -self._angle * 16, 270 * 16)
        painter.end()


ERROR_COLOR = "#ff7b72"
QUIET = "color: gray; font-size: 11px;"
STALE_MS = 200
"""How often it is looked whether the cause of an error is gone."""
WIDTH, HEIGHT = 320, 600
"""What a panel asks for; it may be made smaller."""


class Choice(QComboBox):
    """A choice among things with names; tells only what the user chooses."""

    chosen = Signal(object)

    def __init__(self, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.activated.connect(lambda place: self.chosen.emit(self.itemData(place)))

    @property
    def value(self) -> Any:
        """What is chosen."""
        return self.currentData()

    @property
    def choices(self) -> list[Any]:
        """What is on offer."""
        return [self.itemData(place) for place in range(self.count())]

    def offer(self, choices: Sequence[tuple[str, Any]], chosen: Any) -> None:
        """Set what is on offer by name, and what is chosen if it is among it."""
        if [(self.itemText(i), self.itemData(i)) for i in range(self.count())] != list(choices):
            chosen = self.value if chosen is None else chosen
            self.clear()
            for name, value in choices:
                self.addItem(name, value)
        if chosen in self.choices:
            self.setCurrentIndex(self.choices.index(chosen))

    def choose(self, value: Any) -> None:
        """Choose as the user does."""
        self.setCurrentIndex(self.choices.index(value))
        self.chosen.emit(value)


class NameChoice(ComboBox):
    """A choice among names that only its owner changes."""

    def offer(self, choices: Sequence[tuple[str, Any]], chosen: Any) -> None:
        """Set the choices and the choice without telling anybody."""
        with self.changed.blocked():
            self.choices = choices
            if chosen in self.choices:
                self.value = chosen

    def reset_choices(self, *_: object) -> None:
        """Keep the choices; magicgui would forget them when the widget is docked."""


class ModelRow(QWidget):
    """A model by name, or a file."""

    chosen = Signal(str)

    def __init__(self, models: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = Choice("The network that answers your clicks", self)
        button = QPushButton("…", self)
        button.setToolTip("Choose a model file (.safetensors)")
        button.setFixedWidth(32)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._choice, 1)
        row.addWidget(button)
        self.offer(models, next(iter(models), None))
        self._choice.chosen.connect(lambda model: self.chosen.emit(model))
        button.clicked.connect(self._ask_file)

    def offer(self, models: Sequence[str], chosen: str | None) -> None:
        """Offer models: names, or files, which are shown by their name."""
        self._choice.offer([(Path(model).name, model) for model in models], chosen)

    @property
    def models(self) -> tuple[str, ...]:
        """The models on offer."""
        return tuple(self._choice.choices)

    def _ask_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(
            self, "Choose a model", "", "Models (*.safetensors);;All files (*)"
        )
        if file:
            self.chosen.emit(file)


class Fold(QWidget):
    """A part of a panel behind a title that unfolds it; folded it takes the room of its title."""

    toggled = Signal(bool)

    def __init__(self, title: str, part: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.part = part
        self.title = QToolButton(self)
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setAutoRaise(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.title.setStyleSheet("QToolButton { border: none; background: transparent; }")
        self.title.toggled.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addWidget(part)
        self._show(False)

    @property
    def is_open(self) -> bool:
        """Whether the part can be seen."""
        return self.title.isChecked()

    def unfold(self, on: bool = True) -> None:
        """Show the part or hide it."""
        self.title.setChecked(on)

    def _show(self, on: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self.part.setVisible(on)
        self.toggled.emit(on)


class ScrollPanel(QScrollArea):
    """Holds the parts of a panel, one below the other; scrolls where the window is low."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.content = QWidget(self)
        self.parts = QVBoxLayout(self.content)
        self.parts.setContentsMargins(0, 0, 4, 0)
        self.parts.setSpacing(5)
        self.setWidget(self.content)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size that fits a laptop."""
        return QSize(WIDTH, HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least that is of use."""
        bar = 0 if (found := self.verticalScrollBar()) is None else found.sizeHint().width()
        return QSize(min(self.content.minimumSizeHint().width() + bar, WIDTH), 120)


class StatusView(QWidget):
    """A spinner, one sentence, and below it, small and grey, times and devices."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spinner = Spinner(self)
        self._label = sentence_label()
        self._label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._quiet = QElidingLabel(parent=self)
        self._quiet.setStyleSheet(QUIET)
        self._quiet.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.foot = QHBoxLayout()
        self.foot.addWidget(self.spinner)
        self.foot.addWidget(self._quiet, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._label, 1)
        layout.addLayout(self.foot)
        self._cause: Callable[[], object] | None = None
        self._known: object = None
        self._timer = QTimer(self)
        self._timer.setInterval(STALE_MS)
        self._timer.timeout.connect(self._drop_stale)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Give room to two lines in the theme's font, so that no sentence moves the panel."""
        two_lines = QLabel("\n", self)
        two_lines.ensurePolished()
        self._label.setMinimumHeight(two_lines.sizeHint().height())
        two_lines.deleteLater()
        super().showEvent(event)

    @property
    def text(self) -> str:
        """The sentence."""
        return str(self._label.text())

    @property
    def quiet_text(self) -> str:
        """The times and devices."""
        return str(self._quiet.text())

    def show_message(self, message: Message, cause: Callable[[], object] | None = None) -> None:
        """Show a sentence; errors in red, until what ``cause`` returns is something else."""
        if message.quiet:
            self._quiet.setText(message.text)
            self._quiet.setToolTip(message.text)
            return
        self._timer.stop()
        if message.error and cause is not None:
            self._cause, self._known = cause, cause()
            self._timer.start()
        self._label.setText(as_sentence(message.text) if message.text else "")
        self._label.setStyleSheet(f"color: {ERROR_COLOR}" if message.error else "")

    def _drop_stale(self) -> None:
        if self._cause is not None and self._cause() != self._known:
            self.show_message(Message(""))


def sentence_label() -> QLabel:
    """Return a label for whole sentences."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
