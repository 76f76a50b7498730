import numpy as np
from scipy.ndimage import binary_erosion

from napari_iafpn.evaluation import clicks_needed
from napari_iafpn.evaluation.metrics import (
    boundary_band,
    boundary_width,
    count_failures,
    has_failed,
    keep_last,
    mean_kept_iou_curve,
    success_counts,
)
from napari_iafpn.masks import iou

TRUTH = np.array([[1, 1], [0, 0]], bool)
MASK = np.array([[1, 0], [1, 0]], bool)
NOTHING = np.zeros((2, 2), bool)
RUNS = [[0.5, 0.85, 0.92], [0.91], [0.2, 0.3, 0.4, 0.9], [0.1, 0.1, 0.1, 0.1]]


def test_iou_by_hand():
    assert iou(MASK, TRUTH) == 1 / 3
    assert iou(TRUTH, TRUTH) == 1
    assert iou(NOTHING, TRUTH) == 0
    assert iou(NOTHING, NOTHING) == 1


def test_ignored_pixels_do_not_count():
    assert iou(MASK, TRUTH, ignore=np.array([[0, 1], [0, 0]], bool)) == 1 / 2


def test_the_boundary_band_is_what_erosions_take_away(rng):
    for width in (1, 2, 3, 7):
        mask = rng.random((40, 50)) < 0.97
        mask[:, :6] = False
        eroded = binary_erosion(mask, np.ones((3, 3)), iterations=width, border_value=0)
        np.testing.assert_array_equal(boundary_band(mask, width), mask & ~eroded)


def test_masks_thinner_than_the_band_are_all_boundary():
    assert boundary_band(TRUTH, 5).tolist() == TRUTH.tolist()
    assert not boundary_band(NOTHING, 1).any()


def boundary_iou(mask, truth, width):
    return iou(boundary_band(mask, width), boundary_band(truth, width))


def test_boundary_iou_by_hand():
    truth = np.zeros((12, 12), bool)
    truth[2:8, 2:8] = True
    mask = np.zeros_like(truth)
    mask[2:8, 3:9] = True
    # Frames of one pixel: 20 pixels each, 2 x 5 in common along the top and the bottom; the
    # columns 3 and 7 of one lie inside the other but are no part of its frame.
    assert boundary_width(truth.shape) == 1
    assert boundary_iou(mask, truth, width=1) == 10 / 30
    assert boundary_iou(truth, truth, width=1) == 1
    assert boundary_iou(mask, truth, width=3) == iou(mask, truth)


def test_the_band_is_two_percent_of_the_diagonal():
    assert boundary_width((300, 400)) == 10
    assert boundary_width((5, 5)) == 1


def test_a_contour_error_of_a_large_object_shows_in_the_boundary():
    rows, cols = np.mgrid[:200, :200]
    distance = np.hypot(rows - 100, cols - 100)
    assert iou(distance < 84, distance < 80) > 0.9
    assert boundary_iou(distance < 84, distance < 80, boundary_width((200, 200))) < 0.6


def test_clicks_needed_counts_from_one_and_gives_up_at_the_limit():
    assert clicks_needed([0.5, 0.85, 0.9], 0.85, 20) == 2
    assert clicks_needed([0.5, 0.6], 0.85, 20) == 20
    assert clicks_needed([0.9], 0.9, 20) == 1


def test_a_long_run_also_tells_the_numbers_of_a_shorter_one():
    run = [0.1] * 36 + [0.95]
    assert clicks_needed(run, 0.9, 100) == 37
    assert clicks_needed(run, 0.9, 20) == 20
    assert has_failed(run, 0.9, 20, as_published=False)


def test_ious_are_compared_in_single_precision():
    assert clicks_needed([np.nextafter(0.9, 0)], 0.9, 20) == 1
    assert clicks_needed([0.8999], 0.9, 20) == 20


def test_a_success_at_the_last_click_fails_as_published_only():
    assert has_failed(RUNS[2], 0.9, 4, as_published=True)
    assert not has_failed(RUNS[2], 0.9, 4, as_published=False)
    assert count_failures(RUNS, 0.9, 4, as_published=True) == 2
    assert count_failures(RUNS, 0.9, 4, as_published=False) == 1


def test_success_counts_leave_out_who_never_succeeds():
    assert success_counts(RUNS, 0.9, 4).tolist() == [1, 0, 1, 1]
    assert success_counts(RUNS, 0.85, 4).tolist() == [1, 1, 0, 1]
    assert success_counts([], 0.9, 3).tolist() == [0, 0, 0]


def test_in_the_curve_finished_objects_keep_their_last_iou():
    assert keep_last([0.5, 0.9], 4) == [0.5, 0.9, 0.9, 0.9]
    np.testing.assert_allclose(mean_kept_iou_curve([[0.2, 0.4], [0.6]], 3), [0.4, 0.5, 0.5])
    assert mean_kept_iou_curve([], 3).size == 0
