"""The layers that show the object at work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.layers import spatial_shape
from napari_iafpn.plugin.mask_preview import MaskPreview
from napari_iafpn.plugin.overlays import ClicksLayer, keep_above
from napari_iafpn.plugin.prompts_layer import PromptsLayer
from napari_iafpn.plugin.shown_image import ShownImage
from napari_iafpn.prompts import Prompt
from napari_iafpn.sessions import PlaneKey, Step

if TYPE_CHECKING:
    from napari.components import ViewerModel

SMALL = 2**20
"""Of a plane of so many pixels the brush can draw on all, of a larger one on what is in sight."""
Moment = tuple[PlaneKey, Step | None, Step | None]
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
        self._outlined: tuple[Moment, BoxedMask] | None = None

    def take_tool(self, tool: str) -> None:
        """Draw pixels of the object with a tool of `PAINTING`; with any other, or none, do not."""
        if tool in PAINTING and self._image.layer is not None:
            self.preview.take_brush(self._image.layer, PAINTING[tool])
        else:
            self.preview.drop_brush()

    def prepare_next(self) -> bool:
        """Make a layer that the first click would need; tell whether there was one to make."""
        image, parts = self._image.layer, (self.preview, self.clicks)
        part = next((part for part in parts if part.layer is None), None)
        if image is None or part is None:
            return False
        part.prepare(image)
        return True

    def show(self, labels: Labels | None, sketch: Iterable[Prompt]) -> None:
        """Bring the layers up to date; ``sketch`` is being drawn, ``labels`` lie below."""
        controller, image = self._controller, self._image.layer
        plane, current, mask = controller.plane, controller.current, controller.mask
        if image is None or plane is None or current is None:
            for part in (self.preview, self.clicks, self.prompts):
                part.clear()
            return
        prediction = controller.prediction
        hint = controller.hint or self._outline_on(plane)
        known = (prediction, mask, hint)
        if all(part is None for part in known) and not self.preview.has_brush:
            self.preview.clear()
        else:
            self.preview.show(
                image,
                plane,
                None if prediction is None else prediction.roi,
                mask,
                hint,
                self._drawable(plane.shape_in(spatial_shape(image))),
                edited=current.edited is not None,
            )
        self.clicks.show(image, plane, controller.clicks)
        self.show_prompts(sketch)
        above = self.preview.layer, self.prompts.layer, self.clicks.layer
        keep_above(self._viewer, (image, labels), *above)

    def outline(self, plane: PlaneKey, pixels: BoxedMask | None) -> None:
        """Outline a kept object, until the next step or another plane."""
        self._outlined = None if pixels is None else (self._moment(plane), pixels)

    def _outline_on(self, plane: PlaneKey) -> BoxedMask | None:
        if self._outlined is None or self._outlined[0] != self._moment(plane):
            self._outlined = None
            return None
        return self._outlined[1]

    def _moment(self, plane: PlaneKey) -> Moment:
        document = self._controller.document
        return plane, document.last_done, document.last_undone

    @property
    def fit_camera(self) -> bool:
        """Whether the outline is as wide as it should be, and the brush reaches what is seen."""
        image = self._image.layer
        view = self._image.view() if self.preview.has_brush else None
        reaches = view is None or self.preview.frame.encloses(view)
        return image is None or (reaches and self.preview.fits_zoom(image))

    def _drawable(self, shape: tuple[int, int]) -> Box:
        """Return what of a plane of ``shape`` (H, W) the brush can draw on."""
        whole = Box.whole(shape)
        return whole if whole.area <= SMALL else self._image.view() or whole

    def show_prompts(self, sketch: Iterable[Prompt]) -> None:
        """Show the boxes and strokes of the object, and what is being drawn."""
        plane, image = self._controller.plane, self._image.layer
        if image is not None and plane is not None:
            self.prompts.show(image, plane, (*self._controller.clicks, *sketch))
