"""Under which id, and as what, objects are committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from magicgui.widgets import CheckBox, ComboBox, Container, PushButton, SpinBox
from psygnal import Signal
from qtpy.QtWidgets import QInputDialog

from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.views import Offer
from napari_iafpn.sessions import KEEP, OVERWRITE

NEW, CHOSEN, CLASS = "a new id", "the id below", "the id of the class"
NO_CLASS = "(no class)"


class CommitView(Container):
    """Choices for the next commits."""

    chosen = Signal(CommitAs)
    class_made = Signal(str)

    def __init__(self) -> None:
        self.kind = ComboBox(
            choices=(NEW, CHOSEN, CLASS),
            value=NEW,
            label="Under",
            tooltip="The number that the object's pixels get in the labels",
        )
        self.id = SpinBox(value=1, min=1, max=2**31 - 2, label="Id", enabled=False)
        self.category = Offer(label="Class", tooltip="The class of the next objects")
        self._new = PushButton(text="+", tooltip="Make a new class")
        self._new.max_width = 32
        self.overwrite = CheckBox(
            value=False,
            text="Overwrite other objects",
            tooltip="Else pixels that belong to other objects stay theirs",
        )
        category = Container(widgets=[self.category, self._new], layout="horizontal", labels=False)
        category.label, category.margins = "Class", (0, 0, 0, 0)
        super().__init__(widgets=[self.kind, self.id, category, self.overwrite])
        self.margins = (0, 0, 0, 0)
        self.offer_classes({}, 0)
        for widget in (self.kind, self.id, self.category, self.overwrite):
            widget.changed.connect(self._tell)
        self._new.changed.connect(self._ask_class)

    @property
    def value(self) -> CommitAs:
        """What is chosen."""
        return CommitAs(
            label=self.id.value if self.kind.value == CHOSEN else 0,
            category=int(self.category.value or 0),
            semantic=self.kind.value == CLASS,
            policy=OVERWRITE if self.overwrite.value else KEEP,
        )

    def offer_classes(self, names: Mapping[int, str], chosen: int) -> None:
        """Offer classes by number."""
        self.category.offer([(NO_CLASS, 0), *((name, key) for key, name in names.items())], chosen)

    def _tell(self) -> None:
        self.id.enabled = self.kind.value == CHOSEN
        self.chosen.emit(self.value)

    def _ask_class(self) -> None:
        name, given = QInputDialog.getText(self.native, "New class", "Name of the class")
        if given and name.strip():
            self.class_made.emit(name.strip())


def class_names(categories: Mapping[int, Mapping[str, str]]) -> dict[int, str]:
    """Return the names of classes."""
    return {key: values["name"] for key, values in categories.items()}


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
