"""Between the controller and one viewer: what makes a window a place to annotate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.camera import camera
from napari_iafpn.plugin.canvas import CanvasKeys, CanvasMouse
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.descriptions import Descriptions
from napari_iafpn.plugin.docking import BackgroundTasks
from napari_iafpn.plugin.drag_tools import DragTools
from napari_iafpn.plugin.kept_objects import KeptObjects
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.labels_registry import LabelsRegistry
from napari_iafpn.plugin.layer_tool import LayerTool
from napari_iafpn.plugin.layers import channels_of, plane_source
from napari_iafpn.plugin.magnifier import Magnifier
from napari_iafpn.plugin.messages import Job
from napari_iafpn.plugin.object_layers import PAINTING, ObjectLayers
from napari_iafpn.plugin.overlays import add_quietly
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.pointer import Pointer
from napari_iafpn.plugin.ports import Ports
from napari_iafpn.plugin.shown_image import ShownImage
from napari_iafpn.plugin.warming import warm_up
from napari_iafpn.prompts import DRAWN
from napari_iafpn.sessions import LabelsChange, PixelChange, PlaneKey, Step

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Annotator:
    """Annotates the images of one viewer.

    Parameters
    ----------
    viewer : napari viewer
    submit, stop : callable
        The worker's; see `Ports`.
    model : str
    labels_folder : Path, optional
        Where new labels are kept that are too large for the memory. Default: among the user's data.
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
        labels_folder: Path | None = None,
    ) -> None:
        self.viewer = viewer
        self.book = LabelsRegistry(
            viewer,
            lambda layer: layer is self.preview.layer,
            self._on_labels_painted,
            labels_folder,
        )
        ports = Ports(
            submit, stop, self._source_of, self._target, self._labels_of, self.book.labels_there
        )
        controller = self.controller = AnnotationController(ports, model)
        shown = self._shown = ShownImage(viewer, controller)
        layers = self._layers = ObjectLayers(viewer, controller, shown)
        self.preview, self.clicks, self.prompts = layers.preview, layers.clicks, layers.prompts
        self._mouse = CanvasMouse(viewer)
        self.pointer = Pointer(viewer, controller, shown, self.book, self.clicks, self._mouse)
        self._drags = DragTools(viewer, controller, shown, self.pointer, self._mouse)
        self.layer_tool = LayerTool(
            viewer, lambda layer: layer is self.preview.layer and self.preview.has_brush
        )
        self.kept = KeptObjects(viewer, controller, shown, self.book, self._outline)
        self._magnifier = Magnifier(viewer, controller, shown)
        self._keys = CanvasKeys(viewer, self._actions(), self._mouse, self.layer_tool)
        self.categories: dict[int, dict[str, str]] = {}
        self.descriptions = Descriptions()
        self._sees_channels = False
        self._background = BackgroundTasks("warming up napari-iafpn")
        self.is_open = self._window_closes = self._is_warm = False
        self.preview.painted.connect(self._on_painted)
        self.clicks.edited.connect(lambda clicks: controller.change_clicks(clicks, shown.view()))
        self._drags.changed.connect(self._draw_prompts)
        shown.changed.connect(self._on_image)
        shown.plane_shown.connect(self._drags.drop_elsewhere)
        controller.changed.connect(self._draw)
        controller.changed.connect(self._describe_objects)
        controller.changed.connect(shown.follow_wish)
        controller.plane_wanted.connect(shown.turn_to)

    def _actions(self) -> dict[str, Callable[[], object]]:
        """Return what the keys do."""
        controller = self.controller
        return {
            "commit": controller.commit,
            "undo": self.undo,
            "redo": self.redo,
            "cancel": self.cancel,
            "clear": controller.clear,
            "split": controller.split,
            "propagate": self.propagate_wanted.emit,
            "edit": self.pointer.edit_under_mouse,
            **{tool: partial(self.tool_wanted.emit, tool) for tool in (*DRAWN, *PAINTING)},
            "magnify": self._magnifier.toggle,
            "help": self.help_wanted.emit,
        }

    def open(self) -> None:
        """Follow the viewer."""
        if not self.is_open:
            self.is_open = True
            for emitter, callback in self._viewer_events():
                emitter.connect(callback)
            for layer in self.viewer.layers:
                self.book.watch(layer)
            self._shown.choose_default()
            self.layer_tool.follow()
            self._background(warm_up, self._on_warm)

    def close(self, *, window_closes: bool = False) -> None:
        """Let go of the viewer and take the plugin's own layers out of it.

        All of that is done, also where a part of it fails. ``window_closes``: so does the viewer.
        """
        if not self.is_open:
            return
        self.is_open, self._window_closes = False, window_closes
        with ExitStack() as last_first:
            for part in (self.preview, self.clicks, self.prompts):
                last_first.callback(part.remove)
            last_first.callback(self.set_image, None)
            for emitter, callback in self._viewer_events():
                last_first.callback(emitter.disconnect, callback)
            last_first.callback(self.layer_tool.let_go)
            last_first.callback(self.controller.put_back_all)
            last_first.callback(self.listen, on=False)

    def _viewer_events(self) -> tuple[tuple[Any, Callable[[Any], None]], ...]:
        return (
            *self._shown.events,
            (camera(self.viewer).events.zoom, self._on_zoom),
            (camera(self.viewer).events, self._on_camera),
            (self.viewer.layers.events.inserted, self._on_inserted),
            (self.viewer.layers.selection.events.active, self.layer_tool.follow),
        )

    # What the widget asks for

    @property
    def image(self) -> Image | None:
        """The image that is annotated."""
        return self._shown.layer

    @property
    def labels(self) -> Labels | None:
        """The layer to commit to, None where it is still to be made."""
        return self.book.chosen(self.image)

    def listen(self, *, on: bool) -> None:
        """Take clicks and keys on the canvas, or give them back to napari."""
        for part in (self._mouse, self._keys):
            part.attach() if on else part.detach()

    def take_actions(self, actions: Mapping[str, Callable[[], object]]) -> None:
        """Let keys do more, by the names of `SHORTCUTS`."""
        self._keys.take(actions)

    def source_of(self, key: PlaneKey) -> PlaneSource:
        """Return how to read a plane; ValueError where its image is gone."""
        return self._source_of(key)

    def set_image(self, image: Image | None) -> None:
        """Annotate ``image`` from now on; uncommitted clicks stay with the image before."""
        self._shown.choose(image)

    def show_plane(self, plane: PlaneKey) -> None:
        """Show a plane of an open image, in 2D, and annotate it."""
        self.viewer.dims.ndisplay = 2
        self._shown.turn_to(plane)

    def image_of(self, id_: str) -> Image | None:
        """Return the open image of an id."""
        return self._shown.of_id(id_)

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
        self._on_image()

    def set_categories(self, categories: dict[int, dict[str, str]]) -> None:
        """Take the classes of an earlier sitting over."""
        self.categories = dict(categories)

    def outline_roi(self, shown: bool) -> None:
        """Draw the region of interest or not."""
        self.preview.outline(roi=shown)
        self._draw()

    def outline_mask(self, outlined: bool) -> None:
        """Draw the mask of the current object as an outline, or filled."""
        self.preview.outline(mask=outlined)
        self._draw()

    def see_channels(self, on: bool) -> None:
        """Show the network all visible channels from the next click on, or one image."""
        self._sees_channels = on

    def undo(self) -> None:
        """Take the last step back; without an image there is only what napari knows of."""
        if not self._walk_strokes(back=True):
            self.controller.undo()

    def redo(self) -> None:
        """Do the step again that was undone last."""
        if not self._walk_strokes(back=False):
            self.controller.redo()

    def _walk_strokes(self, *, back: bool) -> bool:
        active = self.viewer.layers.selection.active
        if self._shown.nearest_plane is not None or active not in self.book.layers:
            return False
        return self.book.target_of(active).walk_strokes(back=back)

    @property
    def nearest_plane(self) -> PlaneKey:
        """Where to look for what a step does that needs no plane; ValueError without an image."""
        plane = self.controller.plane or self._shown.nearest_plane
        if plane is None:
            raise ValueError("there is no image; open the one of these labels first")
        return plane

    def next_label(self) -> int:
        """Return the id under which the current object would be committed."""
        current, wish = self.controller.current, self.controller.commit_as
        if current is not None and current.edited is not None:
            return current.edited.label
        chosen = wish.category if wish.semantic else wish.label
        if chosen or self.labels is None:
            return chosen or 1
        return self.controller.editor.next_label(self.book.target_of(self.labels))

    def take_tool(self, tool: str) -> None:
        """Draw prompts or pixels of the current object with the mouse; without a tool, click."""
        self._drags.take(tool)
        self._layers.take_tool(tool)
        self._draw()

    # What happens in the viewer

    def _outline(self, plane: PlaneKey, pixels: BoxedMask | None) -> None:
        self._layers.outline(plane, pixels)
        self._draw()

    def cancel(self) -> bool:
        """Drop the drawing, the prediction or the tool of a layer; tell whether there was any."""
        if self._drags.drop() or self.layer_tool.drop():
            return True
        if not self.controller.busy:
            return self.layer_tool.put_down()
        self.controller.cancel()
        return True

    def _on_painted(self, drawn: BoxedMask | None, erased: BoxedMask | None) -> None:
        self.controller.draw(drawn, erased)

    def _on_inserted(self, event: Any) -> None:
        self.book.watch(event.value)

    def _on_labels_painted(self, target: LabelsLayer, change: PixelChange) -> bool:
        plane = self._shown.nearest_plane
        if not self._mouse.is_attached or plane is None:
            return False
        self.controller.do(Step("paint", plane, labels=(LabelsChange(target.id, (change,)),)))
        return True

    def _on_zoom(self, _event: Any = None) -> None:
        self.clicks.fit_zoom()
        self._draw_prompts()

    def _on_camera(self, _event: Any = None) -> None:
        if not self._layers.fit_camera:
            self._draw()

    def _on_image(self) -> None:
        self._draw()
        self.choices_changed.emit()
        self._prepare()

    def _on_warm(self, _result: object) -> None:
        self._is_warm = True
        self._prepare()

    def _prepare(self) -> None:
        """Make the layers that the first click needs before it comes, one after the other."""
        if self.is_open and self._is_warm and self._layers.prepare_next():
            QTimer.singleShot(0, self._prepare)

    def _draw(self) -> None:
        """Bring the layers up to date with the controller; what fails is told and stops nothing."""
        with self.controller.telling():
            self._layers.show(self.labels, self._drags.sketch)

    def _draw_prompts(self) -> None:
        self._layers.show_prompts(self._drags.sketch)

    def _describe_objects(self) -> None:
        """Tell the labels what exports write: classes, and which objects were proposed."""
        labels = self.labels
        if labels is None:
            return
        names = {number: values["name"] for number, values in self.categories.items()}
        self.descriptions.tell(self.book.target_of(labels), self.controller.document, names)

    # What the controller needs

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
