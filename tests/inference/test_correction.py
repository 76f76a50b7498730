"""Correcting a mask of another tool."""

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.inference.correction import (
    OutlineShift,
    merged,
    surroundings,
    with_interior_click,
)
from napari_iafpn.prompts import BoxPrompt, Click, Prompts, Stroke

SHAPE = (60, 80)


def prediction(*boxes):
    mask = np.zeros(SHAPE, bool)
    for box in boxes:
        mask[box.slices] = True
    return Prediction.from_array(mask, SHAPE)


LEFT, RIGHT = Box(10, 31, 10, 31), Box(10, 31, 40, 55)


def test_the_network_gets_a_click_deep_inside_first():
    click = Click(5, 5)
    assert with_interior_click(prediction(LEFT), Prompts.of([click])).clicks == (
        Click(20, 20),
        click,
    )
    # The middle of the larger square is wrong, says the user.
    wrong = Click(20, 20, False)
    first, second = with_interior_click(prediction(LEFT, RIGHT), Prompts.of([wrong]))
    assert second == wrong
    assert first.positive
    assert RIGHT.contains(first)


def test_without_a_place_for_it_the_clicks_stay_alone():
    clicks = Prompts.of([Click(20, 20, False)])
    assert with_interior_click(prediction(Box(19, 22, 19, 22)), clicks) == clicks


@pytest.mark.parametrize("click", [Click(12, 12, False), Click(45, 70)])
def test_a_piece_at_the_click_is_taken_over_and_no_other(click):
    start = prediction(LEFT, RIGHT)
    found = prediction(RIGHT.shifted(2, 0), Box(40, 50, 60, 75))
    result = merged(start, found, click).mask()
    expected = start.mask()
    if click.positive:
        expected[40:50, 60:75] = True
    else:
        expected[LEFT.slices] = False
    np.testing.assert_array_equal(result, expected)


def test_a_click_that_the_network_does_not_follow_changes_nothing():
    start, found = prediction(LEFT), prediction(RIGHT)
    for click in (Click(50, 5), Click(58, 79)):
        np.testing.assert_array_equal(merged(start, found, click).mask(), start.mask())


def test_a_click_on_what_is_right_already_asks_for_all():
    start, found = prediction(LEFT), prediction(Box(12, 31, 10, 31), RIGHT)
    np.testing.assert_array_equal(merged(start, found, Click(20, 20)).mask(), found.mask())


@pytest.mark.parametrize("grows", [True, False])
def test_a_click_beside_the_outline_moves_all_of_it(grows):
    small, large = prediction(Box(10, 51, 10, 51)), prediction(Box(7, 54, 7, 54))
    start, truth = (small, large) if grows else (large, small)
    rim = OutlineShift.of(
        start, Click(8, 20, grows)
    )  # in the middle of three pixels too few or too many
    result = rim.taken_over(start, truth).mask()
    assert (result != truth.mask()).sum() <= 4 * 5  # it grows round corners
    np.testing.assert_array_equal(result[7:54, 20], truth.mask()[7:54, 20])


def test_an_outline_stays_where_the_click_or_the_network_means_less():
    start = prediction(LEFT)
    beside = Click(9, 20)
    assert (
        OutlineShift.of(start, beside).taken_over(start, prediction(Box(9, 32, 9, 32))) is not None
    )
    bump = prediction(LEFT, Box(8, 10, 18, 23))
    assert OutlineShift.of(start, beside).taken_over(start, bump) is None
    assert OutlineShift.of(start, Click(5, 20)) is None  # far away
    assert OutlineShift.of(start, Click(20, 20)) is None  # right already
    assert OutlineShift.of(start, Click(-1, 20)) is None


def test_the_network_looks_at_the_surroundings():
    assert surroundings(Box(200, 300, 300, 350), (600, 800)) == Box(100, 400, 175, 475)


def test_a_stroke_takes_over_every_piece_that_it_touches_and_a_box_all():
    start, third = prediction(LEFT, RIGHT), Box(40, 50, 60, 75)
    found = prediction(RIGHT, third, Box(52, 58, 5, 9))
    across = Stroke(((20, 15), (20, 28)), positive=False)
    expected = start.mask()
    expected[LEFT.slices] = False
    np.testing.assert_array_equal(merged(start, found, across).mask(), expected)
    over = Stroke(((45, 62), (47, 70)))
    expected = start.mask()
    expected[third.slices] = True
    np.testing.assert_array_equal(merged(start, found, over).mask(), expected)
    right_already = Stroke(((20, 42), (20, 50)))
    np.testing.assert_array_equal(merged(start, found, right_already).mask(), found.mask())
    not_followed = Stroke(((5, 60), (5, 70)))
    np.testing.assert_array_equal(merged(start, found, not_followed).mask(), start.mask())
    drawn = BoxPrompt(Box(8, 55, 8, 78))
    np.testing.assert_array_equal(merged(start, found, drawn).mask(), found.mask())
