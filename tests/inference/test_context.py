"""What is done already helps where the network runs into it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import ClickReplay, Prediction, context
from napari_iafpn.inference.context import neighbours
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.prompts.deepest import deepest

SHAPE = (40, 100)


@dataclass
class Halves:
    """Draws rows 10 to 30, from column 0 or behind the last negative click to ``stop``."""

    stop: int
    asked: list[Prompts] = field(default_factory=list)

    def predict(self, plane, clicks: Iterable[Click], previous=None, *, view=None) -> Prediction:
        clicks = Prompts.of(clicks)
        self.asked.append(clicks)
        start = max((int(c.col) + 15 for c in clicks if not c.positive), default=0)
        probability = np.zeros(SHAPE, np.float32)
        probability[10:30, start : self.stop] = 0.9
        return Prediction.from_array(probability, SHAPE, view)


def labels(*columns: tuple[int, int]) -> np.ndarray:
    made = np.zeros(SHAPE, np.uint16)
    for number, (left, right) in enumerate(columns, 7):
        made[10:30, left:right] = number
    return made


def around(made: np.ndarray, first: Click, side: float = 20) -> Prompts:
    asked = []

    def read(box: Box) -> np.ndarray:
        asked.append(box)
        return made[box.slices]

    found = neighbours(first, side, SHAPE, read)
    assert all(box.height <= 3 * side + 3 for box in asked), "only what is near is read"
    return found


DONE = labels((0, 30))
FIRST = Click(20, 40)


def replayed(predictor: Halves, clicks: Prompts, *, done: np.ndarray = DONE) -> Prediction:
    replay = ClickReplay(
        predictor, np.zeros(SHAPE, np.uint8), neighbours=around(done, clicks.clicks[0])
    )
    return replay.predict(clicks)


def test_neighbours_are_shown_where_the_network_runs_into_them() -> None:
    predictor = Halves(60)
    found = replayed(predictor, Prompts.of([FIRST]))
    alone, among = predictor.asked
    assert alone == Prompts.of([FIRST])
    hidden, own = among
    assert not hidden.positive
    assert DONE[hidden.pixel]
    assert own == FIRST
    assert not found.covers(hidden)
    assert found.covers(FIRST)


def test_no_neighbour_is_shown_where_it_does_not() -> None:
    predictor = Halves(45)
    replayed(predictor, Prompts.of([FIRST]), done=labels((50, 70)))
    assert len(predictor.asked) == 1


def test_the_next_click_is_seen_among_them_too() -> None:
    predictor = Halves(60)
    clicks = Prompts.of([FIRST, Click(20, 45)])
    replayed(predictor, clicks)
    assert [len(asked) for asked in predictor.asked] == [1, 2, 2, 3]


def test_an_object_under_the_first_click_is_no_neighbour() -> None:
    assert not around(DONE, Click(20, 10))


def test_without_objects_there_is_no_kind() -> None:
    assert not around(DONE, FIRST, side=0)


def test_at_most_the_nearest_four() -> None:
    made = labels(*((left, left + 6) for left in range(0, 90, 10)))
    shown = around(made, Click(20, 48)).clicks
    columns = [click.col for click in shown]
    assert columns == sorted(columns, key=lambda col: -abs(col - 48))
    assert len(shown) == 4
    assert max(abs(col - 48) for col in columns) <= 1.5 * 20


def test_at_the_rim_of_the_plane() -> None:
    assert [click.col for click in around(labels((80, 90)), Click(11, 99))] == [84]
    assert not around(labels((80, 90)), Click(0, 0))


def test_a_neighbour_out_of_view_is_not_shown() -> None:
    """Nor does it stand in the way: the user has not clicked there."""
    predictor = Halves(60)
    done = labels((0, 30), (90, 100))
    there = around(done, FIRST, side=60)
    assert len(there) == 2
    replay = ClickReplay(
        predictor, np.zeros(SHAPE, np.uint8), view=Box(0, 40, 0, 70), neighbours=there
    )
    replay.predict(Prompts.of([FIRST]))
    assert [len(asked) for asked in predictor.asked] == [1, 2]


def test_large_objects_are_seen_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same neighbours in the same order, each under its click, and little to compute."""
    side, shape = 300.0, (1400, 1500)
    made = np.zeros(shape, np.uint16)
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    for number, (row, col) in enumerate([(340, 450), (700, 1090), (1040, 440), (700, 300)], 7):
        made[(rows - row) ** 2 + (cols - col) ** 2 < 150**2] = number
    made[480:960, 840:845] = 20
    first = Click(701, 737)
    found = neighbours(first, side, shape, lambda box: made[box.slices])
    with monkeypatch.context() as patch:
        patch.setattr(context, "PIXELS", 10**9)
        every = neighbours(first, side, shape, lambda box: made[box.slices])
    assert len(every) == 4
    ids = [[made[click.pixel] for click in clicks] for clicks in (found, every)]
    assert ids[0] == ids[1]
    assert 20 in ids[0]

    def small(regions: np.ndarray) -> tuple[int, int, int] | None:
        assert regions.size <= 128**2
        return deepest(regions)

    monkeypatch.setattr(context, "deepest", small)
    assert neighbours(first, side, shape, lambda box: made[box.slices]) == found
