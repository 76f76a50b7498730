"""What is shown of a training: signals out, setters in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_iafpn.plugin.common.parts import sentence_label
from napari_iafpn.plugin.evaluation.controller import time_left
from napari_iafpn.plugin.training.controller import State
from napari_iafpn.plugin.training.curves import CurvesView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iafpn.plugin.training.controller import TrainingController
    from napari_iafpn.plugin.training.history import SetRow, TrainingHistory
    from napari_iafpn.training.finetuning import Clicks

MOST_REMARKS = 3
HEAD = ("", "Clicks to 85 %", "Overlap, 1 click")
ARROW = "→"


class TableView(QWidget):
    """Clicks before and now, a line per set."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 1)
        self._cells: dict[tuple[int, int], QLabel] = {}
        self.setToolTip("Mean over objects that are not trained on: the old model → the new one")

    def show_rows(self, rows: Sequence[SetRow]) -> None:
        """Show the rows."""
        self.setVisible(bool(rows))
        table = [HEAD, *(_texts(row) for row in rows)]
        for line, texts in enumerate(table):
            for column, text in enumerate(texts):
                self._cell(line, column).setText(text)
        for (line, _), cell in self._cells.items():
            cell.setVisible(line < len(table))

    @property
    def texts(self) -> list[list[str]]:
        """What the cells of the shown lines say."""
        lines = sorted({line for line, _ in self._cells})
        return [
            [self._cells[line, column].text() for column in range(len(HEAD))]
            for line in lines
            if not self._cells[line, 0].isHidden()
        ]

    def _cell(self, line: int, column: int) -> QLabel:
        if (line, column) not in self._cells:
            cell = self._cells[line, column] = QLabel()
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            cell.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(cell, line, column)
        return self._cells[line, column]


class ProgressView(QWidget):
    """Phase, progress, curves and table."""

    def __init__(self) -> None:
        super().__init__()
        self.title = sentence_label()
        self.title.setTextFormat(Qt.TextFormat.RichText)
        self.phase = sentence_label()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.found = sentence_label()
        self.curves = CurvesView()
        self.table = TableView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.title, self.phase, self.bar, self.found):
            layout.addWidget(part)
        layout.addWidget(self.curves, 1)
        layout.addWidget(self.table)

    def show_state(self, controller: TrainingController) -> None:
        """Show how far it is."""
        history = controller.history
        if history is None:
            return
        name = controller.job.name if controller.job is not None else ""
        self.title.setText(f"<b>{name}</b>")
        self.title.setVisible(bool(name))
        self.phase.setText(history.told if controller.busy else "")
        self.phase.setVisible(controller.busy)
        self._show_bar(history, shown=controller.busy)
        self.found.setText(_found(history))
        self.found.setToolTip("\n".join(history.surveyed.left_out) if history.surveyed else "")
        self.found.setVisible(bool(self.found.text()))

    def show_story(self, history: TrainingHistory | None) -> None:
        """Draw curves and table."""
        if history is not None:
            self.curves.setVisible(bool(history.losses or history.counts))
            self.curves.show_story(history)
            self.table.show_rows(history.rows())

    def _show_bar(self, history: TrainingHistory, *, shown: bool) -> None:
        self.bar.setVisible(shown)
        self.bar.setValue(round(1000 * history.share))
        left = time_left(history.seconds_left) if history.seconds_left is not None else ""
        self.bar.setFormat(left if not history.paused else f"paused, {left}".rstrip(", "))


class ButtonsView(QWidget):
    """What can be done with a training."""

    def __init__(self) -> None:
        super().__init__()
        self.pause_button = PushButton(text="Pause", tooltip="Pauses do not count as training time")
        self.stop_button = PushButton(text="Stop", tooltip="Keep the best model so far")
        self.use_button = PushButton(
            text="Use this model", tooltip="Choose it in the widget Click segmentation"
        )
        self.continue_button = PushButton(text="Continue", tooltip="Use the time that is left")
        self.back_button = PushButton(text="New training", tooltip="Back to the settings")
        self._running = _line(self.pause_button, self.stop_button)
        self._ended = _line(self.continue_button, self.back_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.use_button, self._running, self._ended):
            layout.addWidget(part.native)

    def show_state(self, controller: TrainingController) -> None:
        """Show what can be done."""
        busy = controller.busy
        self._running.native.setVisible(busy)
        self.pause_button.text = "Continue" if controller.paused else "Pause"
        for button in (self.pause_button, self.stop_button):
            button.enabled = controller.state is State.RUNNING
        self._ended.native.setVisible(not busy)
        self.continue_button.native.setVisible(controller.can_go_on)
        self.use_button.native.setVisible(not busy and bool(controller.model))


def _line(*buttons: PushButton) -> Container:
    line = Container(widgets=list(buttons), layout="horizontal", labels=False)
    line.margins = (0, 0, 0, 0)
    return line


def _found(history: TrainingHistory) -> str:
    if history.surveyed is None:
        return ""
    remarks = history.surveyed.left_out
    shown = [f"- {remark}" for remark in remarks[:MOST_REMARKS]]
    more = len(remarks) - MOST_REMARKS
    return "\n".join(
        [history.surveyed.sentence, *shown, *([f"- and {more} more"] if more > 0 else [])]
    )


def _texts(row: SetRow) -> tuple[str, str, str]:
    def pair(value: str, now: str | None) -> str:
        return f"{value} {ARROW} {now or '…'}"

    def clicks(counted: Clicks) -> str:
        return f"{counted.noc85:.1f}"

    def overlap(counted: Clicks) -> str:
        return f"{100 * counted.miou1:.0f} %"

    now = row.now
    return (
        f"{row.name} ({row.before.objects})",
        pair(clicks(row.before), None if now is None else clicks(now)),
        pair(overlap(row.before), None if now is None else overlap(now)),
    )
