"""What the user sets before a training: signals out, setters in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit, FloatSpinBox, LineEdit, PushButton
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QWidget,
)

from napari_iafpn.plugin.common.parts import NameChoice
from napari_iafpn.plugin.evaluation.views import ModelChoice
from napari_iafpn.plugin.training.offers import PairOffer
from napari_iafpn.plugin.training.sources import FoldersSource
from napari_iafpn.plugin.user_paths import MODEL_SUFFIX

LAYERS, FOLDERS = "Layers of this window", "Two folders"
NO_PAIRS = (
    "No image has labels of its size yet: annotate some objects with Click segmentation, open "
    "labels, or choose two folders."
)
LABEL_FOLDERS = ("labels", "masks", "label", "mask")
LEVELS = (
    ("Both levels", "both"),
    ("Coarse: finds the object", "coarse"),
    ("Fine: draws its outline", "fine"),
)
GRAPHICS = (
    ("Apple graphics (mps)", "mps")
    if sys.platform == "darwin"
    else ("Graphics card (cuda)", "cuda")
)
DEVICES = (("Automatic", "auto"), ("Processor (cpu)", "cpu"), GRAPHICS)
MINUTES = 20.0


class PairsView(QWidget):
    """The image layers with their labels layers, to be ticked."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._offers: list[PairOffer] = []
        self._rows: dict[str, tuple[QCheckBox, QComboBox]] = {}
        self._touched: set[str] = set()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self._none = QLabel(NO_PAIRS)
        self._none.setWordWrap(True)
        self._grid.addWidget(self._none, 0, 0, 1, 2)

    def offer(self, offers: Sequence[PairOffer]) -> None:
        """Offer pairs; what the user ticked stays ticked."""
        if list(offers) == self._offers:
            return
        kept = {key: self._rows[key] for key in self._touched & set(self._rows)}
        choices = {
            key: (box.isChecked(), combo.currentData()) for key, (box, combo) in kept.items()
        }
        self._clear()
        self._offers = list(offers)
        any_related = any(offer.related for offer in offers)
        for number, offer in enumerate(offers):
            likely = offer.related or (number == 0 and not any_related)
            on, labels = choices.get(offer.image, (likely, None))
            self._add(offer, labels, on=on)
        self._none.setVisible(not offers)
        self.changed.emit()

    def chosen(self) -> list[tuple[str, str]]:
        """Return the unique ids of the images and labels that are ticked."""
        return [
            (key, str(combo.currentData()))
            for key, (box, combo) in self._rows.items()
            if box.isChecked()
        ]

    def chosen_names(self) -> list[str]:
        """Return the names of the images that are ticked."""
        ticked = {image for image, _ in self.chosen()}
        return [offer.name for offer in self._offers if offer.image in ticked]

    def _add(self, offer: PairOffer, labels: str | None, *, on: bool) -> None:
        box, combo = QCheckBox(shortened(offer.name)), QComboBox()
        box.setChecked(on)
        box.setToolTip(f"{offer.name}: train on it")
        for key, name in offer.labels:
            combo.addItem(name, key)
        combo.setToolTip("The labels that hold its objects")
        combo.setMinimumContentsLength(8)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        if labels is not None and (place := combo.findData(labels)) >= 0:
            combo.setCurrentIndex(place)
        row = len(self._rows) + 1
        self._grid.addWidget(box, row, 0)
        self._grid.addWidget(combo, row, 1)
        self._rows[offer.image] = box, combo
        box.clicked.connect(lambda: self._touch(offer.image))
        combo.activated.connect(lambda: self._touch(offer.image))

    def _touch(self, image: str) -> None:
        self._touched.add(image)
        self.changed.emit()

    def _clear(self) -> None:
        for widgets in self._rows.values():
            for widget in widgets:
                self._grid.removeWidget(widget)
                widget.deleteLater()
        self._rows = {}


class FoldersView(Container):
    """A folder of images and a folder of labels."""

    edited = Signal()

    def __init__(self) -> None:
        self.images_edit = FileEdit(
            mode=FileDialogMode.EXISTING_DIRECTORY,
            label="Images",
            nullable=True,
            tooltip="The folder of your images",
        )
        self.labels_edit = FileEdit(
            mode=FileDialogMode.EXISTING_DIRECTORY,
            label="Labels",
            nullable=True,
            tooltip="The folder of their labels: files of the same names that hold the id of each "
            "pixel's object, 0 = background",
        )
        super().__init__(widgets=[self.images_edit, self.labels_edit])
        self.margins = (0, 0, 0, 0)
        self.images_edit.changed.connect(self._complete)

    def choose(self, images: Path, labels: Path) -> None:
        """Choose both."""
        self.images_edit.value, self.labels_edit.value = images, labels

    @property
    def source(self) -> FoldersSource:
        """The two folders; ValueError where one is not chosen yet."""
        images, labels = (_path(edit) for edit in (self.images_edit, self.labels_edit))
        if images is None or labels is None:
            raise ValueError("choose the folder of your images and the folder of their labels")
        return FoldersSource(images, labels)

    def _complete(self, *_: object) -> None:
        """Find the labels that lie in or beside the folder of images."""
        images = _path(self.images_edit)
        if images is not None and _path(self.labels_edit) is None:
            inner = images / "images"
            parent = images if inner.is_dir() else images.parent
            found = [parent / name for name in LABEL_FOLDERS if (parent / name).is_dir()]
            if found:
                self.labels_edit.value = found[0]
                if inner.is_dir():
                    self.images_edit.value = inner
        self.edited.emit()


class OutputChoice(Container):
    """The new model's name and folder."""

    def __init__(self, folder: Path) -> None:
        self._name = LineEdit(tooltip="Name of the new model")
        self._button = PushButton(text="…", tooltip="Save it elsewhere")
        self._button.max_width = 32
        super().__init__(
            widgets=[self._name, self._button], layout="horizontal", labels=False, label="New model"
        )
        self.margins = (0, 0, 0, 0)
        self._suggested = ""
        self._set_folder(folder)
        self._button.changed.connect(self._ask)

    def suggest(self, name: str) -> None:
        """Suggest a name, unless the user gave one."""
        if self._name.value == self._suggested:
            self._name.value = name
        self._suggested = name

    def choose(self, path: Path) -> None:
        """Choose the file of the model."""
        self._set_folder(path.parent)
        self._name.value = path.name.removesuffix(MODEL_SUFFIX)

    @property
    def path(self) -> Path:
        """The file of the new model; ValueError where it has no name."""
        name = self._name.value.strip().removesuffix(MODEL_SUFFIX)
        if not name or Path(name).name != name:
            raise ValueError("give the new model a name, without a folder in it")
        return self._folder / f"{name}{MODEL_SUFFIX}"

    def _set_folder(self, folder: Path) -> None:
        self._folder = folder
        self._name.tooltip = f"Name of the new model; it is saved in {folder}"

    def _ask(self) -> None:
        start = str(self._folder / f"{self._name.value}{MODEL_SUFFIX}")
        file, _ = QFileDialog.getSaveFileName(
            self.native,
            "Save the new model as",
            start,
            f"Models (*{MODEL_SUFFIX})",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if file:
            self.choose(Path(file))


class OptionsView(Container):
    """The model to begin with, the time, and what is made."""

    def __init__(self, models: Sequence[str], folder: Path) -> None:
        self.base = ModelChoice("Start from", "The model to train further", models)
        self.minutes = FloatSpinBox(
            value=MINUTES,
            min=0.1,
            max=100_000,
            step=5,
            label="Time",
            tooltip="Total time without pauses; 20 minutes help on most laptops",
        )
        self.minutes.native.setSuffix(" min")
        self.minutes.native.setDecimals(1)
        self.level = ComboBox(
            choices=LEVELS,
            label="Train",
            tooltip="Coarse alone where objects are missed, fine alone where outlines are wrong",
        )
        self.device = ComboBox(
            choices=DEVICES, label="Device", tooltip="Automatic takes the fastest there is"
        )
        self.output = OutputChoice(folder)
        super().__init__(widgets=[self.base, self.minutes, self.level, self.device, self.output])
        self.margins = (0, 0, 0, 0)


class UnfinishedView(Container):
    """Trainings that can go on."""

    continued = Signal(str)
    deleted = Signal(str)

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._choice = NameChoice(label="Unfinished", tooltip="Trainings that were not finished")
        self.button = PushButton(text="Continue")
        self._delete = PushButton(text="Delete…", tooltip="Delete this training; its model stays")
        self._delete.max_width = 70
        buttons = Container(widgets=[self.button, self._delete], layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        super().__init__(widgets=[self._choice, buttons], labels=False)
        self.margins = (0, 0, 0, 6)
        self._choice.changed.connect(self._show)
        self.button.changed.connect(lambda *_: self.continued.emit(self._choice.value or ""))
        self._delete.changed.connect(lambda *_: self.deleted.emit(self._choice.value or ""))

    def offer(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Offer trainings: their names and folders."""
        self._names = {folder: name for name, folder in jobs}
        self._choice.offer(jobs, self._choice.value or (jobs[0][1] if jobs else None))
        self.native.setVisible(bool(jobs))
        self._choice.native.setVisible(len(jobs) > 1)
        self._show()

    def _show(self, *_: object) -> None:
        name = self._names.get(self._choice.value or "", "")
        self.button.text = f"Continue the training of {shortened(name)}"


class TrainingSetup(QWidget):
    """All of it, with the button that starts."""

    changed = Signal()

    def __init__(self, models: Sequence[str], folder: Path) -> None:
        super().__init__()
        self.unfinished = UnfinishedView()
        self.kind = ComboBox(
            choices=[LAYERS, FOLDERS],
            label="Train on",
            tooltip="Where the images and their true objects are",
        )
        self.pairs = PairsView()
        self.folders = FoldersView()
        self.options = OptionsView(models, folder)
        self.start_button = PushButton(
            text="Start training", tooltip="Trains in the background; you can go on working"
        )
        kind = Container(widgets=[self.kind])
        kind.margins = (0, 0, 0, 0)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (
            self.unfinished.native,
            kind.native,
            self.pairs,
            self.folders.native,
            self.options.native,
            self.start_button.native,
        ):
            layout.addWidget(part)
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._kind = kind
        self.kind.changed.connect(self._show_kind)
        self.pairs.changed.connect(self.changed)
        self.folders.edited.connect(self.changed)
        self._show_kind()

    @property
    def wants_layers(self) -> bool:
        """Whether layers are trained on."""
        return bool(self.kind.value == LAYERS)

    def _show_kind(self, *_: object) -> None:
        self.pairs.setVisible(self.wants_layers)
        self.folders.native.setVisible(not self.wants_layers)
        self.changed.emit()


def shortened(text: str, length: int = 24) -> str:
    """Return ``text``, its middle left out where it is long."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"


def _path(edit: FileEdit) -> Path | None:
    text = "" if edit.value is None else str(edit.value)
    return None if text in ("", ".") else Path(text)
