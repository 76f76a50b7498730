"""A plane of several resolutions looks like the plane of the finest one."""

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.prompts import Click

SIDES = 1200, 900
SPOT, WIDTH = Click(517.3, 388.6), 30.0


def spot(shape):
    """Return a blurred spot on a level of ``shape`` of an image of `SIDES`."""
    rows, cols = (
        (np.arange(side) + 0.5) * whole / side - 0.5
        for side, whole in zip(shape, SIDES, strict=True)
    )
    distance = np.hypot(rows[:, None] - SPOT.row, cols - SPOT.col)
    return np.exp(-((distance / WIDTH) ** 2) / 2)


def centre(pixels):
    """Return (row, col) of the centre of mass."""
    grid = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    return (grid * pixels).sum((1, 2)) / pixels.sum()


PYRAMIDS = {
    "halves": [(600, 450), (300, 225), (150, 113)],
    "rounded up": [(601, 451), (151, 113)],
    "thirds": [(400, 300), (134, 100)],
    "one and a half": [(800, 600), (533, 400), (356, 267)],
    "columns twice": [(1200, 450), (600, 225)],
}


@pytest.mark.parametrize("shapes", PYRAMIDS.values(), ids=PYRAMIDS)
@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box.whole(SIDES), (64, 48)),
        (Box.whole(SIDES), (160, 128)),
        (Box(201, 899, 117, 803), (96, 96)),
        (Box(333, 744, 222, 561), (64, 64)),
    ],
)
def test_levels_look_alike_and_nothing_moves(shapes, box, size):
    fine = Plane(spot(SIDES), limits=(0, 1)).read(box, size)[0]
    plane = Plane(spot(SIDES), coarser=[spot(shape) for shape in shapes], limits=(0, 1))
    coarse = plane.read(box, size)[0]
    np.testing.assert_allclose(coarse, fine, atol=0.02)
    expected = SPOT.moved(box, size)
    np.testing.assert_allclose(centre(coarse), (expected.row, expected.col), atol=0.02)


def test_an_edge_stays_where_it_is_on_any_level():
    """The levels are true averages; the edge lies at column 411 of 1200."""
    image = (np.arange(1200) >= 411).astype(np.float32)[None].repeat(1200, 0)
    levels = [image.reshape(1200 // f, f, 1200 // f, f).mean((1, 3)) for f in (2, 4, 8)]
    plane = Plane(image, coarser=levels, limits=(0, 1))
    for box, size in [(Box(0, 1200, 0, 1200), 64), (Box(7, 1005, 3, 1001), 64)]:
        bright = plane.read(box, (size, size))[0, size // 2].sum()
        expected = (box.col_stop - 411) * size / box.width
        assert abs(bright - expected) < 0.05


@pytest.mark.parametrize(
    ("box", "size", "number"),
    [
        (Box.whole((100_000, 100_000)), (96, 96), 4),
        (Box.whole((100_000, 100_000)), (390, 100), 3),
        (Box.whole((100_000, 100_000)), (780, 780), 3),
        (Box(50_000, 52_048, 7, 2055), (256, 256), 1),
        (Box(50_000, 50_400, 7, 407), (256, 256), 0),
    ],
)
def test_the_coarsest_level_that_is_fine_enough_is_read(slide, box, size, number):
    Plane(slide[0], coarser=slide[1:], limits=(0, 255)).read(box, size)
    assert [bool(level.read) for level in slide] == [place == number for place in range(5)]
    assert len(slide[number].read) <= 16


def test_one_level_is_read_as_ever(rng):
    """A level too coarse for a read changes no bit of it."""
    image = rng.random((200, 300))
    one, two = (Plane(image, coarser=more, limits=(0, 1)) for more in ([], [image[::2, ::2]]))
    for box, size in [(Box(0, 200, 0, 300), (128, 160)), (Box(3, 50, 9, 90), (32, 96))]:
        assert np.array_equal(one.read(box, size), two.read(box, size))


@pytest.mark.parametrize(
    ("level", "sentence"),
    [
        (np.zeros((600, 450, 3)), "600 x 450 x 3 float64, does not fit the image of 1200 x 900"),
        (np.zeros((600, 450), np.float32), "give levels of the same channels and type"),
        (np.zeros(SIDES), "give the levels from fine to coarse"),
        (np.zeros((1201, 450)), "give the levels from fine to coarse"),
        (np.zeros((0, 450)), "give the levels from fine to coarse"),
        (np.zeros((600, 340)), "give levels that show the whole image"),
        (np.zeros((110, 160)), "give levels that show the whole image"),
    ],
)
def test_a_level_that_does_not_fit_gets_one_sentence(level, sentence):
    with pytest.raises(ValueError, match=f"^level 1 of the image, .*{sentence}") as error:
        Plane(np.zeros(SIDES), coarser=[level])
    assert "\n" not in str(error.value)


def test_the_byte_order_of_a_level_does_not_matter():
    plane = Plane(np.zeros((80, 80), ">u2"), coarser=[np.zeros((40, 40), "<u2")])
    assert plane.read(Box.whole((80, 80)), (16, 16)).shape == (3, 16, 16)
