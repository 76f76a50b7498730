"""Between the controller and one viewer: its images, sliders, mouse and layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_iafpn.clicks import Click
from napari_iafpn.plugin.canvas import CanvasKeys, CanvasMouse
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.layers import (
    camera,
    default_image,
    fits,
    layer_id,
    plane_key,
    plane_source,
    show_plane,
    spatial_shape,
    visible_part,
)
from napari_iafpn.plugin.messages import Job, Message
from napari_iafpn.plugin.overlays import ClicksLayer, MaskPreview, add_quietly, keep_above
from napari_iafpn.plugin.planes import PlaneKey, PlaneSource
from napari_iafpn.plugin.surroundings import Surroundings

if TYPE_CHECKING:
    from napari.components import ViewerModel

# What moves the plane or the layers on it.
IMAGE_EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine")


class Annotator:
    """Annotates the images of one viewer.

    Parameters
    ----------
    viewer : napari viewer
    submit, stop : callable
        The worker's; see `Surroundings`.
    model : str
    """

    choices_changed = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        submit: Callable[[Job], None],
        stop: Callable[[], None],
        model: str,
    ) -> None:
        self.viewer = viewer
        self.controller = AnnotationController(
            Surroundings(submit, stop, self._source_of, self._target), model
        )
        self.clicks = ClicksLayer(viewer)
        self.preview = MaskPreview(viewer)
        self.image: Image | None = None
        self._chosen: dict[str, Labels] = {}
        self._targets: dict[Labels, LabelsLayer] = {}
        self._mouse = CanvasMouse(viewer)
        self._keys = CanvasKeys(
            viewer,
            {
                "Control-Z": self.controller.undo,
                "Control-Shift-Z": self.controller.redo,
                "Enter": self.controller.commit,
                "Escape": self.controller.cancel,
            },
        )
        self._is_open = False
        self._mouse.clicked.connect(self._on_click)
        self.clicks.edited.connect(self.controller.change_clicks)
        self.controller.changed.connect(self._draw)
        self.controller.plane_wanted.connect(self._turn_to)

    def open(self) -> None:
        """Follow the viewer."""
        if not self._is_open:
            self._is_open = True
            for emitter, callback in self._viewer_events():
                emitter.connect(callback)
            self.set_image(self.image or default_image(self.viewer.layers))

    def close(self) -> None:
        """Let go of the viewer and take the plugin's own layers out of it."""
        if self._is_open:
            self._is_open = False
            self.listen(on=False)
            for emitter, callback in self._viewer_events():
                emitter.disconnect(callback)
            self.set_image(None)
            self.clicks.remove()
            self.preview.remove()

    def _viewer_events(self) -> tuple[tuple[Any, Callable[[Any], None]], ...]:
        layers = self.viewer.layers
        return (
            (self.viewer.dims.events, self._on_dims),
            (camera(self.viewer).events.zoom, self._on_zoom),
            (layers.events.removed, self._on_removed),
            (layers.selection.events.active, self._on_active),
        )

    # What the widget asks for

    def listen(self, *, on: bool) -> None:
        """Take clicks and keys on the canvas, or give them back to napari."""
        for part in (self._mouse, self._keys):
            part.attach() if on else part.detach()

    def set_image(self, image: Image | None) -> None:
        """Annotate ``image`` from now on; uncommitted clicks stay with the image before."""
        if image is not self.image:
            for name in IMAGE_EVENTS:
                if self.image is not None:
                    getattr(self.image.events, name).disconnect(self._on_image_event)
                if image is not None:
                    getattr(image.events, name).connect(self._on_image_event)
            self.image = image
        self._show_plane()
        self._draw()
        self.choices_changed.emit()

    def set_labels(self, labels: Labels | None) -> None:
        """Commit the objects of this image to ``labels``, None: to a new layer."""
        if self.image is not None:
            if labels is None:
                self._chosen.pop(layer_id(self.image), None)
            else:
                self._chosen[layer_id(self.image)] = labels
            self._draw()

    @property
    def labels(self) -> Labels | None:
        """The layer to commit to, None where it is still to be made."""
        chosen = None if self.image is None else self._chosen.get(layer_id(self.image))
        return chosen if chosen in self.fitting_labels() else None

    def fitting_labels(self) -> list[Labels]:
        """Return the Labels layers that objects of the image can be committed to."""
        return [
            layer
            for layer in self.viewer.layers
            if isinstance(layer, Labels)
            and layer is not self.preview.layer
            and self.image is not None
            and fits(layer, self.image)
        ]

    def outline_roi(self, shown: bool) -> None:
        """Draw the region of interest or not."""
        self.preview.outlines_roi = shown
        self._draw()

    def next_label(self) -> int:
        """Return the id under which the current object would be committed."""
        plane = self.controller.plane
        if self.labels is None or plane is None:
            return 1
        return self._target_of(self.labels).next_label(plane)

    # What the viewer tells

    def _on_click(self, world: tuple[float, ...], positive: bool) -> None:
        try:
            if self.image is None:
                raise ValueError("there is no image to click on; open one first")
            key = plane_key(self.image, self.viewer.dims)
        except ValueError as error:
            self._complain(error)
            return
        row, col = key.to_plane(self.image.world_to_data(world))
        self.controller.add_click(Click(row, col, positive), visible_part(self.image, key))

    def _on_dims(self, _event: Any = None) -> None:
        self._show_plane()

    def _on_zoom(self, _event: Any = None) -> None:
        self.clicks.fit_zoom()

    def _on_image_event(self, _event: Any = None) -> None:
        self._show_plane()
        self._draw()
        self.choices_changed.emit()

    def _on_removed(self, event: Any) -> None:
        if event.value is self.image:
            kept = self.controller.has_clicks(layer_id(event.value))
            self.set_image(default_image(self.viewer.layers))
            self._tell_removed(event.value, kept=kept)

    def _tell_removed(self, image: Image, *, kept: bool) -> None:
        text = f"The image {image.name!r} was removed."
        if kept:
            text += " Its clicks are kept and come back when the layer is added again."
        self.controller.said.emit(
            Message(text, error=kept, important=kept and bool(self.viewer.layers))
        )

    def _on_active(self, event: Any) -> None:
        """Follow the user to another image, unless clicks wait to be committed."""
        image = event.value
        if not isinstance(image, Image) or image is self.image:
            return
        if self.image is not None and self.controller.has_clicks(layer_id(self.image)):
            text = (
                f"Still on {self.image.name!r}; commit or clear its clicks to go to {image.name!r}."
            )
            self.controller.said.emit(Message(text))
        else:
            self.set_image(image)

    # What the controller needs and wants

    def _source_of(self, key: PlaneKey) -> PlaneSource:
        image = self._image_of(key)
        if image is None:
            raise ValueError("the image of these clicks is no longer open; add its layer again")
        return plane_source(image, key)

    def _target(self) -> LabelsLayer:
        if self.image is None:
            raise ValueError("there is no image to make labels for; open one first")
        if self.labels is not None:
            return self._target_of(self.labels)
        target = LabelsLayer.new_for(self.image)
        self._targets[target.layer] = target
        add_quietly(self.viewer, target.layer)
        self.set_labels(target.layer)
        self.choices_changed.emit()
        return target

    def _target_of(self, labels: Labels) -> LabelsLayer:
        if labels not in self._targets:
            self._targets[labels] = LabelsLayer(labels)
        return self._targets[labels]

    def _image_of(self, key: PlaneKey) -> Image | None:
        images = (layer for layer in self.viewer.layers if isinstance(layer, Image))
        return next((image for image in images if layer_id(image) == key.layer), None)

    def _turn_to(self, key: PlaneKey) -> None:
        image = self._image_of(key)
        if image is not None:
            self.set_image(image)
            show_plane(self.viewer, image, key)

    def _show_plane(self) -> None:
        try:
            if self.image is None:
                self.controller.show(None)
            else:
                key = plane_key(self.image, self.viewer.dims)
                self.controller.show(key, key.shape_in(spatial_shape(self.image)))
        except ValueError:
            # Told when the user clicks; while sliders move it is no news.
            self.controller.show(None)

    def _draw(self) -> None:
        """Bring the layers up to date with the controller."""
        plane, current = self.controller.plane, self.controller.current
        if self.image is None or plane is None or current is None:
            self.preview.clear()
            self.clicks.clear()
            return
        prediction = self.controller.prediction
        if prediction is None:
            self.preview.clear()
        else:
            self.preview.show(
                self.image,
                plane,
                prediction.roi,
                prediction.roi_mask(current.threshold),
                self.next_label(),
                None if self.labels is None else self.labels.colormap,
            )
        self.clicks.show(self.image, plane, current.clicks)
        keep_above(self.viewer, (self.image, self.labels), self.preview.layer, self.clicks.layer)

    def _complain(self, error: ValueError) -> None:
        self.controller.said.emit(Message(str(error), error=True))
