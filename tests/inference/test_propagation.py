"""An object followed from plane to plane, by a stand-in whose answers are known and a network."""

import numpy as np
import pytest
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Cancelled, Prediction, Predictor
from napari_iafpn.inference.propagation import (
    GONE,
    JUMPED,
    UNSURE,
    Seeding,
    confidence,
    derived_clicks,
    propagate,
)

SHAPE = (90, 120)


def disk(row, col, radius=9):
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


class SeesTheBright:
    """Finds the bright parts that the positive clicks are on, without those of the negative."""

    def __init__(self, probability=0.9):
        self.probability, self.asked = probability, []

    def predict(self, plane, clicks, previous=None, *, view=None):
        self.asked.append((clicks, previous, view))
        parts, _ = ndimage.label(plane.read(Box.whole(plane.shape), plane.shape)[0] > 0.5)
        wanted = {parts[c.pixel] for c in clicks.positives} - {0}
        wanted -= {parts[c.pixel] for c in clicks.negatives}
        mask = np.isin(parts, list(wanted))
        return Prediction.from_array(mask * np.float32(self.probability), plane.shape)


class BelievesThePreviousMask:
    """Repeats the previous mask whatever the pixels say; sees nothing without one."""

    def predict(self, plane, clicks, previous=None, *, view=None, expected_size=None):
        if previous is None:
            return Prediction.nothing(plane.shape)
        return Prediction.from_array(0.9 * previous.mask().astype(np.float32), plane.shape)


def moving(count=12, step=4):
    """A disk that moves to the right, and another one that stays."""
    return np.stack([disk(40, 30 + step * z) | disk(75, 15, 6) for z in range(count)])


def follow(stack, start, indices, predictor=None, **options):
    predictor = predictor or SeesTheBright()
    seed = Prediction.from_array(start, start.shape)
    planes = [Plane(plane, limits=(0, 1)) for plane in stack]
    return list(propagate(predictor, planes.__getitem__, seed, indices, **options))


@pytest.mark.parametrize(("first", "indices"), [(0, range(1, 12)), (11, range(10, -1, -1))])
def test_a_moving_disk_is_followed_in_both_directions(first, indices):
    visited = follow(moving(), disk(40, 30 + 4 * first), indices)
    assert [reached.index for reached in visited] == list(indices)
    for reached in visited:
        assert np.array_equal(reached.prediction.mask(), disk(40, 30 + 4 * reached.index))
        assert not reached.doubt
        assert reached.confidence == pytest.approx(0.8)


def test_it_ends_where_the_object_vanishes():
    stack = moving()
    stack[7:] = False
    visited = follow(stack, disk(40, 30), range(1, 12))
    assert [(reached.index, reached.doubt) for reached in visited[-2:]] == [(6, ""), (7, GONE)]


def test_it_ends_where_the_object_is_not_sure():
    unsure = SeesTheBright(0.6)
    (only,) = follow(moving(), disk(40, 30), range(1, 12), unsure)
    assert only.doubt == UNSURE
    assert only.confidence == pytest.approx(0.2)


def test_it_ends_where_the_object_is_less_sure_than_it_was():
    class Fading(SeesTheBright):
        def predict(self, *given, **options):
            self.probability -= 0.03
            return super().predict(*given, **options)

    visited = follow(moving(), disk(40, 30), range(1, 12), Fading(0.93))
    # From 0.8 on the first plane, 0.64 is what is enough.
    assert [reached.doubt for reached in visited] == [""] * 3 + [UNSURE]


def test_it_ends_where_the_object_changes_too_much():
    stack = moving()
    stack[4] |= disk(40, 55, 22)
    everything = Seeding(negatives=0, least_fit=0)
    visited = follow(stack, disk(40, 30), range(1, 12), seeding=everything)
    assert [reached.doubt for reached in visited] == ["", "", "", JUMPED]


def test_planes_are_opened_when_they_are_reached():
    opened, stack = [], moving()

    def open_plane(index):
        opened.append(index)
        return Plane(stack[index])

    seed = Prediction.from_array(disk(40, 30), SHAPE)
    visited = propagate(SeesTheBright(), open_plane, seed, range(1, 12))
    assert not opened
    next(visited)
    next(visited)
    assert opened == [0, 1, 2], "the object's own plane first"


def test_it_can_be_cancelled_between_planes():
    answers = iter([False, False, True])
    seed = Prediction.from_array(disk(40, 30), SHAPE)
    visited = propagate(
        SeesTheBright(),
        lambda index: Plane(moving()[index]),
        seed,
        range(1, 12),
        cancelled=lambda: next(answers),
    )
    assert [next(visited).index, next(visited).index] == [1, 2]
    with pytest.raises(Cancelled):
        next(visited)


def test_an_empty_mask_is_no_start():
    with pytest.raises(ValueError, match="no mask to start from"):
        follow(moving(), np.zeros(SHAPE, bool), range(1, 3))


def test_each_plane_starts_from_its_neighbours_mask_moved_to_where_the_object_went():
    predictor = SeesTheBright()
    follow(moving(), disk(40, 30), range(1, 4), predictor)
    assert len(predictor.asked) == 3, "one prediction for a plane that is beyond doubt"
    for place, (clicks, previous, view) in enumerate(predictor.asked, 1):
        there = disk(40, 30 + 4 * place)
        assert (previous.mask() & there).sum() > 0.95 * (previous.mask() | there).sum()
        assert np.hypot(clicks[0].row - 40, clicks[0].col - 30 - 4 * place) <= 1
        assert all(there[c.pixel] for c in clicks.positives)
        assert clicks.negatives
        assert not any(there[c.pixel] for c in clicks.negatives)
        assert all(view.contains(c) for c in clicks)


def test_the_network_looks_at_a_few_times_the_object():
    large = np.zeros((600, 800), bool)
    large[200:300, 500:550] = True
    predictor = SeesTheBright()
    follow(np.stack([large] * 2), large, [1], predictor)
    (_, _, view), side = predictor.asked[0], 300
    assert view == Box(250 - side // 2, 250 + side // 2, 525 - side // 2, 525 + side // 2)


def test_a_long_object_gets_several_positive_clicks():
    bar = np.zeros(SHAPE, bool)
    bar[40:50, 10:110] = True
    seed = Prediction.from_array(bar, SHAPE)
    clicks = derived_clicks(seed, Box.whole(SHAPE), Seeding(positives=3))
    assert len(clicks.positives) == 3
    cols = sorted(click.col for click in clicks.positives)
    assert min(np.diff(cols)) >= 8


def test_an_object_that_fills_the_plane_gets_no_negative_clicks():
    seed = Prediction.from_array(np.ones(SHAPE, bool), SHAPE)
    clicks = derived_clicks(seed, Box.whole(SHAPE), Seeding())
    assert len(clicks.positives) >= 1
    assert not clicks.negatives


def test_confidence_is_that_of_the_mask():
    values = np.zeros((4, 4), np.float32)
    values[0] = 0.9, 0.7, 0.4, 0.1
    found = Prediction.from_array(values, (4, 4))
    assert confidence(found) == pytest.approx((0.8 + 0.4) / 2)
    assert confidence(found, 0.95) == 0


def test_a_network_follows_the_same_way_twice(tiny_cascade, disk_image):
    image, truth = disk_image
    stack = np.stack([np.roll(image, 3 * z, axis=1) for z in range(4)])
    never = Seeding(least_confidence=0, least_share=0, least_overlap=0, least_fit=-1)
    runs = [
        follow(stack, truth, range(1, 4), Predictor(tiny_cascade, "cpu"), seeding=never)
        for _ in range(2)
    ]
    assert len(runs[0]) == len(runs[1]) >= 1
    for one, other in zip(*runs, strict=True):
        assert one.clicks == other.clicks
        assert np.array_equal(one.prediction.probability, other.prediction.probability)
