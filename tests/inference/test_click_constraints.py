"""The pixel under a click is on the side that the click says."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Predictor
from napari_iafpn.inference.click_constraints import (
    MARGIN,
    REACH,
    distances_to_other_sign,
    enforce_clicks,
)
from napari_iafpn.inference.policy import Policy
from napari_iafpn.plugin.samples import load_image
from napari_iafpn.prompts import BoxPrompt, Click, Stroke

SHAPE = (40, 60)


def blob(shape=SHAPE, radius=12.3):
    """Logits of a disk in the middle, linear in the distance from its border."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(rows - shape[0] // 2, cols - shape[1] // 2)
    return (0.5 * (radius - distance)).astype(np.float32)


def test_logits_that_follow_all_clicks_stay_the_very_same():
    logits = blob()
    assert enforce_clicks(logits, [Click(20, 30), Click(2, 3, False)]) is logits
    assert enforce_clicks(logits, []) is logits


def test_a_missed_click_turns_its_pixel_and_those_as_unsure():
    logits = blob()
    found = enforce_clicks(logits, [Click(20, 30), Click(20, 43)])
    assert found[20, 43] == pytest.approx(MARGIN)
    turned = (found > 0) != (logits > 0)
    rows, cols = np.nonzero(turned)
    assert turned.sum() > 3
    assert np.hypot(rows - 20, cols - 43).max() < 8, "within two or three reaches"
    assert np.array_equal(found[:, :25], logits[:, :25]), "far away nothing changes"
    assert logits[20, 43] < 0, "the logits that were given stay"


def test_a_missed_negative_click_makes_a_hole_as_large_as_the_object_allows():
    logits = np.where(blob(radius=15) > 0, 0.3, -3).astype(np.float32)
    found = enforce_clicks(logits, [Click(20, 30, False)])
    assert found[20, 30] == pytest.approx(-MARGIN)
    hole = ((logits > 0) & (found <= 0)).sum()
    reach = REACH * np.sqrt((logits > 0).sum())
    # The bump of height 0.7 is above 0.3 within sqrt(2 ln(7 / 3)) standard deviations.
    assert hole == pytest.approx(np.pi * reach**2 * 2 * np.log(7 / 3), rel=0.15)


def test_a_bump_keeps_its_distance_from_clicks_of_the_other_sign():
    logits = np.full(SHAPE, -1.0, np.float32)
    logits[:, :40] = 1.0
    wide = enforce_clicks(logits, [Click(20, 50)])
    near = enforce_clicks(logits, [Click(20, 53, False), Click(20, 50)])
    assert (near > 0).sum() < (wide > 0).sum()
    assert near[20, 50] > 0 > near[20, 53]


def test_an_empty_mask_gets_the_pixel_that_was_clicked():
    found = enforce_clicks(np.full(SHAPE, -8.0, np.float32), [Click(0, 59)])
    assert (found > 0).sum() == 1
    assert found[0, 59] == pytest.approx(MARGIN)


@given(
    st.lists(
        st.builds(Click, st.integers(0, 39), st.integers(0, 59), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 2**32 - 1),
)
def test_of_clicks_on_a_pixel_the_newest_counts(clicks, seed):
    logits = np.random.default_rng(seed).normal(0, 3, SHAPE).astype(np.float32)
    found = enforce_clicks(logits, clicks)
    for pixel, positive in {click.pixel: click.positive for click in clicks}.items():
        assert (found[pixel] > 0) == positive
    assert np.isfinite(found).all()


def test_hundreds_of_missed_clicks_end_half_way_to_the_nearest_of_the_other_sign(rng):
    places = rng.choice(40 * 60, 400, replace=False)
    clicks = [Click(int(k // 60), int(k % 60), bool(k % 3)) for k in places]
    pixels = {sign: [c.pixel for c in clicks if c.positive == sign] for sign in (True, False)}
    marks = [(c.pixel, c.positive) for c in clicks]
    expected = [min(math.dist(c.pixel, p) for p in pixels[not c.positive]) for c in clicks]
    assert distances_to_other_sign(marks).tolist() == expected
    assert np.isinf(distances_to_other_sign([((1, 1), True), ((2, 2), True)])).all()
    logits = rng.normal(0, 3, SHAPE).astype(np.float32)
    found = enforce_clicks(logits, clicks)
    assert all((found[click.pixel] > 0) == click.positive for click in clicks)


@pytest.fixture(scope="module")
def predictor():
    return Predictor.load("default", "cpu")


def missed(predictor, image, seed):
    """Click closely, in and out by turns; return how many clicks the next mask contradicts."""
    rng = np.random.default_rng(seed)
    corner, clicks, previous, count = rng.integers(100, 380, 2), [], None, 0
    for place in range(10):
        row, col = corner + rng.integers(-15, 16, 2)
        clicks.append(Click(int(row), int(col), place % 2 == 0))
        previous = predictor.predict(image, clicks, previous)
        count += previous.mask()[clicks[-1].pixel] != clicks[-1].positive
    return count


@pytest.mark.parametrize(("name", "seed"), [("axons", 9), ("nuclei", 7)])
def test_every_click_on_a_sample_counts(predictor, monkeypatch, name, seed):
    image = load_image(name)
    assert missed(predictor, image, seed) == 0
    interaction = "napari_iafpn.inference.interaction.enforce_clicks"
    monkeypatch.setattr(interaction, lambda logits, clicks: logits)
    assert missed(predictor, image, seed) > 0, "the networks alone do not follow all"


def test_published_runs_take_the_network_at_its_word(predictor, monkeypatch):
    def never(logits, clicks):
        raise AssertionError("asked")

    monkeypatch.setattr("napari_iafpn.inference.interaction.enforce_clicks", never)
    image = load_image("nuclei")
    assert predictor.using(Policy(enforce_clicks=False)).predict(image, [Click(272, 487)])
    with pytest.raises(AssertionError, match="asked"):
        predictor.predict(image, [Click(272, 487)])


def held(found, stroke):
    return all((found[pixel] > 0) == stroke.positive for pixel in stroke.pixels)


def test_all_pixels_of_a_stroke_hold_where_they_lie_in_the_region(rng):
    logits = rng.normal(0, 3, SHAPE).astype(np.float32)
    on = Stroke(((5, 5), (20, 30), (12, 55)))
    found = enforce_clicks(logits, [BoxPrompt(Box(0, 40, 0, 60)), on])
    assert held(found, on)
    far = Stroke(((-20, 10), (90, 40)), positive=False)
    found = enforce_clicks(logits, [far])
    seen = [pixel for pixel in far.pixels if Box.whole(SHAPE).holds(*pixel)]
    assert seen
    assert all(found[pixel] < 0 for pixel in seen)


def test_of_strokes_that_cross_the_newest_counts_and_all_else_of_both_holds(rng):
    logits = rng.normal(0, 3, SHAPE).astype(np.float32)
    on, beside = Stroke(((20, 5), (20, 55))), Stroke(((5, 30), (35, 30)), positive=False)
    near = Stroke(((21, 5), (21, 20)), positive=False)
    for order in ([on, beside, near], [near, beside, on], [beside, Click(20, 30), on, near]):
        found = enforce_clicks(logits, order)
        wanted = {pixel: prompt.positive for prompt in order for pixel in prompt.pixels}
        assert all((found[pixel] > 0) == sign for pixel, sign in wanted.items())


def test_a_stroke_holds_in_the_masks_of_the_network(predictor):
    image = load_image("nuclei")
    across, beside = Stroke(((200, 200), (240, 330))), Stroke(((210, 180), (260, 260)), False)
    first = predictor.predict(image, [across])
    assert held(first.probability - 0.5, across)
    second = predictor.predict(image, [across, beside], first)
    wanted = {pixel: prompt.positive for prompt in (across, beside) for pixel in prompt.pixels}
    mask = second.mask()
    assert all(mask[pixel] == sign for pixel, sign in wanted.items())


def test_a_later_click_turns_no_earlier_one():
    logits = np.full(SHAPE, -3.0, np.float32)
    logits[20, 30], logits[20, 31] = 0.1, 5.0
    found = enforce_clicks(logits, [Click(20, 30), Click(20, 31, False)])
    assert found[20, 31] < 0 < found[20, 30]
