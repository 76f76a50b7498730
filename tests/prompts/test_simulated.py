import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import distance_transform_edt, gaussian_filter

from napari_iafpn.prompts import Click, jittered_click, simulated_click


def square(rows, cols, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[rows, cols] = True
    return mask


def by_distance_transform(truth, mask, ignore=None, not_clicked=None):
    """Choose the click with scipy's exact distance transform of both whole regions."""

    def deepest(region):
        region = region if ignore is None else region & ~ignore
        depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        depth = depth if not_clicked is None else depth * not_clicked
        place = np.unravel_index(depth.argmax(), depth.shape)
        return depth[place], place

    missing, superfluous = deepest(truth & ~mask), deepest(mask & ~truth)
    if missing[0] > superfluous[0]:
        return Click(*missing[1], positive=True)
    return Click(*superfluous[1], positive=False)


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


@given(st.data(), arrays.array_shapes(min_dims=2, max_dims=2, max_side=24))
def test_the_click_is_that_of_the_exact_distance_transform(data, shape):
    masks = arrays.arrays(bool, shape)
    truth, mask = data.draw(masks), data.draw(masks)
    ignore, not_clicked = data.draw(st.none() | masks), data.draw(st.none() | masks)
    click = simulated_click(truth, mask, ignore, not_clicked)
    assert click == by_distance_transform(truth, mask, ignore, not_clicked)


ROWS, COLS = np.mgrid[:150, :200]
DISTANCE = np.hypot(ROWS - 70, COLS - 100)
NOISE = np.random.default_rng(5).random(ROWS.shape)
ROUGH = gaussian_filter(NOISE, 2) - 0.5
EMPTY = np.zeros(ROWS.shape, bool)
SCENES = {
    "disk": (DISTANCE < 65, EMPTY),
    "everything": (~EMPTY, EMPTY),
    "one pixel": (DISTANCE == 0, EMPTY),
    "rows": (ROWS % 3 == 0, EMPTY),
    "columns": (COLS % 5 < 2, EMPTY),
    "diagonal": ((ROWS + COLS) % 40 < 2, EMPTY),
    "long band": (abs(ROWS - 70) < 12, EMPTY),
    "tall band": (abs(COLS - 70) < 12, EMPTY),
    "diamond": (abs(ROWS - 70) + abs(COLS - 100) < 60, EMPTY),
    "ring": ((DISTANCE < 60) & (DISTANCE > 50), EMPTY),
    "disk in all": (~EMPTY, DISTANCE < 60),
    "salt": (NOISE < 0.5, EMPTY),
    "pinholes": (NOISE < 0.999, EMPTY),
    "ragged": (DISTANCE < 55, DISTANCE + 400 * ROUGH < 55),
    "blobs": (ROUGH > 0, ROUGH.T[:150, :150].repeat(2, axis=1)[:, :200] > 0),
}


@pytest.mark.parametrize("scene", SCENES)
def test_large_regions_give_the_click_of_the_exact_distance_transform(scene):
    truth, mask = SCENES[scene]
    ignore = (ROWS > 120) & (COLS < 40)
    not_clicked = np.ones(truth.shape, bool)
    for _ in range(8):
        click = simulated_click(truth, mask, ignore, not_clicked)
        assert click == by_distance_transform(truth, mask, ignore, not_clicked)
        not_clicked[click.pixel] = False


def jittered(jitter, seed, not_clicked=None, truth=SCENES["ragged"][0], mask=SCENES["ragged"][1]):
    return jittered_click(
        truth, mask, None, not_clicked, jitter=jitter, rng=np.random.default_rng(seed)
    )


def test_without_jitter_the_click_is_the_centre():
    assert jittered(0.0, 3) == simulated_click(*SCENES["ragged"])


@pytest.mark.parametrize("jitter", [0.5, 1.0])
def test_a_jittered_click_strays_within_the_region(jitter):
    truth = DISTANCE <= 20
    clicks = [jittered(jitter, seed, truth=truth, mask=EMPTY) for seed in range(300)]
    assert all(click.positive and truth[click.pixel] for click in clicks)
    strays = [np.hypot(click.row - 70, click.col - 100) for click in clicks]
    depth = distance_transform_edt(truth).max()
    assert 0.9 * jitter * depth < max(strays) <= jitter * depth
    assert len(set(clicks)) > 150
    # Equally likely pixels: half of them within the square root of half of the reach.
    assert np.median(strays) == pytest.approx(jitter * depth * 0.5**0.5, rel=0.15)


def test_a_jittered_click_depends_on_the_generator_alone():
    assert jittered(0.8, 1) == jittered(0.8, 1)
    assert len({jittered(0.8, seed) for seed in range(20)}) > 5


def test_a_jittered_click_avoids_clicked_pixels_and_the_outside():
    truth = np.ones((3, 3), bool)
    free = np.zeros_like(truth)
    free[1, 1] = free[0, 1] = True
    clicks = {jittered(1.0, seed, free, truth, ~truth).pixel for seed in range(30)}
    assert clicks == {(1, 1), (0, 1)}


def test_a_perfect_mask_gets_the_same_click_from_both_users():
    assert jittered(1.0, 0, truth=EMPTY, mask=EMPTY) == Click(0, 0, False)
