"""The parts of the dock widget: signals out, setters in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from magicgui.widgets import Container, PushButton
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QProgressBar,
    QScrollBar,
    QTreeWidget,
    QTreeWidgetItem,
)

from napari_iafpn.plugin.common.parts import NameChoice
from napari_iafpn.plugin.evaluation.scores import WorstObject

LIST_HEIGHT = 110


class ModelChoice(Container):
    """A model by name, or a file; perhaps none, which is called ``none``."""

    def __init__(self, label: str, tooltip: str, models: Sequence[str], none: str = "") -> None:
        self._none = [(none, "")] if none else []
        self._choice = NameChoice(tooltip=tooltip)
        self._button = PushButton(text="…", tooltip="Choose a model file (.safetensors)")
        self._button.max_width = 32
        super().__init__(
            widgets=[self._choice, self._button], layout="horizontal", labels=False, label=label
        )
        self.margins = (0, 0, 0, 0)
        self._models = list(models)
        self.choose("" if none else next(iter(models), ""))
        self._button.changed.connect(self._ask_file)

    def choose(self, model: str) -> None:
        """Choose a model, which is offered from now on."""
        if model and model not in self._models:
            self._models.append(model)
        offered = [(Path(name).name, name) for name in self._models]
        self._choice.offer([*self._none, *offered], model)

    @property
    def model(self) -> str:
        """The name or file; empty: none."""
        return self._choice.value or ""

    def _ask_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(
            self.native, "Choose a model", "", "Models (*.safetensors);;All files (*)"
        )
        if file:
            self.choose(file)


class RunView(Container):
    """Start, Cancel and how far it is."""

    def __init__(self) -> None:
        self.start_button = PushButton(text="Start", tooltip="Let a simulated user click")
        self.cancel_button = PushButton(text="Cancel", tooltip="Stop and show what is finished")
        super().__init__(
            widgets=[self.start_button, self.cancel_button], layout="horizontal", labels=False
        )
        self.margins = (0, 0, 0, 0)
        self.bar = QProgressBar()
        self.bar.setVisible(False)

    def show_state(self, *, busy: bool, can_cancel: bool, done: int, total: int) -> None:
        """Show what can be done and how far it is; with ``total`` 0 nobody knows yet."""
        self.start_button.enabled, self.cancel_button.enabled = not busy, can_cancel
        self.bar.setVisible(busy)
        self.bar.setRange(0, total)
        self.bar.setValue(done)


class WorstView(QTreeWidget):
    """The worst objects; choosing one asks to show it."""

    chosen = Signal(WorstObject)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["Worst objects", "Clicks", "Overlap"])
        self.setToolTip("Choose an object to see it with its clicks")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight(LIST_HEIGHT)
        header = cast(QHeaderView, self.header())
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._rows: list[WorstObject] = []
        self.currentItemChanged.connect(self._tell)

    def show_rows(self, rows: Sequence[WorstObject]) -> None:
        """Show the rows; the chosen one stays chosen."""
        rows = list(rows)
        if rows == self._rows:
            return
        current = self.currentItem()
        chosen = None if current is None else self._rows[self.indexOfTopLevelItem(current)].key
        bar = cast(QScrollBar, self.verticalScrollBar())
        place = bar.value()
        self.blockSignals(True)
        self.clear()
        self._rows = rows
        self.addTopLevelItems([_item(row) for row in rows])
        keys = [row.key for row in rows]
        if chosen in keys:
            self.setCurrentItem(self.topLevelItem(keys.index(chosen)))
        self.blockSignals(False)
        bar.setValue(place)

    def _tell(self, item: QTreeWidgetItem | None, *_: object) -> None:
        if item is not None:
            self.chosen.emit(self._rows[self.indexOfTopLevelItem(item)])


def _item(row: WorstObject) -> QTreeWidgetItem:
    result = row.result
    clicks = str(row.clicks) if row.clicks else f"{len(result.clicks)}, not enough"
    item = QTreeWidgetItem([result.name, clicks, f"{result.ious[-1]:.0%}"])
    for column in (1, 2):
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    item.setToolTip(0, result.name)
    return item
