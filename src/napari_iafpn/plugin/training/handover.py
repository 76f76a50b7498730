"""From the training to the annotation: the new model in the widget Click segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iafpn.plugin.widget import ClickSegmentation

if TYPE_CHECKING:
    from pathlib import Path

    import napari.viewer

PLUGIN, WIDGET = "napari-iafpn", "Click segmentation"


def use_model(viewer: napari.viewer.Viewer, model: Path) -> ClickSegmentation:
    """Choose ``model`` in the widget that is docked in ``viewer``; one is opened if need be."""
    window = viewer.window
    widget = next((w for w in _docked(window) if isinstance(w, ClickSegmentation)), None)
    if widget is None:
        _, widget = window.add_plugin_dock_widget(PLUGIN, WIDGET, tabify=True)
    widget.raise_dock()
    widget.use_model(model)
    return widget


def _docked(window: object) -> list[object]:
    if hasattr(window, "dock_widgets"):
        return list(window.dock_widgets.values())
    # before napari 0.6.2
    return [dock.inner_widget() for dock in window._dock_widgets.values()]  # type: ignore[attr-defined]
