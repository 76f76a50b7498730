"""What the panel of a folder shows."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_iafpn.plugin.folder.progress import Mark
from napari_iafpn.plugin.folder.queue import Entry, ImageQueue

SIGNS = {Mark.OPEN: " ", Mark.DONE: "✓", Mark.SKIPPED: "-"}
FLAG = "⚑"


class FolderView(QWidget):
    """The list of images, and where to go."""

    folder_wanted = Signal()
    chosen = Signal(int)
    moved = Signal(int)
    skipped = Signal()
    flagged = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open_button = QPushButton("Open folder…", self)
        self.open_button.setToolTip("A folder of images, or an OME-Zarr plate (.zarr)")
        self.images = QListWidget(self)
        self.images.setToolTip("Double-click on an image to go there")
        self.progress = QProgressBar(self)
        self.name = QLabel(self)
        self.back_button = QPushButton("Back", self)
        self.skip_button = QPushButton("Skip", self)
        self.skip_button.setToolTip("Go on without marking this image as done")
        self.flag_button = QPushButton(f"{FLAG} Flag", self)
        self.flag_button.setCheckable(True)
        self.flag_button.setToolTip("Look at this image once more, later")
        self.next_button = QPushButton("Done, next", self)
        self.next_button.setToolTip("Save the labels beside the image, and open the next one")
        row = QHBoxLayout()
        for button in (self.back_button, self.skip_button, self.flag_button, self.next_button):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.open_button)
        layout.addWidget(self.name)
        layout.addLayout(row)
        layout.addWidget(self.progress)
        layout.addWidget(self.images, 1)
        self.open_button.clicked.connect(lambda _: self.folder_wanted.emit())
        self.back_button.clicked.connect(lambda _: self.moved.emit(-1))
        self.next_button.clicked.connect(lambda _: self.moved.emit(1))
        self.skip_button.clicked.connect(lambda _: self.skipped.emit())
        self.flag_button.clicked.connect(self.flagged)
        self.images.itemActivated.connect(lambda item: self.chosen.emit(self.images.row(item)))
        self.show_queue(None)

    def show_queue(self, queue: ImageQueue | None) -> None:
        """Show how far one got."""
        entries = [] if queue is None else queue.entries
        place = -1 if queue is None else queue.place
        for button in (self.skip_button, self.flag_button, self.next_button):
            button.setEnabled(queue is not None)
        self.back_button.setEnabled(place > 0)
        self.progress.setMaximum(max(len(entries), 1))
        self.progress.setValue(0 if queue is None else queue.done)
        self.progress.setFormat("%v of %m done")
        self.name.setText("" if queue is None else f"{place + 1}. {queue.entry.name}")
        self.flag_button.setChecked(queue is not None and queue.entry.flagged)
        self.images.clear()
        self.images.addItems([_line(entry) for entry in entries])
        self.images.setCurrentRow(place)
        self.images.setTextElideMode(Qt.TextElideMode.ElideMiddle)


def _line(entry: Entry) -> str:
    return f"{SIGNS[entry.mark]} {entry.name}{f'  {FLAG}' if entry.flagged else ''}"
