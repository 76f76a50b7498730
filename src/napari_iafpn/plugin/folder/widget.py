"""The dock widget "Folder of images"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from napari_iafpn.plugin.annotator import Annotator
from napari_iafpn.plugin.common.panel import DockPanel
from napari_iafpn.plugin.folder.labels_file import LabelsFile
from napari_iafpn.plugin.folder.progress import Classes, Mark
from napari_iafpn.plugin.folder.queue import Entry, ImageQueue
from napari_iafpn.plugin.folder.view import FolderView
from napari_iafpn.plugin.jobs import Activity
from napari_iafpn.plugin.labels_registry import LabelsRegistry
from napari_iafpn.plugin.layers import layer_id
from napari_iafpn.plugin.messages import Message, as_sentence, sentence_of
from napari_iafpn.plugin.overlays import remove_layer
from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    import napari.viewer

WELCOME = "Open a folder of images. You get them one after the other; labels are saved beside them."
UNFINISHED = "Object {} is not kept yet. Keep it (Enter) or discard it, then go on."
UNDER_WAY = "An object is still being drawn or propagated. Wait until it is kept, then go on."
WORKING = (Activity.PREDICTING, Activity.PROPAGATING)
SEVERAL = (
    "the objects of this image lie in {} layers, {}, and one file holds one; save the others by "
    "File > Save Selected Layers and remove them, then go on"
)


class FolderOfImages(DockPanel):
    """Annotate the images of a folder one after the other.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.queue: ImageQueue | None = None
        self._opened: list[Layer] = []
        self._annotator: Annotator | None = None
        self._file: LabelsFile | None = None
        self._classes: Classes = {}
        self.view = FolderView()
        self.body.parts.addWidget(self.view, 1)
        self.outer.addWidget(self.status)
        self.view.folder_wanted.connect(self._ask_folder)
        self.view.moved.connect(self._move)
        self.view.skipped.connect(lambda: self._leave_image(Mark.SKIPPED, 1))
        self.view.chosen.connect(self._choose)
        self.view.flagged.connect(self._flag)
        self._say(Message(WELCOME))
        self.watch()

    def open_folder(self, folder: Path) -> None:
        """Begin with a folder, or go on where one stopped in it."""
        self._attempt(lambda: self._begin(folder))

    # What the user wants

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a folder of images")
        if folder:
            self.open_folder(Path(folder))

    def _move(self, by: int) -> None:
        self._leave_image(Mark.DONE if by > 0 else None, by)

    def _choose(self, place: int) -> None:
        if self.queue is not None:
            self._leave_image(None, place - self.queue.place)

    def _flag(self, on: bool) -> None:
        if self.queue is not None:
            queue = self.queue
            self._attempt(lambda: queue.flag(on))

    # From image to image

    def _begin(self, folder: Path) -> None:
        self._save()
        if self.queue is not None and self._clicking().annotator.categories != self._classes:
            self._note_classes()
        queue = ImageQueue(folder)
        self._take_away()
        self.queue = queue
        if queue.classes:
            self._clicking().classes.use(queue.classes)
        self._classes = dict(self._clicking().annotator.categories)
        self._open(queue.entry)

    def _leave_image(self, mark: Mark | None, by: int) -> None:
        def leave() -> None:
            queue = self.queue
            assert queue is not None
            self._save(is_done=mark is Mark.DONE)
            self._note_classes()
            if mark is Mark.DONE and self._file is None:  # the image could not be opened
                queue.mark(Mark.DONE if queue.entry.mark is Mark.DONE else Mark.SKIPPED)
            elif mark is not None:
                queue.mark(mark)
            place = queue.place + by
            if not 0 <= place < len(queue.entries):
                self._say(Message(f"This is the last image; {queue.done} are done."))
                return
            queue.go(place)
            self._take_away()
            self._open(queue.entry)

        self._attempt(leave)

    def _attempt(self, work: Callable[[], object]) -> None:
        """Do something with files; whatever fails is told, and nothing is taken away before."""
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            work()
        except Exception as error:  # noqa: BLE001  files, disks and readers raise anything
            sentence = sentence_of(error, "something went wrong", "nothing was lost")
            self._say(Message(as_sentence(sentence), error=True))
        finally:
            QApplication.restoreOverrideCursor()
            self.view.show_queue(self.queue)

    def _open(self, entry: Entry) -> None:
        """Open an image with its labels, and annotate it."""
        self._say(Message(""))
        clicking = self._clicking()
        self._annotator = clicking.annotator
        self._opened = list(self.viewer.open(str(entry.image)))
        image = next((a for a in self._opened if isinstance(a, Image)), None)
        if image is None:
            raise ValueError(f"{entry.image.name} holds no image; skip it")
        self._file = LabelsFile(entry.saved, image)
        clicking.annotator.set_image(image)
        if entry.labels is not None:
            labels = self._file.open(entry.labels)
            self._opened.append(labels)
            clicking.annotator.add_labels(labels, image)
            if sentence := clicking.annotator.book.misfit(labels, image):
                self._say(Message(as_sentence(sentence), error=True))
        self.viewer.reset_view()
        clicking.raise_dock()
        self.raise_dock()

    def _save(self, *, is_done: bool = False) -> None:
        """Write the labels of the image that was opened here beside it, whichever is displayed.

        Raises
        ------
        ValueError
            Where an object is not kept yet, where objects lie in several layers, or where other
            labels would be written over.
        """
        if self.queue is None:
            return
        annotator, file = self._clicking().annotator, self._file
        layers = self._labels()
        self._check_finished(annotator, layers)
        filled = [layer for layer in layers if annotator.book.target_of(layer).has_objects]
        if len(filled) > 1:
            names = " and ".join(repr(layer.name) for layer in filled)
            raise ValueError(SEVERAL.format(len(filled), names))
        if file is not None:
            for labels in filled or [layer for layer in layers if layer is file.layer]:
                file.save(labels, is_done=is_done)
                if labels not in self._opened:
                    self._opened.append(labels)

    def _note_classes(self) -> None:
        """Keep the classes of the panel for the next images of the folder."""
        categories = self._clicking().annotator.categories
        if self.queue is not None and categories != self.queue.classes:
            self.queue.note_classes(categories)
        self._classes = dict(categories)

    def _labels(self) -> list[Labels]:
        """Return the layers that objects of the opened image go to.

        It may have several channels, and the panel of click segmentation may be another by now.
        Labels that were opened with it and changed count, too, whatever was chosen since.
        """
        images = [layer for layer in self._opened if isinstance(layer, Image)]
        chosen = [book.chosen(image) for book in self._books() for image in images]
        found = list(dict.fromkeys(layer for layer in chosen if layer is not None))
        file, own = self._file, None if self._file is None else self._file.layer
        if file and own and own not in found and own in self.viewer.layers and file.lacks(own):
            found.append(own)
        return found

    def _books(self) -> list[LabelsRegistry]:
        """Return the labels that the panel of click segmentation knows, and the one before knew."""
        now = self._clicking().annotator
        return [each.book for each in dict.fromkeys((self._annotator or now, now))]

    def _check_finished(self, annotator: Annotator, layers: list[Labels]) -> None:
        """Raise ValueError where an object of the opened image is not kept yet, and show it."""
        controller = annotator.controller
        for plane in self._at_work(annotator, layers):
            if annotator.image_of(plane.layer) is None:  # the user closed it
                controller.put_back(plane)
        at_work = self._at_work(annotator, layers)
        unfinished = [plane for plane in at_work if controller.has_clicks(plane.layer)]
        # What the user does calls a propagation off.
        if unfinished and controller.activity is not Activity.PROPAGATING:
            if controller.plane not in unfinished:
                annotator.show_plane(unfinished[0])
            raise ValueError(UNFINISHED.format(annotator.next_label()))
        if at_work or controller.activity in WORKING:
            raise ValueError(UNDER_WAY)

    def _at_work(self, annotator: Annotator, layers: list[Labels]) -> list[PlaneKey]:
        """Return the planes with an object that is at work on the opened image, or lifted out."""
        images = {layer_id(layer) for layer in self._opened if layer in self.viewer.layers}
        labels = {layer_id(layer) for layer in layers}
        return [
            plane
            for plane, now in annotator.controller.document.objects.items()
            if plane.layer in images or (now.edited is not None and now.edited.labels in labels)
        ]

    def _take_away(self) -> None:
        """Close what was opened and saved here; layers of the user's own stay."""
        for layer in self._opened:
            remove_layer(self.viewer, layer)
            if isinstance(layer, Labels):
                for book in self._books():
                    book.forget(layer)
        self._opened, self._file = [], None

    def _clicking(self) -> ClickSegmentation:
        """Return the panel of click segmentation, opened where there is none."""
        window = cast(QWidget, self.window())
        open_ones = [a for a in window.findChildren(ClickSegmentation) if a.annotator.is_open]
        if open_ones:
            return open_ones[0]
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-iafpn", "Click segmentation")
        widget.annotator.open()
        return cast(ClickSegmentation, widget)

    def _say(self, message: Message) -> None:
        self.status.show_message(message)
