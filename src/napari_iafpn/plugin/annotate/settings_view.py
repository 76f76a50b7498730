"""What is set rarely: the folded parts of the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QInputDialog,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_iafpn.plugin.common.parts import Choice
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.propagating import DIRECTIONS, PropagationRange
from napari_iafpn.plugin.shortcuts import key_text
from napari_iafpn.sessions import KEEP, OVERWRITE

MOST_PLANES = 99_999
NEW, CHOSEN, CLASS = "a new number each", "always this number", "the number of the class"
QUICK, TIMED = 0.3, 3
"""A preview is worth its while where a click takes less seconds; so many clicks are timed."""
NO_CLASS, NEW_CLASS = "No class", "New class…"

# Colours that most people can tell apart: Okabe and Ito (2008).
COLOURS: Sequence[str] = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)


class StackView(QWidget):
    """Takes an object to other planes: where to, how far, and the button."""

    wanted = Signal(PropagationRange)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton("Propagate", self)
        keys = key_text("propagate")
        self.button.setToolTip(
            "Keep the object and follow it to other planes; without one, the last that was kept "
            f"here. Esc stops{f' ({keys})' if keys else ''}"
        )
        self.axis = QComboBox(self)
        self.axis.setToolTip("The slider to follow")
        self.direction = QComboBox(self)
        self.direction.addItems(DIRECTIONS)
        self.direction.setToolTip("Towards higher planes, lower ones, or both")
        self.planes = QSpinBox(self)
        self.planes.setRange(0, MOST_PLANES)
        self.planes.setSpecialValueText("to the end")
        self.planes.setToolTip("How many planes in each direction; 0: to the end")
        self._form = _form(self)
        self._form.addRow("Slider", self.axis)
        self._form.addRow("Direction", self.direction)
        self._form.addRow("Planes", self.planes)
        self._form.addRow(self.button)
        self.button.clicked.connect(lambda: self.wanted.emit(self.value))
        self.offer([])

    @property
    def value(self) -> PropagationRange:
        """What is chosen."""
        return PropagationRange(
            self.axis.currentData(), self.direction.currentText(), self.planes.value()
        )

    def offer(self, axes: Sequence[tuple[str, int]]) -> None:
        """Offer sliders by name and data axis."""
        offered = [(self.axis.itemText(n), self.axis.itemData(n)) for n in range(self.axis.count())]
        if offered != list(axes):
            chosen = self.axis.currentData()
            self.axis.clear()
            for name, axis in axes:
                self.axis.addItem(name, axis)
            self.axis.setCurrentIndex(max(0, self.axis.findData(chosen)))
        several = len(axes) > 1
        self.axis.setVisible(several)
        label = self._form.labelForField(self.axis)
        if label is not None:
            label.setVisible(several)


class NumberingView(QWidget):
    """Under which number, and as what, objects are kept."""

    chosen = Signal(CommitAs)
    class_made = Signal(str, list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = Choice("The number that the pixels of an object get in the labels", self)
        self.kind.offer([(text, text) for text in (NEW, CHOSEN, CLASS)], NEW)
        self.id = QSpinBox(self)
        self.id.setRange(1, 2**31 - 2)
        self.id.setEnabled(False)
        self.id.setToolTip("The number of the next objects")
        self.category = Choice("The class of the next objects", self)
        self.overwrite = QCheckBox("Overwrite other objects", self)
        self.overwrite.setToolTip("Otherwise pixels of other objects stay theirs")
        form = _form(self)
        form.addRow("Objects get", self.kind)
        form.addRow("Number", self.id)
        form.addRow("Class", self.category)
        form.addRow(self.overwrite)
        self.offer_classes({}, 0)
        self.kind.chosen.connect(self._tell)
        self.id.valueChanged.connect(self._tell)
        self.category.chosen.connect(self._on_class)
        self.overwrite.toggled.connect(self._tell)

    @property
    def value(self) -> CommitAs:
        """What is chosen."""
        return CommitAs(
            label=self.id.value() if self.kind.value == CHOSEN else 0,
            category=int(self.category.value or 0),
            semantic=self.kind.value == CLASS,
            policy=OVERWRITE if self.overwrite.isChecked() else KEEP,
        )

    def offer_classes(self, names: Mapping[int, str], chosen: int) -> None:
        """Offer classes by number."""
        classes = [(name, key) for key, name in names.items()]
        self.category.offer([(NO_CLASS, 0), *classes, (NEW_CLASS, -1)], chosen)
        self._before = chosen

    def ask_class(self, labels: Sequence[int] = ()) -> None:
        """Ask for the name of a new class, of these objects or else of the next ones."""
        name, given = QInputDialog.getText(self, "New class", "Name of the class")
        if given and name.strip():
            self.class_made.emit(name.strip(), list(labels))

    def _on_class(self, chosen: int) -> None:
        if chosen < 0:
            self.category.setCurrentIndex(self.category.choices.index(self._before))
            self.ask_class()
        else:
            self._before = chosen
            self._tell()

    def _tell(self, *_: object) -> None:
        self.id.setEnabled(self.kind.value == CHOSEN)
        self.chosen.emit(self.value)


class DisplayView(QWidget):
    """What is shown of the object at work, and how the mouse is taken.

    The preview is on by itself where the model turns out to be quick, unless the user decided.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preview = _switch("Preview where the mouse rests", "Outline what a click would give")
        self.outline = _switch("Outline only", "Draw the mask as a line, not filled")
        self.roi = _switch(
            "Show the region of interest", "The box in which the network looked", on=True
        )
        self.one_button = _switch(
            "One-button mode",
            "For pens and trackpads: a click on the mask takes away, any other adds",
        )
        self.channels = _switch(
            "See all channels",
            "The network sees all visible images of this size, in their colours, from the next "
            "click on",
        )
        self._seconds: list[float] = []
        self._is_decided = False
        self.preview.clicked.connect(self._decide)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 0, 0, 0)
        layout.setSpacing(2)
        for switch in (self.preview, self.outline, self.roi, self.one_button, self.channels):
            layout.addWidget(switch)

    def _decide(self, *_: object) -> None:
        self._is_decided = True

    def note_seconds(self, seconds: float) -> None:
        """Take note of how long a click took; 0: it was not measured."""
        if not self._is_decided and seconds > 0:
            self._seconds.append(seconds)
            if len(self._seconds) == TIMED:
                self.preview.setChecked(median(self._seconds) < QUICK)
                self._decide()

    def measure_again(self) -> None:
        """Forget how quick the model was; it is another one."""
        self._seconds.clear()


def _switch(text: str, tooltip: str, *, on: bool = False) -> QCheckBox:
    box = QCheckBox(text)
    box.setToolTip(tooltip)
    box.setChecked(on)
    return box


def _form(widget: QWidget) -> QFormLayout:
    form = QFormLayout(widget)
    form.setContentsMargins(12, 0, 0, 0)
    form.setVerticalSpacing(3)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def class_names(categories: Mapping[int, Mapping[str, str]]) -> dict[int, str]:
    """Return the names of classes."""
    return {key: values["name"] for key, values in categories.items()}
