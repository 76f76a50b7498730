"""The table of objects: many rows cost no more than few."""

from dataclasses import replace

import pytest
from qtpy.QtCore import QItemSelectionModel, Qt

from napari_iafpn.plugin.annotate.objects_view import (
    COLUMNS,
    ObjectRow,
    ObjectsModel,
    ObjectsView,
)

COUNT = 1000
AREA, SURE = COLUMNS.index("Area"), COLUMNS.index("Sure")


@pytest.fixture
def rows():
    return [ObjectRow(label, "", label % 7, 1, 1.0, False) for label in range(1, COUNT + 1)]


@pytest.fixture
def view(qtbot, rows):
    view = ObjectsView()
    qtbot.addWidget(view)
    view.set_rows(rows)
    return view


def ranges(view):
    return [(part.top(), part.bottom()) for part in view.table.selectionModel().selection()]


def by_area(view, order=Qt.SortOrder.AscendingOrder):
    view.table.sortByColumn(AREA, order)


def test_neighbours_are_chosen_together(view):
    told = []
    view.table.selectionModel().selectionChanged.connect(lambda *_: told.append(view.chosen))
    view.choose([7, 3, 2, 4, 900])
    assert view.chosen == [2, 3, 4, 7, 900]
    assert ranges(view) == [(1, 3), (6, 6), (899, 899)]
    assert told == [[2, 3, 4, 7, 900]]


def test_what_is_chosen_stays_so_whatever_rows_come(view, rows):
    view.table.selectAll()
    view.set_rows([replace(row, reviewed=True) for row in rows])
    assert view.chosen == list(range(1, COUNT + 1))
    assert ranges(view) == [(0, COUNT - 1)]
    view.set_rows(rows[::2])
    assert view.chosen == [row.label for row in rows[::2]]
    view.set_rows(())
    assert view.chosen == []


def test_other_rows_are_sorted_without_asking_for_cells(view, rows, monkeypatch):
    asked = []
    data = ObjectsModel.data
    monkeypatch.setattr(
        ObjectsModel, "data", lambda self, *cell: (asked.append(cell), data(self, *cell))[1]
    )
    view.set_rows([replace(row, clicks=2) for row in rows])
    by_area(view)
    view.set_rows(rows)
    assert asked == []


def test_sorting_keeps_what_is_chosen_and_where_the_keys_are(view, rows):
    selection = view.table.selectionModel()
    view.choose([3, 10, 700])
    here = view.table.model().index(9, 0)  # object 10
    selection.setCurrentIndex(here, QItemSelectionModel.SelectionFlag.NoUpdate)
    ids = {row.label: row.area for row in rows}
    for order, sign in ((Qt.SortOrder.AscendingOrder, 1), (Qt.SortOrder.DescendingOrder, -1)):
        by_area(view, order)
        assert view.shown_labels == sorted(ids, key=lambda label: (sign * ids[label], label))
        assert sorted(view.chosen) == [3, 10, 700]
        assert view.model.rows[selection.currentIndex().row()].label == 10
    view.set_rows(rows[:20])
    assert view.shown_labels == sorted(range(1, 21), key=lambda label: (-ids[label], label))
    assert sorted(view.chosen) == [3, 10]


def test_what_is_not_known_comes_last(view):
    row = ObjectRow(1, "", 10, 1, 1.0, False)
    view.set_rows([row, replace(row, label=2, quality=0.9), replace(row, label=3, quality=0.2)])
    view.table.sortByColumn(SURE, Qt.SortOrder.AscendingOrder)
    assert view.shown_labels == [3, 2, 1]
