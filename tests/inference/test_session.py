import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import InteractiveSession, Predictor
from napari_iafpn.prompts import Click, Prompts


@pytest.fixture
def session(tiny_cascade, disk_image):
    return InteractiveSession(Predictor(tiny_cascade, "cpu"), disk_image[0])


def test_a_click_returns_the_mask(session):
    mask = session.add_click(38, 52)
    assert mask.shape == (80, 96)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, session.probability > 0.5)
    assert session.clicks == Prompts.of([Click(38, 52)])
    assert session.roi == session.prediction.roi


def test_clicks_can_be_moved_and_removed(session):
    session.add_click(38, 52)
    alone = session.probability
    session.add_click(10, 10, positive=False)
    session.move_click(1, 12, 14)
    assert session.clicks == Prompts.of([Click(38, 52), Click(12, 14, False)])
    session.remove_click(1)
    np.testing.assert_array_equal(session.probability, alone)


def test_undo_and_redo_stop_at_the_ends(session):
    assert not session.undo().any()
    mask = session.add_click(38, 52)
    np.testing.assert_array_equal(session.redo(), mask)
    assert not session.undo().any()
    np.testing.assert_array_equal(session.redo(), mask)


def test_a_new_change_forgets_what_was_undone(session):
    session.add_click(38, 52)
    session.undo()
    session.add_click(20, 20)
    session.redo()
    assert session.clicks == Prompts.of([Click(20, 20)])


def test_reset_takes_the_clicks_and_can_be_undone(session):
    mask = session.add_click(38, 52)
    assert not session.reset().any()
    assert len(session.clicks) == 0
    np.testing.assert_array_equal(session.undo(), mask)


def test_start_from_an_existing_mask(session, disk_image):
    truth = disk_image[1]
    clicked = session.add_click(38, 52)
    np.testing.assert_array_equal(session.start_from(truth), truth)
    session.add_click(10, 10, positive=False)
    assert len(session.clicks) == 1
    session.undo()
    np.testing.assert_array_equal(session.mask, truth)
    np.testing.assert_array_equal(session.undo(), clicked)


def test_an_initial_mask_is_the_state_before_any_click(tiny_cascade, disk_image):
    image, truth = disk_image
    session = InteractiveSession(Predictor(tiny_cascade, "cpu"), image, initial=truth)
    np.testing.assert_array_equal(session.mask, truth)
    session.add_click(38, 52)
    np.testing.assert_array_equal(session.reset(), truth)


def test_the_threshold_acts_at_once(session):
    session.add_click(38, 52)
    probability = session.probability
    session.threshold = 0.3
    np.testing.assert_array_equal(session.mask, probability > 0.3)
    with pytest.raises(ValueError, match="give a number between 0 and 1"):
        session.threshold = 1.0
    assert session.threshold == 0.3


def test_bad_clicks_change_nothing(session):
    mask = session.add_click(38, 52)
    for act in [
        lambda: session.add_click(80, 0),
        lambda: session.move_click(0, -3, 5),
        lambda: session.move_click(1, 3, 5),
        lambda: session.remove_click(7),
        lambda: session.start_from(np.zeros((3, 3), bool)),
    ]:
        with pytest.raises(ValueError, match=r"outside the image|there is no click|has shape"):
            act()
    assert session.clicks == Prompts.of([Click(38, 52)])
    np.testing.assert_array_equal(session.mask, mask)
    assert not session.undo().any()


def test_the_view_reaches_the_prediction(tiny_cascade, disk_image):
    predictor = Predictor(tiny_cascade, "cpu")
    session = InteractiveSession(predictor, disk_image[0], view=Box(10, 70, 20, 90))
    session.add_click(38, 52)
    assert session.prediction.view == Box(10, 70, 20, 90)
    session.start_from(disk_image[1])
    session.add_click(38, 52)
    assert session.prediction.view == Box(10, 70, 20, 90)
