"""What the three dock widgets of the plugin have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from napari_iafpn.plugin.common.focus import CanvasFocus
from napari_iafpn.plugin.common.parts import ScrollPanel, StatusView
from napari_iafpn.plugin.docking import DockWatch, is_closing

if TYPE_CHECKING:
    import napari.viewer
    from napari.utils.theme import Theme


class DockPanel(QWidget):
    """A panel that fits a laptop, and shares a place in the window with its like, as tabs.

    Parameters
    ----------
    viewer : napari.viewer.Viewer

    Attributes
    ----------
    body : ScrollPanel
        Holds the parts.
    status : StatusView
        Stays in sight; a panel puts it where it likes.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        # napari hands plugins a proxy, whose layers are never identical to the viewer's.
        self.viewer = getattr(viewer, "__wrapped__", viewer)
        self.status = StatusView()
        self.body = ScrollPanel(self)
        self.outer = QVBoxLayout(self)
        self.outer.setContentsMargins(6, 4, 2, 4)
        self.outer.setSpacing(4)
        self.outer.addWidget(self.body, 1)
        self._has_joined = False

    def watch(self) -> None:
        """Follow the dock and the keyboard; the last thing that is set up."""
        self.viewer.events.theme.connect(self._follow_theme)
        self._follow_theme()
        self.focus = CanvasFocus(self, self._canvas)
        self._dock_watch = DockWatch(self, self._on_show, self._on_hide, self._on_leave)

    def raise_dock(self) -> None:
        """Bring the panel into sight."""
        dock = self.dock
        if dock is not None:
            dock.show()
            dock.raise_()

    @property
    def dock(self) -> QDockWidget | None:
        """The dock that holds it."""
        parent = self.parentWidget()
        return parent if isinstance(parent, QDockWidget) else None

    def on_theme(self, theme: Theme) -> None:
        """Take the colours of the window on."""

    # What a panel does as it comes and goes

    def enter(self) -> None:
        """Begin, or go on after `rest`."""

    def rest(self) -> None:
        """Pause while the panel is hidden."""

    def leave(self) -> None:
        """Let go of the viewer: the panel was taken out of its window, or napari closes."""

    def _on_show(self) -> None:
        self.enter()
        # Docks are not moved while they come.
        QTimer.singleShot(0, self._join)

    def _on_hide(self) -> None:
        # napari goes without taking its docks apart.
        self.leave() if is_closing(self) else self.rest()

    def _on_leave(self) -> None:
        self.viewer.events.theme.disconnect(self._follow_theme)
        self.leave()

    def _follow_theme(self, _event: object = None) -> None:
        self.on_theme(get_theme(self.viewer.theme))

    def _join(self) -> None:
        """Become a tab beside the plugin's other docks, unless the user put it elsewhere."""
        dock, window = self.dock, self.window()
        if self._has_joined or dock is None or not isinstance(window, QMainWindow):
            return
        self._has_joined = True
        area = window.dockWidgetArea(dock)
        for other in window.findChildren(DockPanel):
            there = other.dock
            if other is self or there is None or there.isFloating() or there.isHidden():
                continue
            if window.dockWidgetArea(there) == area and there not in window.tabifiedDockWidgets(
                dock
            ):
                window.tabifyDockWidget(there, dock)
            dock.raise_()
            return

    def _canvas(self) -> QWidget | None:
        try:
            return cast(QWidget, self.viewer.window._qt_viewer.canvas.native)
        except (AttributeError, RuntimeError):  # no window, or another version of napari
            return None


def panels_of(panel: DockPanel, kind: type[Any]) -> list[Any]:
    """Return the panels of a kind in the same window, but this one."""
    window = cast(QWidget, panel.window())
    return [other for other in window.findChildren(kind) if other is not panel]
