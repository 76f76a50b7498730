import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Cancelled, ClickReplay, Prediction, Predictor
from napari_iafpn.inference.correction import merged, surroundings, with_interior_click
from napari_iafpn.prompts import Click, Prompts

CLICKS = Prompts.of([Click(38, 52), Click(10, 8, False), Click(50, 60), Click(30, 40)])


class Counted(Predictor):
    """A predictor that notes the length of the click sequences it gets."""

    def __init__(self, cascade):
        super().__init__(cascade, "cpu")
        self.lengths, self.views = [], []

    def predict(self, plane, clicks, previous=None, **options):
        self.lengths.append(len(clicks))
        self.views.append(options["view"])
        return super().predict(plane, clicks, previous, **options)


@pytest.fixture
def predictor(tiny_cascade):
    return Counted(tiny_cascade)


def test_each_click_gets_the_mask_of_the_clicks_before(predictor, disk_image):
    image, _ = disk_image
    replayed = ClickReplay(predictor, image).predict(CLICKS.prefix(2))
    by_hand = Predictor.predict(predictor, image, CLICKS.prefix(1))
    by_hand = Predictor.predict(predictor, image, CLICKS.prefix(2), by_hand)
    np.testing.assert_array_equal(replayed.probability, by_hand.probability)


def test_only_changed_clicks_are_predicted_anew(predictor, disk_image):
    replay = ClickReplay(predictor, disk_image[0])
    earlier = replay.predict(CLICKS.prefix(3))
    replay.predict(CLICKS)
    assert predictor.lengths == [1, 2, 3, 4]
    assert replay.predict(CLICKS.prefix(3)) is earlier
    assert predictor.lengths == [1, 2, 3, 4]
    replay.predict(CLICKS.move(2, 5, 5))
    assert predictor.lengths == [1, 2, 3, 4, 3, 4]


def test_without_clicks_the_initial_mask_is_returned(predictor, disk_image):
    image, truth = disk_image
    np.testing.assert_array_equal(
        ClickReplay(predictor, image, initial=truth).predict([]).mask(), truth
    )
    assert not ClickReplay(predictor, image).predict([]).probability.any()
    assert predictor.lengths == []


@pytest.mark.parametrize("follows", [True, False])
def test_a_first_click_beside_the_outline_asks_without_the_mask(predictor, monkeypatch, follows):
    """The outline moves where the network agrees, else and at later clicks just a piece changes."""
    start = np.zeros((60, 80), bool)
    start[20:41, 20:41] = True
    larger = np.zeros_like(start)
    larger[19:42, 19:42] = True
    asked = []

    def see(plane, clicks, previous=None, **options):
        asked.append(previous is None)
        return Prediction.from_array(larger if follows else start, start.shape)

    monkeypatch.setattr(predictor, "predict", see)
    replay = ClickReplay(predictor, np.zeros(start.shape, np.uint8), initial=start)
    mask = replay.predict([Click(19, 30)]).mask()
    assert asked == ([True] if follows else [True, False])
    corners = 4
    assert (mask != (larger if follows else start)).sum() == (corners if follows else 0)
    asked.clear()
    replay.predict([Click(19, 30), Click(18, 30)])
    assert asked == [False]


def test_an_initial_mask_is_corrected_piece_by_piece(predictor, disk_image):
    image, truth = disk_image
    start, clicks = Prediction.from_array(truth, truth.shape), CLICKS.prefix(1)
    corrected = ClickReplay(predictor, image, initial=truth).predict(clicks)
    found = Predictor.predict(
        predictor,
        image,
        with_interior_click(start, clicks),
        start,
        view=surroundings(start.roi, truth.shape),
    )
    expected = merged(start, found, clicks[0])
    np.testing.assert_array_equal(corrected.probability, expected.probability)


def test_the_view_grows_by_clicks_and_the_initial_mask(predictor, disk_image):
    image, truth = disk_image
    replay = ClickReplay(predictor, image, view=Box(30, 50, 40, 60))
    replay.predict([Click(38, 52), Click(70, 5, False)])
    assert predictor.views == [Box(30, 50, 40, 60), Box(30, 71, 5, 60)]
    replay = ClickReplay(predictor, image, initial=truth, view=Box(30, 50, 40, 60))
    assert replay.view == Box.around(truth)


def test_what_is_clicked_on_beside_an_initial_mask_is_seen_as_a_whole(predictor, rng):
    image, mask = rng.integers(0, 255, (600, 700), np.uint8), np.zeros((600, 700), bool)
    mask[200:240, 200:240] = True
    replay = ClickReplay(predictor, image, initial=mask)
    replay.predict([Click(220, 230), Click(220, 399)])
    near, far = predictor.views
    assert near == surroundings(Box(200, 240, 200, 240), image.shape)
    assert far == surroundings(Box(200, 240, 200, 400), image.shape)
    assert far.col_stop >= 500


def test_forgotten_predictions_come_back_bit_for_bit(predictor, disk_image, monkeypatch):
    monkeypatch.setattr("napari_iafpn.inference.replay.MEMO_BYTES", 1)
    replay = ClickReplay(predictor, disk_image[0])
    first = replay.predict(CLICKS.prefix(2))
    replay.predict(CLICKS)
    again = replay.predict(CLICKS.prefix(2))
    assert again is not first
    np.testing.assert_array_equal(again.probability, first.probability)


def test_cancelling_stops_before_the_next_click_and_keeps_what_is_done(predictor, disk_image):
    replay = ClickReplay(predictor, disk_image[0])
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        replay.predict(CLICKS, lambda: next(answers))
    assert predictor.lengths == [1, 2]
    replay.predict(CLICKS)
    assert predictor.lengths == [1, 2, 3, 4]


def test_a_bad_click_leaves_the_earlier_results(predictor, disk_image):
    replay = ClickReplay(predictor, disk_image[0])
    first = replay.predict(CLICKS.prefix(1))
    with pytest.raises(ValueError, match="is outside the image"):
        replay.predict(CLICKS.prefix(1).add(Click(200, 0)))
    assert replay.predict(CLICKS.prefix(1)) is first
