"""A close look at a small object, and back to where the user was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.camera import camera, canvas_size, center_on
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.messages import Message
from napari_iafpn.plugin.shown_image import ShownImage
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

# Share of the canvas' shorter side that the longer one of the box fills.
FILLED = 0.8


class Magnifier:
    """Fills the canvas with the current object; the next time goes back."""

    def __init__(
        self, viewer: ViewerModel, controller: AnnotationController, shown: ShownImage
    ) -> None:
        self._viewer, self._controller, self._shown = viewer, controller, shown
        self._before: tuple[tuple[float, ...], float] | None = None
        self._close: tuple[tuple[float, ...], float] | None = None

    def toggle(self) -> None:
        """Look at the current object closely, or go back; where the user moved on, look again."""
        view = camera(self._viewer)
        if self._before is not None and (tuple(view.center), float(view.zoom)) == self._close:
            view.center, view.zoom = self._before
            self._before = None
            return
        prediction, mask = self._controller.prediction, self._controller.mask
        box = prediction.roi if prediction is not None else None if mask is None else mask.box
        image, plane = self._shown.layer, self._controller.plane
        if image is None or plane is None or box is None:
            text = "there is no object to look at yet; click on one first"
            self._controller.said.emit(Message(text, error=True))
        else:
            self._before = tuple(view.center), float(view.zoom)
            self._look(image, plane, box)
            self._close = tuple(view.center), float(view.zoom)

    def _look(self, image: Image, plane: PlaneKey, box: Box) -> None:
        corners = [(box.row_start, box.col_start), (box.row_stop, box.col_stop)]
        start, stop = (np.array(image.data_to_world(plane.to_data(*point))) for point in corners)
        center_on(self._viewer, image, (start + stop) / 2)
        zoom = FILLED * min(canvas_size(self._viewer)) / float(np.abs(stop - start).max())
        camera(self._viewer).zoom = zoom
