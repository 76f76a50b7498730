"""Masks, runs and changes of pixels; steps are done whole or not at all."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask, RunLengths, difference, union
from napari_iafpn.prompts import Click
from napari_iafpn.sessions import (
    Document,
    HandEdits,
    LabelsChange,
    PixelChange,
    PlaneKey,
    Step,
)
from napari_iafpn.sessions.actions import divided
from napari_iafpn.sessions.pixels import painted, repainted, replaced
from napari_iafpn.sessions.reading import ArrayLabels

PLANE = PlaneKey("image", (0, 1))
MASKS = hnp.arrays(bool, (7, 9))
IDS = hnp.arrays(np.int32, (7, 9), elements=st.integers(0, 3))


def dense(boxed):
    return np.zeros((7, 9), bool) if boxed is None else boxed.within(Box(0, 7, 0, 9))


@given(MASKS, MASKS)
def test_boxed_masks_are_sets_of_pixels(a, b):
    first, second = BoxedMask.of(a), BoxedMask.of(b)
    assert np.array_equal(dense(first), a)
    assert (first == second) == np.array_equal(a, b)
    assert np.array_equal(dense(union(first, second)), a | b)
    assert np.array_equal(dense(difference(first, second)), a & ~b)
    if first is not None:
        assert first.area == a.sum()
        assert hash(first) == hash(BoxedMask.of(a))


@given(st.lists(st.tuples(MASKS, st.booleans()), max_size=6))
def test_hand_edits_remember_the_last_stroke_on_each_pixel(strokes):
    hand, expected = HandEdits(), np.zeros((7, 9), int)
    for mask, erases in strokes:
        hand = (hand.erase if erases else hand.draw)(BoxedMask.of(mask))
        expected[mask] = -1 if erases else 1
    assert np.array_equal(dense(hand.drawn), expected == 1)
    assert np.array_equal(dense(hand.erased), expected == -1)


@given(hnp.arrays(st.sampled_from([np.uint8, np.int64, bool]), hnp.array_shapes(max_dims=3)))
def test_runs_are_exact_also_as_json(array):
    runs = RunLengths.of(array)
    assert np.array_equal(runs.array, array)
    again = RunLengths.from_json(json.loads(json.dumps(runs.to_json())), array.shape, array.dtype)
    assert np.array_equal(again.array, array)
    assert again.array.dtype == array.dtype


def test_runs_that_do_not_fill_their_shape():
    with pytest.raises(ValueError, match="have 3 pixels"):
        RunLengths.from_json([1, 3], (2, 2), np.uint8)


@given(IDS, MASKS, st.sampled_from(["keep", "overwrite"]))
def test_painting_is_taken_back_exactly(data, mask, policy):
    before = data.copy()
    boxed = BoxedMask.of(mask)
    change = None if boxed is None else painted(data, PLANE, boxed, 9, policy)
    free = mask if policy == "overwrite" else mask & (before == 0)
    if change is None:
        assert not free.any()
        return
    change.apply(data)
    assert np.array_equal(data == 9, free)
    change.apply(data)
    assert np.array_equal(data[~free], before[~free])
    change.revert(data)
    assert np.array_equal(data, before)


@given(IDS, st.integers(0, 6), st.integers(0, 8))
def test_what_others_wrote_since_stays(data, row, col):
    whole = (slice(0, 7), slice(0, 9))
    change = replaced(data, whole, 1, 0)
    if change is not None:
        expected = data.copy()
        change.apply(data)
        data[row, col] = 77
        change.revert(data)
        expected[row, col] = 77
        assert np.array_equal(data, expected)


class Stubborn(ArrayLabels):
    """Refuses to be written."""

    def apply(self, changes):
        raise ValueError("read-only")

    revert = apply


def test_a_step_on_two_labels_is_done_on_both_or_none():
    good, bad = ArrayLabels(np.zeros((7, 9), np.int32)), Stubborn(np.zeros((7, 9), np.int32))
    told = []
    document = Document({"good": good, "bad": bad}.__getitem__, lambda *what: told.append(what))
    region = (slice(0, 2), slice(0, 2))
    change = PixelChange.of(region, np.zeros((2, 2), np.int32), np.ones((2, 2), np.int32))
    step = Step(
        "both", PLANE, labels=(LabelsChange("good", (change,)), LabelsChange("bad", (change,)))
    )
    with pytest.raises(ValueError, match="read-only"):
        document.do(step)
    assert not good.data.any()
    assert document.last_done is None
    assert not told


def test_dividing_gives_every_pixel_to_one_click():
    mask = np.zeros((20, 40), bool)
    mask[5:15, 3:15], mask[5:15, 22:36], mask[9:11, 15:22] = True, True, True
    mask[0, 0] = True  # a piece without a click
    boxed = BoxedMask.of(mask)
    parts = divided(boxed, [Click(10, 8), Click(10, 30), Click(10, 31)])
    assert np.array_equal(parts > 0, boxed.mask)
    assert set(np.unique(parts)) == {0, 1, 2, 3}
    assert parts[10, 8] == 1
    assert parts[0, 0] == 1
    assert (parts[:, :15][boxed.mask[:, :15]] == 1).all()


class Watched:
    """Labels that note which parts of them are read."""

    def __init__(self, data):
        self.data, self.shape, self.read = data, data.shape, []

    def __getitem__(self, region):
        self.read.append(region)
        return self.data[region]


def test_a_mask_takes_the_place_of_the_old_one_and_no_more_is_read_than_that():
    data = np.zeros((2, 50, 60), np.int32)
    data[1, 10:20, 10:20], data[1, 10:20, 24:30] = 7, 3
    plane, mask = PlaneKey("image", (1, 2), (1,)), np.ones((10, 15), bool)
    watched = Watched(data)
    old = (slice(1, 2), slice(10, 20), slice(10, 20))
    change = repainted(watched, plane, BoxedMask.of(mask, (12, 12)), 7, region=old)
    change.apply(data)
    expected = np.zeros((50, 60), np.int32)
    expected[12:22, 12:27], expected[10:20, 24:30] = 7, 3
    np.testing.assert_array_equal(data[1], expected)
    assert not data[0].any()
    assert watched.read == [old, (slice(1, 2), slice(10, 22), slice(10, 27))]
