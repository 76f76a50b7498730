import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click


def test_a_box_is_half_open():
    box = Box(2, 5, 10, 14)
    assert box.shape == (3, 4)
    assert box.area == 12
    assert box.contains(Click(2, 13))
    assert not box.contains(Click(5, 10))
    assert not box.contains(Click(4.5, 10))
    assert np.zeros((20, 20))[box.slices].shape == box.shape


def test_around_a_mask():
    mask = np.zeros((10, 10), bool)
    assert Box.around(mask) is None
    mask[3, 4] = mask[7, 2] = True
    assert Box.around(mask) == Box(3, 8, 2, 5)


def test_union_intersection_enclosure():
    one, two = Box(0, 4, 0, 4), Box(2, 6, 3, 9)
    assert one.union(two) == Box(0, 6, 0, 9)
    assert one.intersection(two) == Box(2, 4, 3, 4)
    assert one.intersection(Box(4, 6, 0, 2)) is None
    assert one.union(two).encloses(two)
    assert not one.encloses(two)


def test_resizing_keeps_the_centre_and_the_bounds():
    bounds = Box.whole((50, 60))
    assert Box(20, 24, 30, 34).resized_about_centre(10, 8, bounds) == Box(17, 27, 28, 36)
    assert Box(0, 4, 56, 60).resized_about_centre(10, 8, bounds) == Box(0, 7, 54, 60)
    with pytest.raises(ValueError, match="choose a box inside"):
        Box(80, 84, 0, 4).resized_about_centre(2, 2, bounds)


def test_an_empty_box_is_refused():
    with pytest.raises(ValueError, match="at least one pixel"):
        Box(3, 3, 0, 2)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(40, 50, 40, 60), Box(25, 65, 30, 70)),
        (Box(0, 10, 95, 100), Box(0, 40, 60, 100)),
        (Box(10, 70, 0, 100), Box(10, 70, 0, 100)),
    ],
    ids=["about its centre", "moved inside", "large enough"],
)
def test_a_box_grows_inside_others(box, expected):
    assert box.grown_to(40, 40, Box.whole((80, 100))) == expected
    assert box.grown_to(400, 400, Box.whole((80, 100))) == Box.whole((80, 100))


def test_values_are_shown_where_boxes_meet_and_zero_elsewhere():
    values = np.arange(1, 7, dtype=np.int16).reshape(2, 3)
    box = Box(4, 6, 10, 13)
    shown = box.shown_in(Box(5, 8, 9, 12), values)
    assert shown.dtype == np.int16
    assert shown.tolist() == [[0, 4, 5], [0, 0, 0], [0, 0, 0]]
    assert not box.shown_in(Box(6, 8, 10, 13), values).any()
