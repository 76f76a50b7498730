import numpy as np

from napari_iafpn.clicks import Click, simulated_click


def square(rows, cols, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[rows, cols] = True
    return mask


def test_first_click_is_the_centre_of_the_object():
    truth = square(slice(4, 9), slice(10, 15))
    assert simulated_click(truth, np.zeros_like(truth)) == Click(6, 12, True)


def test_the_deeper_error_decides_the_sign():
    truth = square(slice(2, 5), slice(2, 5))
    mask = square(slice(8, 15), slice(8, 15))
    assert simulated_click(truth, mask) == Click(11, 11, False)
    assert simulated_click(mask, truth) == Click(11, 11, True)


def test_equal_errors_and_a_perfect_mask_give_a_negative_click():
    truth, mask = square(slice(2, 5), slice(2, 5)), square(slice(9, 12), slice(9, 12))
    assert simulated_click(truth, mask) == Click(10, 10, False)
    assert simulated_click(truth, truth) == Click(0, 0, False)


def test_the_image_border_and_ignored_pixels_are_outside():
    truth = np.ones((9, 9), bool)
    empty = np.zeros_like(truth)
    assert simulated_click(truth, empty) == Click(4, 4, True)
    assert simulated_click(truth, empty, ignore=square(slice(0, 4), slice(0, 9), (9, 9))) == (
        Click(6, 2, True)
    )


def test_a_clicked_pixel_is_not_clicked_again():
    truth = square(slice(4, 9), slice(10, 15))
    clicked = np.ones_like(truth)
    clicked[6, 12] = False
    click = simulated_click(truth, np.zeros_like(truth), not_clicked=clicked)
    assert click == Click(5, 11, True)
    assert simulated_click(truth, np.zeros_like(truth), not_clicked=~truth) == Click(0, 0, False)
