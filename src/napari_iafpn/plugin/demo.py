"""`python -m napari_iafpn.plugin.demo`: napari with a sample, its first object clicked."""

from __future__ import annotations

import napari
from qtpy.QtWidgets import QApplication

from napari_iafpn.plugin.samples import SAMPLES
from napari_iafpn.prompts import Click


def open_demo(sample: str = "nuclei") -> napari.Viewer:
    """Open a window with a bundled image and the plugin, and make the first click."""
    viewer = napari.Viewer()
    viewer.open_sample("napari-iafpn", sample)
    _, widget = viewer.window.add_plugin_dock_widget("napari-iafpn", "Click segmentation")
    QApplication.processEvents()  # the dock takes its place beside the canvas
    viewer.reset_view()
    widget.annotator.open()  # at the latest now, whether or not the window is on the screen yet
    widget.annotator.controller.add(Click(*SAMPLES[sample].click))
    return viewer


if __name__ == "__main__":
    open_demo()
    napari.run()
