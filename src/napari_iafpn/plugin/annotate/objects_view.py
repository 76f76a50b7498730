"""The table of kept objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, cast

from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QSignalBlocker,
    Qt,
    Signal,
)
from qtpy.QtGui import QFont, QFontMetrics, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QScrollBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_iafpn.plugin.annotate.settings_view import NEW_CLASS, NO_CLASS
from napari_iafpn.plugin.common.parts import Choice

COLUMNS = ("Id", "Class", "Area", "Clicks", "Time", "Sure", "Seen")
TIPS = (
    "The number of its pixels in the labels",
    "",
    "In pixels, on all planes",
    "How many it took; those it was found with do not count",
    "How long it took",
    "How likely its outline is right, from 0 to 1; sort by it to check the most doubtful first",
    "Whether it was marked as reviewed; or it is being edited",
)
NEW_LAYER = "(new layer)"
NAVIGATION = (
    *(Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown),
    *(Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Tab, Qt.Key.Key_Backtab),
)
WIDEST = ("9999", "", "999,999", "found", "999 s", "0.99", "editing")
ROW, PADDING, CLASS_COLUMN = 20, 9, 1
Role = Qt.ItemDataRole
MERGE, CLASS_BUTTON = "Merge", "Set class"


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """What the table tells of an object.

    Attributes
    ----------
    label : int
    category : str
    area : int
        In pixels.
    clicks : int
    seconds : float
    reviewed, edited, found : bool
    quality : float or None
    """

    label: int
    category: str
    area: int
    clicks: int
    seconds: float
    reviewed: bool
    edited: bool = False
    found: bool = False
    quality: float | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        """In the order of the columns."""
        state = 2 * self.edited + self.reviewed
        sure = 2.0 if self.quality is None else self.quality  # what is not known is the last
        return (self.label, self.category, self.area, self.clicks, self.seconds, sure, state)

    @property
    def texts(self) -> tuple[str, ...]:
        """In the order of the columns."""
        return (
            str(self.label),
            self.category,
            f"{self.area:,}",
            str(self.clicks or ("found" if self.found else "")),
            f"{self.seconds:.0f} s" if self.seconds else "",
            "" if self.quality is None else f"{self.quality:.2f}",
            "editing" if self.edited else "✓" if self.reviewed else "",
        )


class ObjectsModel(QAbstractTableModel):
    """The rows, in the order that the user chose."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[ObjectRow] = []
        self._by, self._descending = 0, False

    def set_rows(self, rows: Iterable[ObjectRow]) -> bool:
        """Show rows; tell whether they are others than before."""
        rows = self._sorted(rows)
        if rows == self.rows:
            return False
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, equal rows by their ids; what is chosen stays so."""
        self._by, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        before, self.rows = self.rows, self._sorted(self.rows)
        places = {row.label: place for place, row in enumerate(self.rows)}
        kept = self.persistentIndexList()
        moved = [self.index(places[before[each.row()].label], each.column()) for each in kept]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def _sorted(self, rows: Iterable[ObjectRow]) -> list[ObjectRow]:
        by_id = sorted(rows, key=attrgetter("label"))
        return sorted(by_id, key=lambda row: row.values[self._by], reverse=self._descending)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802, ARG002
        """Return the number of objects."""
        return len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802, ARG002
        """Return the number of columns."""
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return a cell's text, and how it looks."""
        row = self.rows[index.row()]
        if role == Role.DisplayRole:
            return row.texts[index.column()]
        if role == Role.TextAlignmentRole and index.column() in (0, 2, 3, 4, 5):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Role.FontRole and row.edited:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def headerData(self, section: int, orientation: Any, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        """Return a column's title."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Role.DisplayRole:
                return COLUMNS[section]
            if role == Role.ToolTipRole:
                return TIPS[section]
        return None


class ObjectsTable(QTableView):
    """Rows that arrow keys choose; all other keys are for the canvas."""

    delete_wanted = Signal()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Choose rows, delete the chosen ones, or leave the key to others."""
        if event is None:
            return
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_wanted.emit()
        elif event.key() in NAVIGATION or event.matches(QKeySequence.StandardKey.SelectAll):
            super().keyPressEvent(event)
        else:
            event.ignore()


class ObjectsView(QWidget):
    """The table, which layer it shows, and what can be done with the chosen rows."""

    labels_chosen = Signal(str)
    shown = Signal(object)  # an int of Qt has 32 bits, an id may have more
    unchosen = Signal()
    edited = Signal(object)
    deleted = Signal(list)
    merged = Signal(list)
    reviewed = Signal(list)
    classified = Signal(list, object)
    class_wanted = Signal(list)
    export_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labels = Choice("The Labels layer that gets the objects", self)
        self.model = ObjectsModel()
        self.table = self._made_table()
        self.buttons: dict[str, QPushButton] = {}
        self._classes = QMenu(self)
        head = QHBoxLayout()
        head.addWidget(QLabel("Objects in", self))
        head.addWidget(self.labels, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        layout.addLayout(self._made_buttons())
        # None only without a model.
        self._selection = cast(QItemSelectionModel, self.table.selectionModel())
        self._selection.selectionChanged.connect(self._on_selection)
        self._selection.currentRowChanged.connect(self._on_row)
        self.labels.chosen.connect(
            lambda name: self.labels_chosen.emit("" if name == NEW_LAYER else name)
        )
        self.offer_classes({})
        self._enable()

    @property
    def chosen(self) -> list[int]:
        """The ids of the chosen rows, from the top to the bottom."""
        ranges: Any = self._selection.selection()
        rows = (range(part.top(), part.bottom() + 1) for part in ranges)
        return [self.model.rows[row].label for row in sorted({*chain(*rows)})]

    @property
    def shown_labels(self) -> list[int]:
        """The ids in the order in which they are shown."""
        return [row.label for row in self.model.rows]

    def set_labels(self, names: Sequence[str], chosen: str | None) -> None:
        """Offer Labels layers and a new one."""
        names = [NEW_LAYER, *names]
        self.labels.offer([(name, name) for name in names], chosen or NEW_LAYER)

    def offer_classes(self, names: Mapping[int, str]) -> None:
        """Offer classes by number in the menu."""
        self._classes.clear()
        for key, name in ((0, NO_CLASS), *names.items()):
            action: Any = self._classes.addAction(name)
            action.triggered.connect(lambda _, key=key: self.classified.emit(self.chosen, key))
        self._classes.addSeparator()
        new: Any = self._classes.addAction(NEW_CLASS)
        new.triggered.connect(lambda _: self.class_wanted.emit(self.chosen))

    def set_rows(self, rows: Sequence[ObjectRow]) -> None:
        """Show other objects; what is chosen stays so, and so does the place in the list."""
        chosen, bar = self.chosen, cast(QScrollBar, self.table.verticalScrollBar())
        place = bar.value()
        with QSignalBlocker(self._selection):
            if not self.model.set_rows(rows):
                return
        self.table.setColumnHidden(CLASS_COLUMN, not any(row.category for row in rows))
        self.choose(chosen)
        bar.setValue(place)
        self._enable()

    def choose(self, labels: Sequence[int]) -> None:
        """Choose the rows of these ids, without going there."""
        wanted, rows = set(labels), QItemSelection()
        places = (n for n, label in enumerate(self.shown_labels) if label in wanted)
        # Neighbours as one range: Qt compares every range with every other.
        for _, run in groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
            neighbours = [place for _, place in run]
            rows.select(self.model.index(neighbours[0], 0), self.model.index(neighbours[-1], 0))
        flags = QItemSelectionModel.SelectionFlag
        self._selection.select(rows, flags.ClearAndSelect | flags.Rows)

    def _made_table(self) -> ObjectsTable:
        table = ObjectsTable(self)
        table.setModel(self.model)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setWordWrap(False)
        rows, header = (
            cast(QHeaderView, found) for found in (table.verticalHeader(), table.horizontalHeader())
        )
        rows.hide()
        rows.setDefaultSectionSize(ROW)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(CLASS_COLUMN, QHeaderView.ResizeMode.Stretch)
        header.setStretchLastSection(True)
        table.setColumnHidden(CLASS_COLUMN, True)
        bold = table.font()
        bold.setBold(True)  # as the object that is being edited
        text = QFontMetrics(bold)
        for column, widest in enumerate(WIDEST):
            if column != CLASS_COLUMN:
                table.setColumnWidth(column, text.horizontalAdvance(widest) + PADDING)
        table.setMinimumHeight(4 * ROW)
        table.clicked.connect(lambda index: self.shown.emit(self._label(index)))
        table.doubleClicked.connect(lambda index: self.edited.emit(self._label(index)))
        table.delete_wanted.connect(lambda: self.chosen and self.deleted.emit(self.chosen))
        return table

    def _made_buttons(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(3)
        for place, (text, act, tip) in enumerate(
            (
                ("Edit", self._edit, "Correct the object with clicks (double-click)"),
                ("Delete", self._teller(self.deleted), "Delete the chosen objects (Delete)"),
                (MERGE, self._teller(self.merged), "Make one object of the chosen ones"),
                ("Reviewed", self._teller(self.reviewed), "Mark as reviewed, or take that back"),
                (CLASS_BUTTON, None, "Give the chosen objects a class"),
                ("Export…", self.export_wanted.emit, "Save the objects for other programs"),
            )
        ):
            button = self.buttons[text] = QPushButton(text, self)
            button.setToolTip(tip)
            if act is None:
                button.setMenu(self._classes)
            else:
                button.clicked.connect(act)
            grid.addWidget(button, place // 3, place % 3)
        return grid

    def _label(self, index: QModelIndex) -> int:
        return self.model.rows[index.row()].label

    def _edit(self, *_: object) -> None:
        if self.chosen:
            self.edited.emit(self.chosen[0])

    def _teller(self, signal: Any) -> Any:
        return lambda *_: signal.emit(self.chosen)

    def _on_row(self, index: QModelIndex, _before: QModelIndex) -> None:
        """Go to the object that the arrow keys reach; the mouse is told of as a click."""
        if index.isValid() and self.table.hasFocus():
            self.shown.emit(self._label(index))

    def _on_selection(self, *_: object) -> None:
        self._enable()
        if not self.chosen:
            self.unchosen.emit()

    def _enable(self) -> None:
        count = len(self.chosen)
        for text, button in self.buttons.items():
            button.setEnabled(count > (1 if text == MERGE else 0))
        self.buttons["Export…"].setEnabled(bool(self.model.rows))
