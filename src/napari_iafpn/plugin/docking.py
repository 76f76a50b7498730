"""What dock widgets with threads of their own need."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QWidget


class Bridge(QObject):
    """Carries reports from a thread into the GUI thread."""

    reported = Signal(object)


class BackgroundTasks(QObject):
    """Does things in threads and tells the GUI thread what came of each.

    Parameters
    ----------
    name : str
        Of the threads.
    """

    _done = Signal(object, object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._done.connect(self._tell)

    def __call__(self, work: Callable[[], object], then: Callable[[Any], None]) -> None:
        """Call ``then`` with the result of ``work``, or with its ValueError or OSError."""
        Thread(target=self._work, args=(work, then), name=self._name, daemon=True).start()

    def _work(self, work: Callable[[], object], then: Callable[[Any], None]) -> None:
        try:
            result = work()
        except (ValueError, OSError) as error:
            result = error
        except Exception as error:  # noqa: BLE001  the end of the thread's stack
            result = ValueError(
                f"something went wrong ({type(error).__name__}: {error}); try again"
            )
        self._done.emit(then, result)

    def _tell(self, then: Callable[[Any], None], result: object) -> None:
        then(result)


def is_closing(widget: QWidget) -> bool:
    """Tell whether a widget is hidden together with the whole window that it is docked in."""
    window = None
    while (parent := (window or widget).parentWidget()) is not None:
        window = parent  # not widget.window(): a dock that floats is a window too
    return window is not None and not window.isVisible()


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
