"""Which image is annotated, and which plane of it the viewer displays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from psygnal import Signal

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.camera import visible_part
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.layers import (
    default_image,
    image_at,
    layer_id,
    nearest_plane,
    plane_key,
    show_plane,
    spatial_shape,
)
from napari_iafpn.plugin.messages import Message
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

# What moves the plane or the layers on it.
EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine")


class ShownImage:
    """The image that the user annotates, and how it follows what is done in the viewer.

    Uncommitted clicks stay with their image; while there are some, selecting another image is only
    a wish.
    """

    changed = Signal()
    """Another image, or other pixels or another place of this one."""

    plane_shown = Signal()
    """The controller knows the displayed plane."""

    def __init__(self, viewer: ViewerModel, controller: AnnotationController) -> None:
        self._viewer = viewer
        self._controller = controller
        self._wish: Image | None = None
        self.layer: Image | None = None

    @property
    def events(self) -> tuple[tuple[Any, Callable[[Any], None]], ...]:
        """Events of the viewer, and what is to be called then."""
        layers = self._viewer.layers
        return (
            (self._viewer.dims.events, self.show_plane),
            (layers.events.removed, self._on_removed),
            (layers.selection.events.active, self._on_active),
        )

    def choose(self, image: Image | None) -> None:
        """Annotate ``image`` from now on."""
        self._wish = None
        if image is not self.layer:
            for name in EVENTS:
                if self.layer is not None:
                    getattr(self.layer.events, name).disconnect(self._on_event)
                if image is not None:
                    getattr(image.events, name).connect(self._on_event)
            self.layer = image
        self.show_plane()
        self.changed.emit()

    def choose_default(self) -> None:
        """Annotate the image of before, else the one that the user most likely means."""
        self.choose(self.layer or default_image(self._viewer.layers))

    def of_id(self, id_: str) -> Image | None:
        """Return the open image of an id."""
        images = (layer for layer in self._viewer.layers if isinstance(layer, Image))
        return next((image for image in images if layer_id(image) == id_), None)

    @property
    def nearest_plane(self) -> PlaneKey | None:
        """The plane that is displayed, else the nearest that could be; None without pixels."""
        with suppress(ValueError):
            return None if self.layer is None else nearest_plane(self.layer, self._viewer.dims)
        return None

    def turn_to(self, key: PlaneKey) -> None:
        """Show a plane of an image."""
        image = self.of_id(key.layer)
        if image is not None:
            self.choose(image)
            show_plane(self._viewer, image, key)

    def turn_to_point(self, world: tuple[float, ...]) -> tuple[float, float]:
        """Annotate the image that is seen at a point; return its row and column there."""
        image = self.at(world)
        key = plane_key(image, self._viewer.dims)
        if image is not self.layer:
            self.choose(image)
        return key.to_plane(image.world_to_data(world))

    def at(self, world: tuple[float, ...]) -> Image:
        """Return the image that a click at a point is for; ValueError where there is none."""
        if getattr(self._viewer, "canvas", self._viewer).grid.enabled:  # napari 0.9 moved it
            raise ValueError("clicks need a single view; turn the grid off (Ctrl+G) first")
        image = image_at(self._viewer.layers, world, self.layer) or self.layer
        if image is None:
            raise ValueError("there is no image to click on; open one first")
        if not image.visible:
            raise ValueError(f"the image {image.name!r} is hidden; show it to click on it")
        return image

    def view(self) -> Box | None:
        """Return the part of the plane where an object is looked for, None: all of it."""
        plane, image = self._controller.plane, self.layer
        return None if image is None or plane is None else visible_part(self._viewer, image, plane)

    def show_plane(self, _event: Any = None) -> None:
        """Turn the controller to the displayed plane."""
        try:
            if self.layer is None:
                self._controller.show(None)
            else:
                key = plane_key(self.layer, self._viewer.dims)
                self._controller.show(key, key.shape_in(spatial_shape(self.layer)))
        except ValueError:
            # Told when the user clicks; while sliders move it is no news.
            self._controller.show(None)
        self.plane_shown.emit()

    def follow_wish(self) -> None:
        """Go to the image that the user selected while clicks were to be committed."""
        wish = self._wish
        if wish is not None and wish in self._viewer.layers and not self._has_clicks():
            self.choose(wish)

    def _has_clicks(self) -> bool:
        return self.layer is not None and self._controller.has_clicks(layer_id(self.layer))

    def _on_event(self, _event: Any) -> None:
        self.show_plane()
        self._controller.look_again()
        self.changed.emit()

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            kept, name = self._has_clicks(), event.value.name
            self.choose(default_image(self._viewer.layers))
            text = f"The image {name!r} was removed."
            if kept:
                text += " Its clicks are kept and come back when the layer is added again."
            important = kept and bool(self._viewer.layers)
            self._controller.said.emit(Message(text, error=kept, important=important))

    def _on_active(self, event: Any) -> None:
        """Follow the user to another image, unless clicks wait to be committed."""
        image = event.value
        if not isinstance(image, Image) or image is self.layer:
            return
        if self.layer is not None and self._has_clicks():
            text = (
                f"Still on {self.layer.name!r}. Keep or discard its object to go to {image.name!r}."
            )
            self._controller.said.emit(Message(text))
            self._wish = image
        else:
            self.choose(image)
