"""The dock widget "Folder of images"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from napari_iafpn.plugin.common.panel import DockPanel
from napari_iafpn.plugin.folder.queue import Entry, ImageQueue, Mark
from napari_iafpn.plugin.folder.view import FolderView
from napari_iafpn.plugin.messages import Message, as_sentence, sentence_of
from napari_iafpn.plugin.overlays import remove_layer
from napari_iafpn.plugin.readers import read_layers
from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.plugin.writers import write_tif

if TYPE_CHECKING:
    import napari.viewer

WELCOME = "Open a folder of images. You get them one after the other; labels are saved beside them."
UNFINISHED = "{} is not kept yet. Keep it (Enter) or discard it, then go on."


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
        queue = ImageQueue(folder)
        self._take_away()
        self.queue = queue
        if queue.classes and not self._clicking().annotator.categories:
            self._clicking().classes.use(queue.classes)
        self._open(queue.entry)

    def _leave_image(self, mark: Mark | None, by: int) -> None:
        def leave() -> None:
            queue = self.queue
            assert queue is not None
            self._save()
            if mark is not None:
                queue.mark(mark)
            place = queue.place + by
            if not 0 <= place < len(queue.entries):
                self._say(Message(f"This is the last image; {queue.done} are done."))
                return
            self._take_away()
            queue.go(place)
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
        self._opened = list(self.viewer.open(str(entry.image)))
        image = next((a for a in self._opened if isinstance(a, Image)), None)
        if image is None:
            raise ValueError(f"{entry.image.name} holds no image; skip it")
        clicking.annotator.set_image(image)
        if entry.labels is not None:
            data, attributes, _ = read_layers(str(entry.labels))[0]
            labels = Labels(data, **attributes)
            self._opened.append(labels)
            clicking.annotator.add_labels(labels, image)
        self.viewer.reset_view()
        clicking.raise_dock()
        self.raise_dock()

    def _save(self) -> None:
        """Write the labels of the image at work beside it.

        Raises
        ------
        ValueError
            Where an object is not kept yet.
        """
        if self.queue is None:
            return
        clicking, entry = self._clicking(), self.queue.entry
        annotator = clicking.annotator
        now = annotator.controller.current
        if now is not None and not now.is_untouched:
            name = "The edited object" if now.edited else f"Object {annotator.next_label()}"
            raise ValueError(UNFINISHED.format(name))
        labels = annotator.labels
        if labels is not None and (entry.saved.exists() or labels.data.any()):
            write_tif(str(entry.saved), labels.data, labels.as_layer_data_tuple()[1])
            if labels not in self._opened:
                self._opened.append(labels)
        if annotator.categories != self.queue.classes:
            self.queue.note_classes(annotator.categories)

    def _take_away(self) -> None:
        """Close what was opened and saved here; layers of the user's own stay."""
        for layer in self._opened:
            remove_layer(self.viewer, layer)
        self._opened = []

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
