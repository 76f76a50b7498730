"""What the mouse means on the canvas: clicks, looks ahead, and objects to edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from napari.layers import Image

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.canvas import CanvasMouse, RestingMouse
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.labels_registry import LabelsRegistry
from napari_iafpn.plugin.messages import Message
from napari_iafpn.plugin.overlays import ClicksLayer
from napari_iafpn.plugin.shown_image import ShownImage
from napari_iafpn.prompts import Click

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Pointer:
    """Turns what the mouse does on the canvas into clicks on the image that is seen there.

    Parameters
    ----------
    viewer : napari viewer
    controller : AnnotationController
    image : ShownImage
    book : LabelsRegistry
    clicks : ClicksLayer
    mouse : CanvasMouse
    """

    def __init__(
        self,
        viewer: ViewerModel,
        controller: AnnotationController,
        image: ShownImage,
        book: LabelsRegistry,
        clicks: ClicksLayer,
        mouse: CanvasMouse,
    ) -> None:
        self._viewer = viewer
        self._controller = controller
        self._image = image
        self._book = book
        self._clicks = clicks
        self._mouse = mouse
        self._resting = RestingMouse(mouse)
        self._one_button = False
        self._opens: Callable[[Click, Box | None], bool] = lambda *_: False
        mouse.clicked.connect(self.click)
        mouse.double_clicked.connect(self._on_double_click)
        self._resting.rested.connect(self._on_rest)

    def use_one_button(self, on: bool) -> None:
        """Let left clicks on the mask take away, for pens that have no other button."""
        self._one_button = on

    def open_with(self, opens: Callable[[Click, Box | None], bool]) -> None:
        """Let a positive click open what lies under it; ``opens`` tells whether it did."""
        self._opens = opens

    def look_ahead(self, on: bool) -> None:
        """Outline the mask that a click where the mouse rests would give, or do not."""
        self._resting.watch(on=on)
        if not on:
            self._controller.look_ahead(None)

    def click(self, world: tuple[float, ...], positive: bool) -> None:
        """Add a click to the object of the image that is seen at a point, or flip one."""
        with self._controller.telling():
            click = Click(*self._image.turn_to_point(world), positive)
            view = self._image.view()
            self._controller.in_turn(lambda: self._click(click, view), click)

    def meant(self, click: Click) -> Click:
        """Return the click that a press of a button means."""
        mask = self._controller.mask
        on_mask = mask is not None and mask.contains(click)
        return replace(click, positive=click.positive and not (self._one_button and on_mask))

    def edit_under_mouse(self) -> None:
        """Take the committed object up again that the mouse is over."""
        world = tuple(self._viewer.cursor.position)
        with self._controller.telling():
            image = self._image.at(world)
            if image is not self._image.layer:
                self._image.choose(image)
            self._controller.in_turn(lambda: self._edit_at(image, world))

    def _click(self, click: Click, view: Box | None) -> None:
        current = self._controller.current
        if current is None:
            return
        click = self.meant(click)
        if click.positive and current.is_untouched and self._opens(click, view):
            return
        hit = self._clicks.hit(current.clicks, click.row, click.col)
        if hit is not None and current.clicks[hit].positive != click.positive:
            self._controller.change_clicks(current.clicks.flip(hit), view)
        else:
            self._controller.add(click, view)

    def _on_rest(self, world: tuple[float, ...]) -> None:
        plane, image = self._controller.plane, self._image.layer
        if image is not None and plane is not None and self._mouse.is_attached:
            click = Click(*plane.to_plane(image.world_to_data(world)))
            self._controller.look_ahead(self.meant(click), self._image.view())

    def _on_double_click(self, world: tuple[float, ...]) -> None:
        """Edit the committed object under the mouse; the first click of the two was none."""
        image = self._image.layer
        if image is not None:
            self._controller.in_turn(lambda: self._edit_instead_of_click(image, world))

    def _edit_instead_of_click(self, image: Image, world: tuple[float, ...]) -> None:
        current, last = self._controller.current, self._controller.document.last_done
        if current is None or last is None or last.kind != "click":
            return
        change = last.objects[0]
        if change.after != current or not change.before.is_untouched:
            return
        found = self._label_at(image, world)
        if found is not None:
            self._controller.undo()
            self._controller.edit(*found)
        elif sentence := self._book.misfit_at(image, world):
            # The mask of the first click comes over it in the status line.
            self._controller.said.emit(Message(sentence, error=True, important=True))

    def _edit_at(self, image: Image, world: tuple[float, ...]) -> None:
        found = self._label_at(image, world)
        if found is None:
            sentence = self._book.misfit_at(image, world)
            raise ValueError(sentence or "there is no committed object under the mouse")
        self._controller.edit(*found)

    def _label_at(self, image: Image, world: tuple[float, ...]) -> tuple[LabelsLayer, int] | None:
        plane = self._controller.plane
        if plane is None:
            return None
        return self._book.at(image, plane, *plane.to_plane(image.world_to_data(world)))
