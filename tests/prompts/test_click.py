import numpy as np
import pytest

from napari_iafpn.prompts import Click, Prompts


def test_an_integer_click_is_the_centre_of_its_pixel():
    assert Click(3, 4).pixel == (3, 4)
    assert Click(2.5, 4.49).pixel == (3, 4)
    assert Click(-0.5, -0.5).pixel == (0, 0)


@pytest.mark.parametrize("place", [(512, 3), (3, 400), (-0.6, 3), (3, -1)])
def test_a_click_outside_is_named_with_the_image_size(place):
    with pytest.raises(ValueError, match=r"is outside the image of 512 x 400 pixels"):
        Click(*place).check_inside((512, 400))


def test_a_message_rounds_but_never_shortens_coordinates():
    with pytest.raises(ValueError, match=r"\(-19\.8, 12345\) is outside"):
        Click(-19.78142, 12345).check_inside((512, 400))


def test_numbers_of_any_library_become_plain_ones():
    click = Click(np.float32(2.5), np.int64(3), np.bool_(True))
    assert [type(value) for value in (click.row, click.col, click.positive)] == [float, float, bool]
    assert click == Click(2.5, 3, True)


@pytest.mark.parametrize("place", [(float("nan"), 0), (0, float("inf"))])
def test_a_click_must_be_finite(place):
    with pytest.raises(ValueError, match="two finite numbers"):
        Click(*place)


def test_changes_keep_the_order_and_the_original():
    clicks = Prompts().add(Click(1, 1)).add(Click(2, 2, False)).add(Click(3, 3))
    moved = clicks.move(1, 9, 8)
    assert [c.row for c in moved] == [1, 9, 3]
    assert not moved[1].positive
    assert [c.row for c in clicks.remove(0)] == [2, 3]
    assert clicks.prefix(1) == Prompts((Click(1, 1),))
    assert [c.row for c in clicks] == [1, 2, 3]
    assert clicks.positives == (Click(1, 1), Click(3, 3))
    assert clicks.negatives == (Click(2, 2, False),)


@pytest.mark.parametrize("index", [-1, 2])
def test_an_unknown_click_is_named(index):
    clicks = Prompts.of([Click(0, 0), Click(1, 1)])
    with pytest.raises(ValueError, match=f"there is no click {index}; this object has 2"):
        clicks.remove(index)
    with pytest.raises(ValueError, match="there is no click"):
        clicks.move(index, 0, 0)
