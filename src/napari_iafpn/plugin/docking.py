"""What every dock widget with a thread of its own needs."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QWidget


class Bridge(QObject):
    """Carries reports from a thread into the GUI thread."""

    reported = Signal(object)


class DockWatch(QObject):
    """Notices that a widget is shown, hidden, or taken out of its dock."""

    def __init__(
        self,
        widget: QWidget,
        shown: Callable[[], None],
        hidden: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        super().__init__(widget)
        self._shown, self._hidden, self._closed = shown, hidden, closed
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Call back; minimising the window is none of these events."""
        if event is not None and isinstance(watched, QWidget) and not event.spontaneous():
            if event.type() == QEvent.Type.Show:
                self._shown()
            elif event.type() == QEvent.Type.Hide:
                self._hidden()
            elif event.type() == QEvent.Type.ParentChange and watched.parent() is None:
                self._closed()
        return False
