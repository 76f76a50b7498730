"""A close look at a small object, and back to where the user was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.camera import camera, canvas_size, center_on
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

# Share of the canvas' shorter side that the longer one of the box fills.
FILLED = 0.8


class Magnifier:
    """Fills the canvas with a box of the image; the next time goes back."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._before: tuple[tuple[float, ...], float] | None = None
        self._close: tuple[tuple[float, ...], float] | None = None

    def toggle(self, image: Image, plane: PlaneKey, box: Box) -> None:
        """Look at ``box`` of a plane closely, or go back; where the user moved on, look again."""
        view = camera(self._viewer)
        now = tuple(view.center), float(view.zoom)
        if self._before is not None and now == self._close:
            view.center, view.zoom = self._before
            self._before = None
            return
        self._before = now
        corners = [(box.row_start, box.col_start), (box.row_stop, box.col_stop)]
        start, stop = (np.array(image.data_to_world(plane.to_data(*point))) for point in corners)
        center_on(self._viewer, image, (start + stop) / 2)
        view.zoom = FILLED * min(canvas_size(self._viewer)) / float(np.abs(stop - start).max())
        self._close = tuple(view.center), float(view.zoom)
