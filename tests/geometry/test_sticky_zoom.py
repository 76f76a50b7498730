"""The region of interest of published single-level runs."""

import json
from pathlib import Path

import pytest

from napari_iafpn.geometry import Box, sticky_zoom_in, view_around
from napari_iafpn.geometry.zoom import grow, interval_iou
from napari_iafpn.prompts import Click

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "zoomin.json").read_text())
VIEW = Box.whole((375, 500))
FOUND = Box(100, 181, 120, 261)
KEPT = Box(40, 241, 90, 291)


def box(inclusive):
    rows_first, rows_last, cols_first, cols_last = inclusive
    return Box(rows_first, rows_last + 1, cols_first, cols_last + 1)


@pytest.mark.parametrize("golden", GOLDEN["roi"])
def test_golden_regions(golden):
    positives = [Click(row, col) for positive, row, col in golden["clicks"] if positive]
    region = sticky_zoom_in(
        box(golden["mask_box_inclusive"]),
        positives,
        Box.whole(tuple(golden["image_hw"])),
        ratio=golden["expansion_ratio"],
        min_crop=golden["min_crop_size"] or 0,
    )
    assert region == box(golden["roi_inclusive"])


@pytest.mark.parametrize("golden", GOLDEN["expand_bbox"])
def test_golden_growth(golden):
    assert grow(box(golden["box"]), golden["ratio"], golden["min_crop"] or 0) == box(golden["out"])


@pytest.mark.parametrize("golden", GOLDEN["bbox_iou"])
def test_golden_resemblance(golden):
    assert interval_iou(box(golden["a"]), box(golden["b"])) == golden["iou"]


def test_the_region_is_kept_while_it_fits():
    assert sticky_zoom_in(FOUND, [], VIEW, None) == KEPT
    moved = FOUND.shifted(15, 15)
    assert sticky_zoom_in(moved, [Click(150, 200)], VIEW, KEPT) == KEPT
    assert sticky_zoom_in(moved, [Click(150, 200)], VIEW, None) != KEPT


def test_a_positive_click_outside_or_another_object_gives_a_new_region():
    outside = sticky_zoom_in(FOUND, [Click(300, 200)], VIEW, KEPT)
    assert outside != KEPT
    assert outside.contains(Click(300, 200))
    # As published, the last row of the kept region counts as outside.
    assert sticky_zoom_in(FOUND, [Click(239, 200)], VIEW, KEPT) == KEPT
    assert sticky_zoom_in(FOUND, [Click(240, 200)], VIEW, KEPT) != KEPT
    far = Box(300, 370, 400, 490)
    assert sticky_zoom_in(far, [], VIEW, KEPT) == sticky_zoom_in(far, [], VIEW, None)


def test_nothing_found_shows_the_whole_view():
    assert sticky_zoom_in(None, [Click(3, 3)], VIEW, KEPT) is None


def test_the_region_stays_in_a_view_away_from_the_origin():
    view = VIEW.shifted(1000, 2000)
    there = sticky_zoom_in(FOUND.shifted(1000, 2000), [Click(1140, 2190), Click(3, 3)], view)
    assert there == sticky_zoom_in(FOUND, [Click(140, 190)], VIEW).shifted(1000, 2000)


def test_a_view_is_a_square_around_the_object():
    view = view_around(Box(300, 320, 400, 430), 8, (1000, 1000))
    assert view == Box(190, 430, 295, 535)
    assert view_around(Box(300, 302, 400, 403), 8, (1000, 1000)).shape == (128, 128)


@pytest.mark.parametrize("corner", [(0, 0), (0, 990), (990, 990), (990, 0)])
def test_a_view_at_the_border_is_shifted_inside(corner):
    item = Box(corner[0], corner[0] + 10, corner[1], corner[1] + 10)
    view = view_around(item, 20, (1000, 1000))
    assert view.shape == (200, 200)
    assert view.encloses(item)
    assert Box.whole((1000, 1000)).encloses(view)


def test_a_small_image_is_seen_whole():
    assert view_around(Box(3, 5, 3, 5), 8, (60, 300)) == Box(0, 60, 0, 128)


@pytest.mark.parametrize("scale", [0.5, 0, -1, float("nan"), float("inf")])
def test_a_view_shows_the_whole_object(scale):
    with pytest.raises(ValueError, match="does not show the whole object"):
        view_around(Box(3, 5, 3, 5), scale, (60, 300))
