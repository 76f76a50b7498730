"""What the menus and the command palette of napari offer.

napari hands commands a proxy of the viewer, whose layers are never identical to the viewer's;
``annotator.viewer`` is the viewer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari.layers import Image, Labels
from napari.utils.notifications import show_warning
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog

from napari_iafpn.plugin.common.panel import panels_of

if TYPE_CHECKING:
    from napari_iafpn.plugin.widget import ClickSegmentation


def segment_by_clicks(viewer: Viewer) -> None:
    """Click on objects of the active image layer."""
    annotator = tool_of(viewer).annotator
    active = annotator.viewer.layers.selection.active
    if isinstance(active, Image):
        annotator.set_image(active)


def edit_label(viewer: Viewer) -> None:
    """Correct the selected label of the active Labels layer with clicks."""
    annotator = tool_of(viewer).annotator
    active = annotator.viewer.layers.selection.active
    if not isinstance(active, Labels):
        show_warning("Select a Labels layer, and in it the label to edit.")
        return
    annotator.set_labels(active)
    annotator.kept.edit(active, int(active.selected_label))


def commit_object(viewer: Viewer) -> None:
    """Write the current object into its labels."""
    tool_of(viewer).annotator.controller.commit()


def propagate_object(viewer: Viewer) -> None:
    """Take the current object, or the last one of this plane, to other planes."""
    tool_of(viewer).propagate()


def undo(viewer: Viewer) -> None:
    """Take the last step of the annotation back."""
    tool_of(viewer).annotator.undo()


def redo(viewer: Viewer) -> None:
    """Do the step again that was undone last."""
    tool_of(viewer).annotator.redo()


def resume_session(viewer: Viewer) -> None:
    """Go on with a session from its file."""
    widget = tool_of(viewer)
    file, _ = QFileDialog.getOpenFileName(
        widget, "Resume a session", str(widget.sessions.folder), "Sessions (*.jsonl)"
    )
    if file:
        widget.sessions.open_file(Path(file))


def show_shortcuts(viewer: Viewer) -> None:
    """Show all keys of the tool."""
    tool_of(viewer).show_help()


def tool_of(viewer: Viewer) -> ClickSegmentation:
    """Return the tool of a window, opened if need be."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-iafpn", "Click segmentation")
    others = panels_of(widget, type(widget))  # of a script, which may have called it otherwise
    return cast("ClickSegmentation", next(iter(others), widget))
