"""Boxes and strokes that are drawn by dragging the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.canvas import CanvasMouse
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.layers import spatial_shape
from napari_iafpn.plugin.pointer import Pointer
from napari_iafpn.plugin.prompts_layer import screen_pixel
from napari_iafpn.plugin.shown_image import ShownImage
from napari_iafpn.prompts import DRAWN, Click, Prompt

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_iafpn.sessions import PlaneKey


class Drawing:
    """A prompt that is being drawn on a plane of an image.

    Parameters
    ----------
    kind : str
        Of `prompts.DRAWN`.
    image : Image
    key : PlaneKey
    shape : (H, W)
        Of the plane, in pixels.
    positive : bool
    pixel : float
        The size of a pixel of the screen in pixels of the image.
    """

    def __init__(
        self,
        kind: str,
        image: Image,
        key: PlaneKey,
        shape: tuple[int, int],
        positive: bool,
        pixel: float,
    ) -> None:
        self.image, self.key = image, key
        self._kind, self._shape, self._positive, self._pixel = kind, shape, positive, pixel
        self._points: list[tuple[float, float]] = []

    def go_on(self, world: Sequence[float]) -> None:
        """Draw on to a point of the world."""
        self._points.append(self.key.to_plane(self.image.world_to_data(world)))

    @property
    def prompt(self) -> Prompt | None:
        """What is drawn so far, as far as it lies on the image; None where nothing does."""
        drawn = DRAWN[self._kind].drawn(self._points, self._positive, self._pixel)
        return drawn.within(Box.whole(self._shape))

    def finished(self) -> Prompt:
        """Return what was drawn; ValueError where it lies beside the image."""
        prompt = self.prompt
        if prompt is None:
            height, width = self._shape
            raise ValueError(
                f"the {self._kind} lies beside the image of {height} x {width}; draw it on the "
                "image"
            )
        return prompt


class DragTools:
    """The tool in hand, and what is being drawn with it.

    Parameters
    ----------
    viewer : napari viewer
    controller : AnnotationController
    image : ShownImage
    pointer : Pointer
    mouse : CanvasMouse
    """

    changed = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        controller: AnnotationController,
        image: ShownImage,
        pointer: Pointer,
        mouse: CanvasMouse,
    ) -> None:
        self._viewer = viewer
        self._controller = controller
        self._image = image
        self._pointer = pointer
        self._mouse = mouse
        self._drawing: Drawing | None = None
        self._tool = ""
        mouse.drag_began.connect(self._on_drag_began)
        mouse.dragged.connect(self._on_dragged)
        mouse.drag_ended.connect(self._on_drag_ended)

    @property
    def sketch(self) -> tuple[Prompt, ...]:
        """What is drawn so far, as far as it lies on the image."""
        prompt = None if self._drawing is None else self._drawing.prompt
        return () if prompt is None else (prompt,)

    def take(self, tool: str) -> None:
        """Draw with a tool of `DRAWN` from now on; without one, drags move the image."""
        self.drop()
        self._tool = tool
        self._mouse.take_drags(on=tool in DRAWN)

    def drop(self) -> bool:
        """Forget what is being drawn; tell whether there was anything."""
        self._mouse.drop_drag()
        dropped, self._drawing = self._drawing is not None, None
        if dropped:
            self.changed.emit()
        return dropped

    def drop_elsewhere(self) -> None:
        """Forget what is being drawn on a plane that is displayed no longer."""
        if self._drawing is not None and self._drawing.key != self._controller.plane:
            self.drop()

    def _on_drag_began(self, world: tuple[float, ...], positive: bool) -> None:
        self._mouse.drop_drag()
        with self._controller.telling():
            click = self._pointer.meant(Click(*self._image.turn_to_point(world), positive))
            plane, image = self._controller.plane, self._image.layer
            assert image is not None
            assert plane is not None
            shape, pixel = plane.shape_in(spatial_shape(image)), screen_pixel(self._viewer, image)
            self._drawing = Drawing(self._tool, image, plane, shape, click.positive, pixel)
            self._drawing.go_on(world)
            self._mouse.draw_on()

    def _on_dragged(self, world: tuple[float, ...]) -> None:
        if self._drawing is not None:
            self._drawing.go_on(world)
            self.changed.emit()

    def _on_drag_ended(self) -> None:
        drawing, self._drawing = self._drawing, None
        with self._controller.telling():
            if drawing is not None:
                self._controller.add(drawing.finished(), self._image.view())
        self.changed.emit()
