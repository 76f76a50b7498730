"""The simulated user of training."""

import numpy as np
import pytest
import torch

from napari_iafpn.prompts import Click
from napari_iafpn.training.clicking import (
    add_click,
    aimed_click,
    initial_clicks,
    neighbour_clicks,
    next_click,
)
from napari_iafpn.training.settings import ClickConfig
from napari_iafpn.training.views import View

NONE = np.zeros((64, 64), bool)
NOBODY = np.zeros((64, 64), np.int32)


def view_of(target, others=NOBODY, ignore=NONE, parts=()):
    return View(torch.zeros(3, 64, 64, dtype=torch.uint8), target, others, ignore, parts)


@pytest.fixture
def square():
    mask = NONE.copy()
    mask[20:44, 10:40] = True
    return mask


def test_initial_clicks_keep_their_sides(square, rng):
    others = NOBODY.copy()
    others[50:60, 50:60] = 5
    for _ in range(50):
        clicks = initial_clicks(view_of(square, others), ClickConfig(), rng)
        assert clicks[0].positive
        for click in clicks:
            assert square[click.pixel] == click.positive


def test_an_empty_target_gets_negative_clicks_only(rng):
    for _ in range(20):
        clicks = initial_clicks(view_of(NONE), ClickConfig(), rng)
        assert not any(click.positive for click in clicks)


def test_the_number_of_first_clicks_follows_the_decay(square, rng):
    counts = [
        sum(c.positive for c in initial_clicks(view_of(square), ClickConfig(), rng))
        for _ in range(2000)
    ]
    assert np.mean(np.equal(counts, 1)) == pytest.approx(0.2, abs=0.04)
    assert np.mean(np.equal(counts, 2)) == pytest.approx(0.16, abs=0.04)


def test_the_next_click_lies_deep_in_the_larger_error(square, rng):
    missed_part = square.astype(float)
    missed_part[20:44, 10:25] = 0.0
    missed_part[2:6, 50:54] = 1.0
    for _ in range(20):
        click = next_click(missed_part, square, NONE, rng)
        assert click.positive
        assert 23 <= click.row <= 40
        assert 12 <= click.col <= 22


def test_the_next_click_on_a_false_region_is_negative(square, rng):
    extra = square.astype(float)
    extra[20:44, 45:60] = 1.0
    assert not next_click(extra, square, NONE, rng).positive
    ignored = NONE.copy()
    ignored[20:44, 45:60] = True
    assert next_click(extra, square, ignored, rng) is None


def test_a_thin_large_error_is_still_found(rng):
    target = np.zeros((400, 400), bool)
    target[3, :] = True
    click = next_click(np.zeros((400, 400)), target, np.zeros_like(target), rng)
    assert click.positive
    assert click.row == 3


def test_each_of_two_merged_objects_gets_a_click_first(square, rng):
    small = NONE.copy()
    small[50:56, 50:56] = True
    for _ in range(30):
        view = view_of(square | small, parts=(square, small))
        clicks = [c for c in initial_clicks(view, ClickConfig(), rng) if c.positive]
        assert square[clicks[0].pixel]
        assert small[clicks[1].pixel]
        assert 2 <= len(clicks) <= 24


def test_an_object_behind_the_border_keeps_clicks_at_the_border(rng):
    """The view cuts the object off; eroding it there would forbid its visible half."""
    strip = NONE.copy()
    strip[:4] = True
    rows = [
        click.row
        for _ in range(200)
        for click in initial_clicks(view_of(strip), ClickConfig(erode=1.0), rng)
        if click.positive
    ]
    assert max(rows) == 0


def test_negative_clicks_follow_their_shares(square, rng):
    """A tenth background, four tenths other objects, half a ring of a tenth of its size."""
    others = NONE.copy()
    others[56:, :] = True
    where = {"others": 0, "ring": 0, "elsewhere": 0}
    for _ in range(1500):
        for click in initial_clicks(view_of(square, others), ClickConfig(), rng):
            row, col = click.pixel
            if click.positive:
                continue
            ring = 17 <= row < 47 and 7 <= col < 43  # ceil(0.1 sqrt(720)) = 3
            where["others" if others[row, col] else "ring" if ring else "elsewhere"] += 1
    total = sum(where.values())
    assert where["ring"] / total == pytest.approx(0.5 + 0.1 * 0.11, abs=0.03)
    assert where["others"] / total == pytest.approx(0.4 + 0.1 * 0.15, abs=0.03)


def test_added_clicks_fill_the_slots_from_the_back():
    """They replace an initial click only where the slots of their sign are full."""
    initial = [Click(i, 0, True) for i in range(24)] + [Click(0, i, False) for i in range(3)]
    clicks = list(initial)
    add_click(clicks, Click(60, 60, True), initial, slot=23)
    add_click(clicks, Click(61, 61, False), initial, slot=22)
    add_click(clicks, Click(62, 62, True), initial, slot=21)
    assert clicks[23] == Click(60, 60, True)
    assert clicks[21] == Click(62, 62, True)
    assert clicks[22] == initial[22]
    assert clicks[27:] == [Click(61, 61, False)]


def test_more_rounds_than_slots_replace_no_other_click():
    initial = [Click(1, 1, True), Click(2, 2, True)]
    clicks = list(initial)
    for turn in range(4):
        for positive in (True, False):
            add_click(clicks, Click(turn, 60, positive), initial, slot=2 - 1 - turn)
    assert clicks[:2] == [Click(1, 60, True), Click(0, 60, True)]
    assert [click.row for click in clicks if click.positive] == [1, 0, 2, 3]
    assert [click.row for click in clicks if not click.positive] == [0, 1, 2, 3]


def test_two_merged_objects_get_a_click_each_where_there_is_one_slot(square, rng):
    other = NONE.copy()
    other[50:60, 50:60] = True
    view = view_of(square | other, parts=(square, other))
    clicks = initial_clicks(view, ClickConfig(max_initial=1), rng)
    positive = [click for click in clicks if click.positive]
    assert [square[click.pixel] for click in positive] == [True, False]


def test_a_user_who_aims_clicks_near_the_middle(rng):
    """The square's middle is 10 deep, and one row from its border is 1."""
    target = np.zeros((40, 40), bool)
    target[10:30, 10:30] = True
    nothing, none = np.zeros(target.shape), np.zeros_like(target)
    clicks = [aimed_click(nothing, target, none, rng, 0.15) for _ in range(50)]
    assert all(18 <= click.row <= 21 and 18 <= click.col <= 21 for click in clicks)
    assert aimed_click(nothing, target, none, rng, 0.0) == Click(19, 19)
    anywhere = [next_click(nothing, target, none, rng) for _ in range(50)]
    assert any(click.row < 18 or click.row > 21 for click in anywhere)


def test_who_aims_clicks_the_deepest_error_however_many_specks_there_are(rng):
    """Specks far apart were once measured on a grid so coarse that one was as deep as a hole."""
    target = np.zeros((1024, 1024), bool)
    target[300:700, 300:700] = True
    drawn = target.astype(float)
    drawn[400:407, 400:407] = 0.0
    for row, col in ((10, 10), (1000, 1010), (20, 990), (990, 15)):
        drawn[row : row + 2, col : col + 2] = 1.0
    none = np.zeros_like(target)
    for _ in range(20):
        click = aimed_click(drawn, target, none, rng, 0.5)
        assert click.positive
        assert 401 <= click.row <= 405
        assert 401 <= click.col <= 405
    assert aimed_click(target.astype(float), target, none, rng, 0.5) is None


def test_neighbours_are_told_by_a_click_deep_in_each_of_the_nearest(rng):
    target, others = NONE.copy(), NOBODY.copy()
    target[28:36, 28:36] = True
    for place, (row, col) in enumerate([(28, 38), (28, 18), (38, 28), (18, 28), (18, 18), (0, 56)]):
        others[row : row + 8, col : col + 8] = 300 + place
    clicks = neighbour_clicks(view_of(target, others), rng)
    assert {int(others[click.pixel]) for click in clicks} == {300, 301, 302, 303}
    assert not any(click.positive for click in clicks)
    assert neighbour_clicks(view_of(target), rng) == []
    assert neighbour_clicks(view_of(NONE, others), rng) == []
    others[others < 305] = 0  # the last one is too far away
    assert neighbour_clicks(view_of(target, others), rng) == []
