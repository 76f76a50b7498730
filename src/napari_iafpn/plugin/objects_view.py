"""The table of committed objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

COLUMNS = ("Id", "Class", "Area", "Clicks", "Time", "Reviewed")
Role = Qt.ItemDataRole


@dataclass(frozen=True, slots=True)
class Row:
    """What the table tells of an object.

    Attributes
    ----------
    label : int
    category : str
    area : int
        In pixels.
    clicks : int
    seconds : float
    reviewed : bool
    """

    label: int
    category: str
    area: int
    clicks: int
    seconds: float
    reviewed: bool

    @property
    def values(self) -> tuple[Any, ...]:
        """In the order of the columns."""
        return (self.label, self.category, self.area, self.clicks, self.seconds, self.reviewed)

    @property
    def texts(self) -> tuple[str, ...]:
        """In the order of the columns."""
        seconds = f"{self.seconds:.0f} s" if self.seconds else ""
        return (
            str(self.label),
            self.category,
            f"{self.area:,}",
            str(self.clicks or ""),
            seconds,
            "yes" if self.reviewed else "",
        )


class ObjectsModel(QAbstractTableModel):
    """Rows, sorted by a column."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._order = (0, False)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self._sort()
        self.endResetModel()

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self._order = (column, order == Qt.SortOrder.DescendingOrder)
        self.set_rows(self.rows)

    def _sort(self) -> None:
        column, falling = self._order
        self.rows.sort(key=lambda row: (row.values[column], row.label), reverse=falling)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802, ARG002
        """Return the number of objects."""
        return len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802, ARG002
        """Return the number of columns."""
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return a cell's text."""
        if role == Role.DisplayRole:
            return self.rows[index.row()].texts[index.column()]
        if role == Role.TextAlignmentRole and index.column() in (0, 2, 3, 4):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Any, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        """Return a column's title."""
        if role == Role.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None


class ObjectsView(QWidget):
    """The table and what can be done with the chosen rows."""

    shown = Signal(int)
    edited = Signal(int)
    deleted = Signal(list)
    merged = Signal(list)
    reviewed = Signal(list)
    classified = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ObjectsModel()
        self.table = QTableView(self)
        self.table.setModel(self.model)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        cast(Any, self.table.verticalHeader()).hide()
        cast(Any, self.table.horizontalHeader()).setSectionResizeMode(
            QHeaderView.ResizeMode.Stretch
        )
        self.table.setMinimumHeight(150)
        self.table.clicked.connect(lambda index: self.shown.emit(self._label(index.row())))
        self.table.doubleClicked.connect(lambda index: self.edited.emit(self._label(index.row())))
        self.buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        for text, signal, tip in (
            ("Edit", None, "Correct the chosen object with clicks"),
            ("Delete", self.deleted, "Delete the chosen objects"),
            ("Merge", self.merged, "Give the chosen objects one id"),
            ("Reviewed", self.reviewed, "Mark the chosen objects as reviewed, or take that back"),
            ("Set class", self.classified, "Give the chosen objects the class chosen above"),
        ):
            button = self.buttons[text] = QPushButton(text, self)
            button.setToolTip(tip)
            button.clicked.connect(self._edit if signal is None else self._teller(signal))
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(row)
        self._selection = cast(Any, self.table.selectionModel())  # None only without a model
        self._selection.selectionChanged.connect(self._enable)
        self._enable()

    @property
    def chosen(self) -> list[int]:
        """The ids of the chosen rows."""
        return [self._label(i.row()) for i in self._selection.selectedRows()]

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other objects; what is chosen stays so."""
        chosen = self.chosen
        self.model.set_rows(rows)
        self.choose(chosen)
        self._enable()

    def choose(self, labels: Sequence[int]) -> None:
        """Choose the rows of these ids."""
        self.table.clearSelection()
        flags, wanted = QItemSelectionModel.SelectionFlag, set(labels)
        for place, row in enumerate(self.model.rows):
            if row.label in wanted:
                self._selection.select(self.model.index(place, 0), flags.Select | flags.Rows)

    def _label(self, row: int) -> int:
        return self.model.rows[row].label

    def _edit(self) -> None:
        if self.chosen:
            self.edited.emit(self.chosen[0])

    def _teller(self, signal: Any) -> Any:
        return lambda: signal.emit(self.chosen)

    def _enable(self, *_: object) -> None:
        count = len(self.chosen)
        for text, button in self.buttons.items():
            button.setEnabled(count > (1 if text == "Merge" else 0))
