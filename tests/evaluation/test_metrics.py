import numpy as np
import pytest

from napari_iafpn.evaluation import clicks_needed, iou, mean_iou_after

TRUTH = np.array([[1, 1], [0, 0]], bool)
MASK = np.array([[1, 0], [1, 0]], bool)
NOTHING = np.zeros((2, 2), bool)


def test_iou_by_hand():
    assert iou(MASK, TRUTH) == 1 / 3
    assert iou(TRUTH, TRUTH) == 1
    assert iou(NOTHING, TRUTH) == 0
    assert iou(NOTHING, NOTHING) == 1


def test_ignored_pixels_do_not_count():
    assert iou(MASK, TRUTH, ignore=np.array([[0, 1], [0, 0]], bool)) == 1 / 2


def test_clicks_needed_counts_from_one_and_gives_up_at_the_limit():
    assert clicks_needed([0.5, 0.85, 0.9], 0.85, 20) == 2
    assert clicks_needed([0.5, 0.6], 0.85, 20) == 20
    assert clicks_needed([0.9], 0.9, 20) == 1


def test_mean_iou_after_needs_every_run():
    assert mean_iou_after([[0.2, 0.4], [0.6, 0.8]], 2) == pytest.approx(0.6)
    assert mean_iou_after([[0.2, 0.4], [0.6]], 2) is None
    assert mean_iou_after([], 1) is None
