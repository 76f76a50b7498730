"""The parts of the dock widget: signals out, setters in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    Label,
    PushButton,
    RadioButtons,
)
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_iafpn.clicks import DRAWN
from napari_iafpn.plugin.messages import Message
from napari_iafpn.plugin.spinner import Spinner

NEW_LAYER = "(new layer)"
ERROR_COLOR = "#ff7b72"
CLICKS, BRUSH, ERASER = "clicks", "brush", "eraser"
TOOLS = (CLICKS, *DRAWN, BRUSH, ERASER)
"""What the mouse does."""


class SourcesView(Container):
    """Which image, which model, which labels; by name."""

    image_chosen = Signal(str)
    channels_chosen = Signal(bool)
    model_chosen = Signal(str)
    labels_chosen = Signal(str)

    def __init__(self, models: Sequence[str]) -> None:
        self._image_choice = Offer(label="Image", tooltip="The image layer to click on")
        self.channels = CheckBox(
            value=False,
            text="See all channels",
            tooltip="The network sees what you see: all visible images of this size, in their "
            "colours; else just this image. Counts from the next click on.",
        )
        self._model_choice = Offer(label="Model", tooltip="The network that answers the clicks")
        self._labels_choice = Offer(
            label="Commit to", tooltip="The Labels layer that gets the objects"
        )
        self._file = PushButton(text="…", tooltip="Choose a model file (.safetensors)")
        self._file.max_width = 32
        model = Container(
            widgets=[self._model_choice, self._file], layout="horizontal", labels=False
        )
        model.label, model.margins = "Model", (0, 0, 0, 0)
        super().__init__(widgets=[self._image_choice, self.channels, model, self._labels_choice])
        self.margins = (0, 0, 0, 0)
        self.set_models(models, models[0] if models else None)
        self._image_choice.changed.connect(lambda name: self.image_chosen.emit(name or ""))
        self.channels.changed.connect(self.channels_chosen)
        self._model_choice.changed.connect(lambda name: self.model_chosen.emit(name or ""))
        self._labels_choice.changed.connect(
            lambda name: self.labels_chosen.emit("" if name in (None, NEW_LAYER) else name)
        )
        self._file.changed.connect(self._ask_file)

    def set_images(self, names: Sequence[str], chosen: str | None) -> None:
        """Offer image layers; of a single one there are no channels to see."""
        self._image_choice.offer([(name, name) for name in names], chosen)
        self.channels.enabled = len(names) > 1

    def set_models(self, models: Sequence[str], chosen: str | None) -> None:
        """Offer models: names, or files, which are shown by their name."""
        self._model_choice.offer([(Path(model).name, model) for model in models], chosen)

    def set_labels(self, names: Sequence[str], chosen: str | None) -> None:
        """Offer Labels layers and a new one."""
        names = [NEW_LAYER, *names]
        self._labels_choice.offer([(name, name) for name in names], chosen or NEW_LAYER)

    @property
    def models(self) -> tuple[str, ...]:
        """The models on offer."""
        return tuple(str(choice) for choice in self._model_choice.choices)

    def _ask_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(
            self.native, "Choose a model", "", "Models (*.safetensors);;All files (*)"
        )
        if file:
            self.model_chosen.emit(file)


class ObjectView(Container):
    """The current object and what can be done with it."""

    annotating_changed = Signal(bool)
    threshold_changed = Signal(float)
    roi_shown_changed = Signal(bool)
    tool_chosen = Signal(str)

    def __init__(self) -> None:
        self.annotating = CheckBox(
            value=True,
            text="Annotate with the mouse",
            tooltip="Clicks on the canvas are yours again when this is off",
        )
        hint = Label(
            value="Left click: object\nRight click or Ctrl+click: background\n"
            "Double-click on a committed object: edit it"
        )
        self.title = Label(value="")
        self.tool = RadioButtons(
            choices=TOOLS,
            orientation="horizontal",
            label="With",
            tooltip="Drag a box around the object, or a stroke on it (around it: a lasso; right or "
            "Ctrl: beside it); a press without a drag is a click. What brush and eraser change is "
            "never undone by later clicks",
        )
        self.tool.value = CLICKS
        self.threshold = FloatSlider(
            value=0.5,
            min=0.05,
            max=0.95,
            step=0.01,
            label="Threshold",
            tooltip="Lower: a larger mask of the current object",
        )
        self.roi = CheckBox(
            value=True,
            text="Show the region of interest",
            tooltip="The box in which the network looked closely",
        )
        self.outline = CheckBox(
            value=False, text="Outline only", tooltip="Draw the mask as an outline, not filled"
        )
        self.one_button = CheckBox(
            value=False,
            text="One button",
            tooltip="For pens and trackpads: a click on the mask takes away, any other adds",
        )
        self.look_ahead = CheckBox(
            value=False,
            text="Preview",
            tooltip="Outline what a click would give where the mouse rests",
        )
        self.undo_button = PushButton(text="Undo", tooltip="Take the last step back (Ctrl+Z)")
        self.redo_button = PushButton(text="Redo", tooltip="Do it again (Ctrl+Shift+Z)")
        self.clear_button = PushButton(text="Clear")
        self.split_button = PushButton(
            text="Split", tooltip="Divide the edited object: first click once on each of its parts"
        )
        self.commit_button = PushButton(
            text="Commit / next object",
            tooltip="Write the object into the labels and start the next one (Enter)",
        )
        self.help_button = PushButton(text="?", tooltip="Show all keys (Shift+H)")
        self.help_button.max_width = 32
        buttons = Container(
            widgets=[
                self.undo_button,
                self.redo_button,
                self.clear_button,
                self.split_button,
                self.help_button,
            ],
            layout="horizontal",
            labels=False,
        )
        settings = Container(widgets=[self.tool, self.threshold])
        switches = Container(
            widgets=[self.outline, self.one_button, self.look_ahead],
            layout="horizontal",
            labels=False,
        )
        buttons.margins = settings.margins = switches.margins = (0, 0, 0, 0)
        super().__init__(
            widgets=[
                self.annotating,
                hint,
                self.title,
                settings,
                self.roi,
                switches,
                buttons,
                self.commit_button,
            ],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self.annotating.changed.connect(self.annotating_changed)
        self.threshold.changed.connect(self.threshold_changed)
        self.roi.changed.connect(self.roi_shown_changed)
        self.tool.changed.connect(self.tool_chosen)

    def show_object(
        self, title: str, threshold: float, *, touched: bool, clicks: bool, edited: bool
    ) -> None:
        """Show what the current object is like; of an untouched one there is little to do."""
        self.title.value = title
        with self.threshold.changed.blocked():
            self.threshold.value = threshold
        self.threshold.enabled = clicks
        self.clear_button.enabled = self.commit_button.enabled = touched
        self.clear_button.text = "Put back" if edited else "Clear"
        self.clear_button.tooltip = (
            "Leave the edited object as it was" if edited else "Delete all clicks of this object"
        )
        self.split_button.enabled = edited

    def show_tool(self, tool: str) -> None:
        """Show what the mouse does."""
        with self.tool.changed.blocked():
            self.tool.value = tool

    def show_history(self, *, undo: bool, redo: bool) -> None:
        """Show what can be undone and redone."""
        self.undo_button.enabled, self.redo_button.enabled = undo, redo


class ResumeView(QWidget):
    """An offer to go on with an earlier session."""

    accepted = QtSignal()
    declined = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = QLabel(self)
        self._label.setWordWrap(True)
        self.resume_button = QPushButton("Resume", self)
        self.resume_button.setToolTip("Bring its objects, clicks and history back")
        dismiss = QPushButton("Start anew", self)
        dismiss.setToolTip("Leave it as it is; it is offered again next time")
        self.resume_button.clicked.connect(self.accepted)
        dismiss.clicked.connect(self.declined)
        row = QHBoxLayout()
        row.addWidget(self.resume_button)
        row.addWidget(dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._label)
        layout.addLayout(row)
        self.hide()

    @property
    def text(self) -> str:
        """The offer."""
        return str(self._label.text())

    def offer(self, sentence: str) -> None:
        """Show an offer; an empty one hides it."""
        self._label.setText(sentence)
        self.setVisible(bool(sentence))


class StatusView(QWidget):
    """A spinner and one sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spinner = Spinner(self)
        self._label = QLabel(self)
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        # Room for a long sentence, so that the widget does not jump when one comes.
        self._label.setMinimumHeight(4 * self._label.fontMetrics().lineSpacing())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.spinner, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._label, 1)

    @property
    def text(self) -> str:
        """The sentence."""
        return str(self._label.text())

    def show_message(self, message: Message) -> None:
        """Show a sentence; errors in red."""
        self._label.setText(message.text)
        self._label.setStyleSheet(f"color: {ERROR_COLOR}" if message.error else "")


class Offer(ComboBox):
    """A choice among names that only its owner changes."""

    def offer(self, choices: Sequence[tuple[str, Any]], chosen: Any) -> None:
        """Set the choices and the choice without telling anybody."""
        with self.changed.blocked():
            self.choices = choices
            if chosen in self.choices:
                self.value = chosen

    def reset_choices(self, *_: object) -> None:
        """Keep the choices; magicgui would forget them when the widget is docked."""
