"""The objects in the labels: shown where they lie, outlined, taken up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.camera import center_on, seen_part
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.labels_registry import LabelsRegistry
from napari_iafpn.plugin.shown_image import ShownImage
from napari_iafpn.sessions import PlaneKey
from napari_iafpn.sessions.pixels import lifted

if TYPE_CHECKING:
    from napari.components import ViewerModel


class KeptObjects:
    """Finds committed objects of the image that is shown.

    Parameters
    ----------
    viewer, controller, shown, book
    outline : callable
        Outlines pixels of a plane, or none.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        controller: AnnotationController,
        shown: ShownImage,
        book: LabelsRegistry,
        outline: Callable[[PlaneKey, BoxedMask | None], None],
    ) -> None:
        self._viewer, self._controller, self._shown = viewer, controller, shown
        self._book, self._outline = book, outline

    def edit(self, labels: Labels, label: int) -> None:
        """Take a committed object up again, here or on the plane nearest its middle."""
        with self._controller.telling():
            if self._shown.layer is None:
                raise ValueError("there is no image to edit labels on; open theirs first")
            if sentence := self._book.misfit(labels, self._shown.layer):
                raise ValueError(sentence)
            target = self._book.target_of(labels)
            plane = self._controller.plane
            if plane is not None and not target.is_on(plane, label):
                self.go_to(target, label)
            self._controller.edit(target, label)

    def go_to(self, target: LabelsLayer, label: int) -> None:
        """Show an object and outline it; the view moves only where the object is out of sight."""
        plane, image = self._controller.plane, self._shown.layer
        if plane is None or image is None or label not in target.areas:
            return
        if not target.is_on(plane, label):
            plane = target.nearest_plane(plane, label) or plane
            self._shown.turn_to(plane)
        found = lifted(target.data, plane, label, target.region_on(plane, label))
        pixels = None if found is None else found[0]
        if pixels and not seen_part(self._viewer, image, plane).encloses(pixels.box):
            box = pixels.box
            centre = (box.row_start + box.row_stop - 1) / 2, (box.col_start + box.col_stop - 1) / 2
            center_on(self._viewer, image, image.data_to_world(plane.to_data(*centre)))
        self.outline(pixels)

    def outline(self, pixels: BoxedMask | None) -> None:
        """Outline a kept object on the displayed plane, or none."""
        if self._controller.plane is not None:
            self._outline(self._controller.plane, pixels)
