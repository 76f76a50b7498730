"""Keys reach whom they are meant for: fields while text is typed, else the canvas."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QChildEvent, QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)

CONTROLS = (QAbstractButton, QAbstractSlider, QComboBox)
"""What is done with as soon as the mouse lets go of it."""
FIELDS = (QAbstractSpinBox, QLineEdit)
HISTORY = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)
ERASE = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)
CONFIRM = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


class TypingWatch(QObject):
    """Notices Enter and Escape in the fields of any panel, where they only end the typing.

    Qt's fields confirm with these keys and hand them on, and napari takes them to the canvas.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_ended = False
        """Whether the key that is being handled was pressed in a field to end the typing."""

    def watch(self, *, on: bool) -> None:
        """Look at what is typed from now on, or no more."""
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self) if on else app.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Take note, and leave the event to the field."""
        if event is not None and event.type() == QEvent.Type.KeyPress:  # the filter sees all events
            confirms = isinstance(event, QKeyEvent) and event.key() in CONFIRM
            if confirms and isinstance(watched, FIELDS):
                self.is_ended = True
                QTimer.singleShot(0, self._go_on)
        return False

    def _go_on(self) -> None:
        self.is_ended = False


class CanvasFocus(QObject):
    """Watches the controls of a panel and gives the focus back to the canvas.

    Clicks and wheel turns leave no focus on a control, Tab still reaches all of them. Text that is
    being typed keeps it until Enter or Escape, which only end the typing; so does a list, whose
    rows the arrow keys choose.

    Parameters
    ----------
    panel : QWidget
    canvas : callable
        Returns the canvas, None where there is none.
    """

    def __init__(self, panel: QWidget, canvas: Callable[[], QWidget | None]) -> None:
        super().__init__(panel)
        self._panel = panel
        self._canvas = canvas
        self._typed_in: QWidget | None = None
        self._watch(panel)

    def give_back(self) -> None:
        """Let the canvas have the keyboard, once this event is over."""
        QTimer.singleShot(0, self._give_back)

    def _give_back(self) -> None:
        # Where a menu or a dialog of the control is open, the user is not done with it.
        if QApplication.activePopupWidget() or QApplication.activeModalWidget():
            return
        canvas = self._canvas()
        if canvas is not None:
            canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def _watch(self, widget: QWidget) -> None:
        for each in (widget, *widget.findChildren(QWidget)):
            each.installEventFilter(self)
            if isinstance(each, CONTROLS):
                each.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            elif isinstance(each, QAbstractSpinBox):
                each.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not by the wheel
            if isinstance(each, QComboBox):
                each.activated.connect(self.give_back)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """See what is done with a control; the panel may be half taken apart."""
        if event is None or not isinstance(watched, QWidget):
            return False
        kind = event.type()
        if isinstance(event, QChildEvent) and kind == QEvent.Type.ChildPolished:
            if isinstance(child := event.child(), QWidget):
                self._watch(child)
        elif kind == QEvent.Type.FocusOut and watched is self._typed_in:
            self._typed_in = None
        elif kind == QEvent.Type.MouseButtonRelease and not _is_typing(watched):
            self.give_back()
        elif kind == QEvent.Type.Wheel and _would_turn(watched):
            event.ignore()  # the panel scrolls
            return True
        elif isinstance(event, QKeyEvent) and kind == QEvent.Type.KeyPress:
            return self._on_key(watched, event)
        return False

    def _on_key(self, watched: QWidget, event: QKeyEvent) -> bool:
        line = watched.lineEdit() if isinstance(watched, QAbstractSpinBox) else watched
        if not isinstance(line, QLineEdit):
            return False
        if any(map(event.matches, HISTORY)) and self._typed_in is not watched:
            event.ignore()  # nothing was typed: it is for the canvas
            return True
        if event.key() in CONFIRM:
            self._typed_in = None
            watched.event(event)
            event.accept()
            self.give_back()
            return True
        if (event.text().isprintable() and event.text()) or event.key() in ERASE:
            self._typed_in = watched
        return False


def _is_typing(widget: QWidget) -> bool:
    """Tell whether a widget that was clicked on takes keys from now on."""
    inner = widget.parentWidget() if widget.objectName() == "qt_scrollarea_viewport" else widget
    return isinstance(inner, (QLineEdit, QAbstractItemView))


def _would_turn(widget: QWidget) -> bool:
    """Tell whether a wheel turn over a widget would change its value, unlike what was meant."""
    turns = isinstance(widget, (QComboBox, QAbstractSpinBox, QAbstractSlider))
    return turns and not isinstance(widget, QScrollBar) and not widget.hasFocus()
