"""Correcting a mask of another tool."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.zoom import view_around
from napari_iafpn.inference import Prediction
from napari_iafpn.inference.correction import (
    MARGIN,
    RIM,
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


def shift_of_the_whole(start, click):
    """`OutlineShift.of` with distances of all pixels, as long as the mask has an outline."""
    box = view_around(start.roi.union(Box.pixel(*click.pixel)), MARGIN, start.shape)
    inside = start.probability_in(box) > 0.5
    place = click.pixel[0] - box.row_start, click.pixel[1] - box.col_start
    if bool(inside[place]) == click.positive or not (inside == click.positive).any():
        return None
    depth = ndimage.distance_transform_edt(np.pad(inside, 1)).max()
    distance = ndimage.distance_transform_edt(inside != click.positive)
    if distance[place] > max(1.0, RIM * depth):
        return None
    return box, (distance > 0) & (distance <= 2 * distance[place] - 1), click.positive


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.5, 9),
    st.integers(0, 59),
    st.integers(0, 79),
    st.booleans(),
)
def test_only_what_is_near_a_click_tells_whether_it_means_the_outline(
    seed, roughness, row, col, positive
):
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    mask = ndimage.gaussian_filter(noise, roughness, mode="constant") > 0
    start, click = Prediction.from_array(mask, SHAPE), Click(row, col, positive)
    found, expected = OutlineShift.of(start, click), shift_of_the_whole(start, click)
    assert (found is None) == (expected is None)
    if found is not None:
        assert (found.box, found.positive) == (expected[0], expected[2])
        np.testing.assert_array_equal(found.pixels, expected[1])


def test_a_click_far_from_the_outline_of_a_large_mask_measures_no_pixels(monkeypatch):
    mask = np.zeros((600, 600), bool)
    mask[100:500, 100:500] = True
    start = Prediction.from_array(mask, mask.shape)
    monkeypatch.delattr(ndimage, "distance_transform_edt")
    assert OutlineShift.of(start, Click(300, 300, False)) is None
    assert OutlineShift.of(start, Click(20, 300)) is None


def test_without_an_outline_none_moves():
    for start, click in (
        (prediction(), Click(0, 0)),
        (prediction(Box.whole(SHAPE)), Click(0, 0, False)),
    ):
        assert OutlineShift.of(start, click) is None


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
