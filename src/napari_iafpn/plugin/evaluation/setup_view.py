"""What the user chooses before an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, SpinBox
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_iafpn.plugin.common.parts import NameChoice
from napari_iafpn.plugin.evaluation.views import ModelChoice

LAYERS, FOLDER = "Layers of this window", "A folder"
NO_MODEL = "(no second model)"
OBJECTS, MOST_OBJECTS = 50, 1_000_000


class EvaluationSetup(QWidget):
    """The data, one or two models, how many objects, and what the model sees of them."""

    def __init__(self, models: Sequence[str]) -> None:
        super().__init__()
        self.kind = ComboBox(
            choices=[LAYERS, FOLDER], tooltip="Where the images and their true objects are"
        )
        self._image = NameChoice(tooltip="A plane, or a stack of planes")
        self._labels = NameChoice(tooltip="The labels that hold the true objects of the image")
        self.chosen_folder = FileEdit(
            mode=FileDialogMode.EXISTING_DIRECTORY,
            nullable=True,
            tooltip="A folder that holds images/ and labels/ with files of the same names",
        )
        self.first = ModelChoice("Model", "The network that answers the clicks", models)
        self.second = ModelChoice("Compare with", "A second network", models, none=NO_MODEL)
        self.objects = SpinBox(
            value=OBJECTS,
            min=0,
            max=MOST_OBJECTS,
            tooltip="How many objects; chosen at random, but always the same ones. 0: all",
        )
        self.objects.native.setSpecialValueText("all")
        self.zoomed = ComboBox(
            choices=[("Whole image", False), ("Zoomed in (8 x the object)", True)],
            tooltip="What the model sees; zoomed in is right for small objects in large images",
        )
        self.preset = ComboBox(
            choices=[("As in this plugin", "plugin"), ("As in the publication", "paper")],
            tooltip="Published numbers average over a mirrored image and cut at 0.49",
        )
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows: dict[str, tuple[QLabel, QWidget]] = {}
        self._add_rows()
        self.kind.changed.connect(self._show_kind)
        self._show_kind()

    def set_layers(
        self, images: Sequence[str], image: str | None, labels: Sequence[str], label: str | None
    ) -> None:
        """Offer layers by name and choose two of them."""
        self._image.offer([(name, name) for name in images], image)
        self._labels.offer([(name, name) for name in labels], label)

    @property
    def folder(self) -> Path | None:
        """The folder; None where layers are wanted. ValueError where none is chosen yet."""
        if self.kind.value != FOLDER:
            return None
        chosen = str(self.chosen_folder.value or "")
        if chosen in ("", "."):
            raise ValueError("Choose a folder that holds images/ and labels/ first.")
        return Path(chosen)

    @property
    def image(self) -> str | None:
        """Name of the image layer."""
        return self._image.value

    @property
    def labels(self) -> str | None:
        """Name of the labels layer."""
        return self._labels.value

    @property
    def models(self) -> tuple[str, ...]:
        """The chosen models."""
        return tuple(filter(None, (self.first.model, self.second.model)))

    @property
    def limit(self) -> int | None:
        """The most objects; None: all."""
        return self.objects.value or None

    def _add_rows(self) -> None:
        rows = {
            "Data": self.kind,
            "Image": self._image,
            "True objects": self._labels,
            "Folder": self.chosen_folder,
            "Model": self.first,
            "Compare with": self.second,
            "How many": self.objects,
            "View": self.zoomed,
            "Protocol": self.preset,
        }
        for text, widget in rows.items():
            label = QLabel(text)
            self._rows[text] = label, widget.native
            self._form.addRow(label, widget.native)

    def _show_kind(self, *_: object) -> None:
        folder = self.kind.value == FOLDER
        for name, shown in (
            ("Image", not folder),
            ("True objects", not folder),
            ("Folder", folder),
        ):
            for part in self._rows[name]:
                part.setVisible(shown)
