"""The layers that show the object at work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_iafpn.clicks import Prompt
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.layers import spatial_shape
from napari_iafpn.plugin.overlays import ClicksLayer, MaskPreview, keep_above
from napari_iafpn.plugin.prompts_layer import PromptsLayer
from napari_iafpn.plugin.shown_image import ShownImage

if TYPE_CHECKING:
    from napari.components import ViewerModel

SMALL = 2**20
"""Of a plane of so many pixels the brush can draw on all, of a larger one on what is in sight."""
# What napari calls the tools that paint.
PAINTING = {"brush": "paint", "eraser": "erase"}


class ObjectLayers:
    """Draws the object at work: its mask, its clicks, its boxes and strokes.

    Parameters
    ----------
    viewer : napari viewer
    controller : AnnotationController
    image : ShownImage
    """

    def __init__(
        self, viewer: ViewerModel, controller: AnnotationController, image: ShownImage
    ) -> None:
        self._viewer = viewer
        self._controller = controller
        self._image = image
        self.preview = MaskPreview(viewer)
        self.clicks = ClicksLayer(viewer)
        self.prompts = PromptsLayer(viewer)

    def take_tool(self, tool: str) -> None:
        """Draw pixels of the object with a tool of `PAINTING`; with any other, or none, do not."""
        if tool in PAINTING and self._image.layer is not None:
            self.preview.take_brush(self._image.layer, PAINTING[tool])
        else:
            self.preview.drop_brush()

    def show(self, labels: Labels | None, label: int, sketch: Iterable[Prompt]) -> None:
        """Bring the layers up to date.

        Parameters
        ----------
        labels : Labels or None
            The layer that the object is committed to, and whose colours it has.
        label : int
            The id that it gets there.
        sketch : iterable of Prompt
            What is being drawn.
        """
        controller, image = self._controller, self._image.layer
        plane, prediction, mask = controller.plane, controller.prediction, controller.mask
        if image is None or plane is None:
            for part in (self.preview, self.clicks, self.prompts):
                part.clear()
            return
        known = (prediction, mask, controller.hint)
        if all(part is None for part in known) and not self.preview.has_brush:
            self.preview.clear()
        else:
            self.preview.show(
                image,
                plane,
                None if prediction is None else prediction.roi,
                mask,
                label,
                None if labels is None else labels.colormap,
                controller.hint,
                self._drawable(plane.shape_in(spatial_shape(image))),
            )
        self.clicks.show(image, plane, controller.clicks)
        self.show_prompts(sketch)
        above = self.preview.layer, self.prompts.layer, self.clicks.layer
        keep_above(self._viewer, (image, labels), *above)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the user sees what the brush in hand cannot draw on."""
        view = self._image.view()
        return self.preview.has_brush and view is not None and not self.preview.frame.encloses(view)

    def _drawable(self, shape: tuple[int, int]) -> Box:
        """Return what of a plane of ``shape`` (H, W) the brush can draw on."""
        whole = Box.whole(shape)
        return whole if whole.area <= SMALL else self._image.view() or whole

    def show_prompts(self, sketch: Iterable[Prompt]) -> None:
        """Show the boxes and strokes of the object, and what is being drawn."""
        plane, image = self._controller.plane, self._image.layer
        if image is not None and plane is not None:
            self.prompts.show(image, plane, (*self._controller.clicks, *sketch))
