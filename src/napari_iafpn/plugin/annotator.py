"""Between the controller and one viewer: its images, sliders, mouse and layers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_iafpn.clicks import DRAWN, Click
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.canvas import CanvasKeys, CanvasMouse, RestingMouse
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.drawing import Drawing
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.labels_book import LabelsBook
from napari_iafpn.plugin.layers import (
    axis_names,
    camera,
    center_on,
    channels_of,
    default_image,
    image_at,
    layer_id,
    plane_key,
    plane_source,
    show_plane,
    spatial_shape,
    visible_part,
)
from napari_iafpn.plugin.magnifier import Magnifier
from napari_iafpn.plugin.messages import Job, Message
from napari_iafpn.plugin.overlays import (
    ClicksLayer,
    MaskPreview,
    add_quietly,
    keep_above,
)
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.prompts_layer import PromptsLayer, screen_pixel
from napari_iafpn.plugin.propagating import slider_axes
from napari_iafpn.plugin.surroundings import Surroundings
from napari_iafpn.sessions import Cutout, LabelsChange, PixelChange, PlaneKey, Step

if TYPE_CHECKING:
    from napari.components import ViewerModel

# Width of the outline of a mask.
CONTOUR = 2
# What napari calls the tools that paint.
PAINTING = {"brush": "paint", "eraser": "erase"}
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
    tool_wanted = Signal(str)
    help_wanted = Signal()
    propagate_wanted = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        submit: Callable[[Job], None],
        stop: Callable[[], None],
        model: str,
    ) -> None:
        self.viewer = viewer
        self.preview = MaskPreview(viewer)
        self.book = LabelsBook(
            viewer, lambda layer: layer is self.preview.layer, self._on_labels_painted
        )
        self.controller = AnnotationController(
            Surroundings(submit, stop, self._source_of, self._target, self._labels_of), model
        )
        self.clicks = ClicksLayer(viewer)
        self.prompts = PromptsLayer(viewer)
        self._tool = ""
        self._drawing: Drawing | None = None
        self.image: Image | None = None
        self.categories: dict[int, dict[str, str]] = {}
        self._sees_channels = False
        self._magnifier = Magnifier(viewer)
        self._mouse = CanvasMouse(viewer)
        self._keys = CanvasKeys(
            viewer,
            {
                "commit": self.controller.commit,
                "undo": self.controller.undo,
                "redo": self.controller.redo,
                "cancel": self._cancel,
                "clear": self.controller.clear,
                "split": self.controller.split,
                "propagate": self.propagate_wanted.emit,
                "edit": self._edit_under_mouse,
                **{tool: partial(self.tool_wanted.emit, tool) for tool in (*DRAWN, *PAINTING)},
                "magnify": self._magnify,
                "help": self.help_wanted.emit,
            },
            self._mouse,
        )
        self._resting = RestingMouse(self._mouse)
        self.is_open = self._one_button = self._window_closes = False
        self._wish: Image | None = None
        self._mouse.clicked.connect(self._on_click)
        self._mouse.double_clicked.connect(self._on_double_click)
        self._mouse.drag_began.connect(self._on_drag_began)
        self._mouse.dragged.connect(self._on_dragged)
        self._mouse.drag_ended.connect(self._on_drag_ended)
        self._resting.rested.connect(self._on_rest)
        self.preview.painted.connect(self._on_painted)
        self.clicks.edited.connect(self.controller.change_clicks)
        self.controller.changed.connect(self._draw)
        self.controller.changed.connect(self._name_classes)
        self.controller.changed.connect(self._follow_wish)
        self.controller.plane_wanted.connect(self._turn_to)

    def open(self) -> None:
        """Follow the viewer."""
        if not self.is_open:
            self.is_open = True
            for emitter, callback in self._viewer_events():
                emitter.connect(callback)
            for layer in self.viewer.layers:
                self.book.watch(layer)
            self.set_image(self.image or default_image(self.viewer.layers))

    def close(self, *, window_closes: bool = False) -> None:
        """Let go of the viewer and take the plugin's own layers out of it.

        All of that is done, also where a part of it fails. ``window_closes``: so does the viewer.
        """
        if not self.is_open:
            return
        self.is_open, self._window_closes = False, window_closes
        with ExitStack() as last_first:
            last_first.callback(self.preview.remove)
            last_first.callback(self.clicks.remove)
            last_first.callback(self.prompts.remove)
            last_first.callback(self.set_image, None)
            for emitter, callback in self._viewer_events():
                last_first.callback(emitter.disconnect, callback)
            last_first.callback(self.controller.put_back_all)
            last_first.callback(self.listen, on=False)

    def _viewer_events(self) -> tuple[tuple[Any, Callable[[Any], None]], ...]:
        layers = self.viewer.layers
        return (
            (self.viewer.dims.events, self._on_dims),
            (camera(self.viewer).events.zoom, self._on_zoom),
            (layers.events.inserted, self._on_inserted),
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
        self._wish = None
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
        image = self.image
        if image is not None:
            self.controller.in_turn(lambda: self.book.choose(image, labels))

    def add_labels(self, layer: Labels, image: Image | None = None) -> None:
        """Open a Labels layer and commit the objects of an image, by default this one, to it."""
        self.book.watch(layer)
        add_quietly(self.viewer, layer)
        image = image or self.image
        if image is not None:
            self.book.choose(image, layer)
        self._draw()
        self.choices_changed.emit()

    @property
    def labels(self) -> Labels | None:
        """The layer to commit to, None where it is still to be made."""
        return self.book.chosen(self.image)

    def outline_roi(self, shown: bool) -> None:
        """Draw the region of interest or not."""
        self.preview.outlines_roi = shown
        self._draw()

    def outline_mask(self, outlined: bool) -> None:
        """Draw the mask of the current object as an outline, or filled."""
        self.preview.contour = CONTOUR * outlined
        self._draw()

    def click_with_one_button(self, on: bool) -> None:
        """Let left clicks on the mask take away, for pens that have no other button."""
        self._one_button = on

    def look_ahead(self, on: bool) -> None:
        """Outline the mask that a click where the mouse rests would give, or do not."""
        self._resting.watch(on=on)
        if not on:
            self.controller.look_ahead(None)

    def see_channels(self, on: bool) -> None:
        """Show the network all visible channels from the next click on, or one image."""
        self._sees_channels = on

    def next_label(self) -> int:
        """Return the id under which the current object would be committed."""
        current, wish = self.controller.current, self.controller.commit_as
        if current is not None and current.edited is not None:
            return current.edited.label
        chosen = wish.category if wish.semantic else wish.label
        if chosen or self.labels is None:
            return chosen or 1
        return self.controller.editor.next_label(self.book.target_of(self.labels))

    @property
    def sliders(self) -> list[tuple[str, int]]:
        """The names and data axes of the image's sliders, that of the depth first."""
        plane = self.controller.plane
        if self.image is None or plane is None:
            return []
        names = axis_names(self.image)
        return [(names[axis], axis) for axis in slider_axes(plane, spatial_shape(self.image))]

    def take_tool(self, tool: str) -> None:
        """Draw prompts or pixels of the current object with the mouse; without a tool, click."""
        self._drop_drawing()
        self._tool, self._mouse.draws = tool, tool in DRAWN
        if tool in PAINTING and self.image is not None:
            self.preview.take_brush(self.image, PAINTING[tool])
        else:
            self.preview.drop_brush()
        self._draw()

    def edit_label(self, labels: Labels, label: int) -> None:
        """Take a committed object up again, on the displayed plane or the first that has it."""
        if self.image is None:
            self._complain("there is no image to edit labels on; open theirs first")
            return
        if sentence := self.book.misfit(labels, self.image):
            self._complain(sentence)
            return
        target = self.book.target_of(labels)
        plane = self.controller.plane
        if plane is not None and not target.is_on(plane, label):
            self.go_to(target, label)
        self.controller.edit(target, label)

    def go_to(self, target: LabelsLayer, label: int) -> None:
        """Show the middle of an object."""
        plane, region = self.controller.plane, target.region_of(label)
        if plane is None or region is None or self.image is None:
            return
        middle = [(part.start + part.stop - 1) / 2 for part in region]
        index = tuple(round(middle[axis]) for axis in plane.other_axes)
        self._turn_to(replace(plane, index=index))
        center_on(self.viewer, self.image, self.image.data_to_world(middle))

    # What the viewer tells

    def _on_click(self, world: tuple[float, ...], positive: bool) -> None:
        """Add a click to the object of the image that is seen under the mouse, or flip one."""
        with self.controller.telling():
            click, view = self._pointed_at(world, positive), self._view()
            self.controller.in_turn(lambda: self._click(click, view), click)

    def _pointed_at(self, world: tuple[float, ...], positive: bool) -> Click:
        """Turn to the image that is seen at a point; return a click there."""
        image = self._seen_at(world)
        key = plane_key(image, self.viewer.dims)
        if image is not self.image:
            self.set_image(image)
        return Click(*key.to_plane(image.world_to_data(world)), positive)

    def _on_drag_began(self, world: tuple[float, ...], positive: bool) -> None:
        self._mouse.drop_drag()
        with self.controller.telling():
            click = self._meant(self._pointed_at(world, positive))
            plane = self.controller.plane
            assert self.image is not None
            assert plane is not None
            shape = plane.shape_in(spatial_shape(self.image))
            pixel = screen_pixel(self.viewer, self.image)
            self._drawing = Drawing(self._tool, self.image, plane, shape, click.positive, pixel)
            self._drawing.go_on(world)
            self._mouse.draw_on()

    def _on_dragged(self, world: tuple[float, ...]) -> None:
        if self._drawing is not None:
            self._drawing.go_on(world)
            self._draw_prompts()

    def _on_drag_ended(self) -> None:
        drawing, self._drawing = self._drawing, None
        with self.controller.telling():
            if drawing is not None:
                self.controller.add(drawing.finished(), self._view())
        self._draw_prompts()

    def _drop_drawing(self) -> None:
        """Forget what is being drawn."""
        self._mouse.drop_drag()
        if self._drawing is not None:
            self._drawing = None
            self._draw_prompts()

    def _cancel(self) -> None:
        """Drop what is being drawn, else what is being predicted."""
        if self._drawing is not None:
            self._drop_drawing()
        else:
            self.controller.cancel()

    def _click(self, click: Click, view: Box | None) -> None:
        current = self.controller.current
        if current is None:
            return
        click = self._meant(click)
        hit = self.clicks.hit(current.clicks, click.row, click.col)
        if hit is not None and current.clicks[hit].positive != click.positive:
            self.controller.change_clicks(current.clicks.flip(hit))
        else:
            self.controller.add(click, view)

    def _seen_at(self, world: tuple[float, ...]) -> Image:
        """Return the image that a click at a point is for; ValueError where there is none."""
        if self._has_grid():
            raise ValueError("objects are clicked on in one view; turn the grid off (Ctrl+G) first")
        image = image_at(self.viewer.layers, world, self.image) or self.image
        if image is None:
            raise ValueError("there is no image to click on; open one first")
        if not image.visible:
            raise ValueError(f"the image {image.name!r} is hidden; show it to click on it")
        return image

    def _has_grid(self) -> bool:
        """Tell whether each layer has a view of its own; napari 0.9 moved the grid."""
        return bool(getattr(self.viewer, "canvas", self.viewer).grid.enabled)

    def _meant(self, click: Click) -> Click:
        """Return the click that a press of a button means."""
        mask = self.controller.mask
        on_mask = mask is not None and mask.contains(click)
        return replace(click, positive=click.positive and not (self._one_button and on_mask))

    def _on_rest(self, world: tuple[float, ...]) -> None:
        plane = self.controller.plane
        if self.image is not None and plane is not None and self._mouse.is_attached:
            click = Click(*plane.to_plane(self.image.world_to_data(world)))
            self.controller.look_ahead(self._meant(click), self._view())

    def _on_double_click(self, world: tuple[float, ...]) -> None:
        """Edit the committed object under the mouse; the first click of the two was none."""
        image = self.image
        if image is not None:
            self.controller.in_turn(lambda: self._edit_instead_of_click(image, world))

    def _edit_instead_of_click(self, image: Image, world: tuple[float, ...]) -> None:
        current, last = self.controller.current, self.controller.document.last_done
        if current is None or last is None or last.kind != "click":
            return
        change = last.objects[0]
        if change.after != current or not change.before.is_untouched:
            return
        found = self._label_at(image, world)
        if found is not None:
            self.controller.undo()
            self.controller.edit(*found)
        elif sentence := self.book.misfit_at(image, world):
            # The mask of the first click comes over it in the status line.
            self._complain(sentence, important=True)

    def _edit_under_mouse(self) -> None:
        world = tuple(self.viewer.cursor.position)
        with self.controller.telling():
            image = self._seen_at(world)
            if image is not self.image:
                self.set_image(image)
            self.controller.in_turn(lambda: self._edit_at(image, world))

    def _edit_at(self, image: Image, world: tuple[float, ...]) -> None:
        found = self._label_at(image, world)
        if found is None:
            sentence = self.book.misfit_at(image, world)
            raise ValueError(sentence or "there is no committed object under the mouse")
        self.controller.edit(*found)

    def _label_at(self, image: Image, world: tuple[float, ...]) -> tuple[LabelsLayer, int] | None:
        plane = self.controller.plane
        if plane is None:
            return None
        return self.book.at(image, plane, *plane.to_plane(image.world_to_data(world)))

    def _magnify(self) -> None:
        """Look at the current object closely, or back."""
        plane, prediction, mask = (
            self.controller.plane,
            self.controller.prediction,
            self.controller.mask,
        )
        box = prediction.roi if prediction is not None else None if mask is None else mask.box
        if self.image is None or plane is None or box is None:
            self._complain("there is no object to look at yet; click on one first")
        else:
            self._magnifier.toggle(self.image, plane, box)

    def _on_painted(self, drawn: Cutout | None, erased: Cutout | None) -> None:
        self.controller.draw_and_erase(drawn, erased)

    def _on_inserted(self, event: Any) -> None:
        self.book.watch(event.value)

    def _on_labels_painted(self, target: LabelsLayer, change: PixelChange) -> None:
        plane = self.controller.plane
        if self._mouse.is_attached and plane is not None:
            self.controller.do(Step("paint", plane, labels=(LabelsChange(target.id, (change,)),)))

    def _on_dims(self, _event: Any = None) -> None:
        self._show_plane()

    def _on_zoom(self, _event: Any = None) -> None:
        self.clicks.fit_zoom()
        self._draw_prompts()

    def _on_image_event(self, _event: Any = None) -> None:
        self._show_plane()
        self.controller.look_again()
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
            self._wish = image
        else:
            self.set_image(image)

    def _follow_wish(self) -> None:
        """Go to the image that the user selected while clicks were to be committed."""
        wish, image = self._wish, self.image
        busy = image is not None and self.controller.has_clicks(layer_id(image))
        if wish is not None and wish in self.viewer.layers and not busy:
            self.set_image(wish)

    # What the controller needs and wants

    def _source_of(self, key: PlaneKey) -> PlaneSource:
        image = self.image_of(key.layer)
        if image is None:
            raise ValueError("the image of these clicks is no longer open; add its layer again")
        channels = channels_of(image, self.viewer.layers) if self._sees_channels else []
        return plane_source(image, key, channels)

    def _target(self, key: PlaneKey) -> LabelsLayer:
        image = self.image_of(key.layer)
        if image is None:
            raise ValueError("the image of this object is no longer open; add its layer again")
        chosen = self.book.chosen(image)
        if chosen is not None:
            return self.book.target_of(chosen)
        target = self.book.new_for(image)
        self.add_labels(target.layer, image)
        return target

    def _labels_of(self, id_: str) -> LabelsLayer:
        # A window that closes gets no layers any more.
        return self.book.labels_of(id_, shown=not self._window_closes)

    def _view(self) -> Box | None:
        plane = self.controller.plane
        return None if self.image is None or plane is None else visible_part(self.image, plane)

    def image_of(self, id_: str) -> Image | None:
        """Return the open image of an id."""
        images = (layer for layer in self.viewer.layers if isinstance(layer, Image))
        return next((image for image in images if layer_id(image) == id_), None)

    def _turn_to(self, key: PlaneKey) -> None:
        image = self.image_of(key.layer)
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
        if self._drawing is not None and self._drawing.key != self.controller.plane:
            self._drop_drawing()

    def _draw(self) -> None:
        """Bring the layers up to date with the controller; what fails is told and stops nothing."""
        with self.controller.telling():
            self._draw_layers()

    def _draw_layers(self) -> None:
        plane, current = self.controller.plane, self.controller.current
        if self.image is None or plane is None or current is None:
            self.preview.clear()
            self.clicks.clear()
            self.prompts.clear()
            return
        prediction = self.controller.prediction
        mask, hint = self.controller.mask, self.controller.hint
        if prediction is None and mask is None and hint is None and not self.preview.has_brush:
            self.preview.clear()
        else:
            self.preview.show(
                self.image,
                plane,
                None if prediction is None else prediction.roi,
                mask,
                self.next_label(),
                None if self.labels is None else self.labels.colormap,
                hint,
                self._view() or Box.whole(plane.shape_in(spatial_shape(self.image))),
            )
        self.clicks.show(self.image, plane, self.controller.clicks)
        self._draw_prompts()
        above = self.preview.layer, self.prompts.layer, self.clicks.layer
        keep_above(self.viewer, (self.image, self.labels), *above)

    def _draw_prompts(self) -> None:
        """Show the boxes and strokes of the current object, and that which is being drawn."""
        plane, drawing = self.controller.plane, self._drawing
        if self.image is not None and plane is not None:
            sketch = () if drawing is None else (drawing.prompt,)
            shown = (*self.controller.clicks, *(prompt for prompt in sketch if prompt is not None))
            self.prompts.show(self.image, plane, shown)

    def _name_classes(self) -> None:
        """Tell the labels the classes of their objects, which exports write."""
        labels = self.labels
        if not self.categories or labels is None:
            return
        id_, facts = layer_id(labels), self.controller.document.facts
        labels.metadata["classes"] = {
            label: self.categories[fact.category]["name"]
            for (of, label), fact in facts.items()
            if of == id_ and fact.category in self.categories
        }

    def _complain(self, sentence: str, *, important: bool = False) -> None:
        self.controller.said.emit(Message(sentence, error=True, important=important))
