import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane

DTYPES = [
    "?",
    "u1",
    "i1",
    "u2",
    "i2",
    ">u2",
    ">i2",
    "u4",
    "i4",
    "u8",
    "i8",
    "f2",
    "f4",
    "f8",
    ">f4",
]
WHOLE = Box.whole((40, 50))


def whole(array, **options):
    plane = Plane(array, **options)
    return plane.read(Box.whole(plane.shape), plane.shape)


class Lazy:
    """An array that notes what is read of it, as a dask or zarr array would."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.read_pixels = 0

    def __getitem__(self, index):
        part = self._array[index]
        self.read_pixels += part.shape[0] * part.shape[1]
        return part


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_every_numeric_type_spans_zero_to_one(rng, dtype, channels):
    low = 0 if np.dtype(dtype).kind in "bu" else -100
    array = rng.integers(low, 120, (40, 50, *channels)).astype(dtype)
    pixels = whole(array)
    assert pixels.shape == (3, 40, 50)
    assert pixels.dtype == np.float32
    assert pixels.min() == 0
    assert pixels.max() == 1
    grey = array[..., 0] if channels else array
    order = np.argsort(grey, axis=None, kind="stable")
    assert (np.diff(pixels[0].ravel()[order]) >= 0).all()


def test_colour_keeps_its_channels_and_drops_alpha(rng):
    colour = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    alpha = np.concatenate([colour, np.zeros((40, 50, 1), np.uint8)], axis=2)
    pixels = whole(alpha, limits=(0, 255))
    np.testing.assert_allclose(pixels, np.moveaxis(colour, 2, 0) / 255, atol=1e-6)


def test_a_grey_image_is_repeated(rng):
    pixels = whole(rng.random((40, 50)))
    assert (pixels[0] == pixels[1]).all()
    assert (pixels[0] == pixels[2]).all()


def test_limits_are_robust_against_outliers(rng):
    array = rng.normal(100, 5, (200, 200))
    array[0, 0], array[0, 1] = 1e9, -1e9
    low, high = Plane(array).limits
    assert 80 < low < 90
    assert 110 < high < 120


def test_given_limits_are_used_and_checked():
    array = np.array([[0.0, 5.0, 10.0, 20.0]])
    np.testing.assert_allclose(whole(array, limits=(0, 10))[0], [[0, 0.5, 1, 1]])
    for limits in [(1, 0), (0, np.inf), (np.nan, 1)]:
        with pytest.raises(ValueError, match="give two finite numbers, the lower one first"):
            Plane(array, limits=limits)


def test_gamma_is_a_power_between_the_limits():
    array = np.array([[0.0, 5.0, 10.0, 20.0]])
    np.testing.assert_allclose(whole(array, limits=(0, 10), gamma=2.0)[0], [[0, 0.25, 1, 1]])
    small = array.astype(np.uint8)
    np.testing.assert_allclose(whole(small, limits=(0, 10), gamma=2.0)[0], [[0, 0.25, 1, 1]])
    for gamma in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="give a number above 0"):
            Plane(array, gamma=gamma)


def test_another_contrast_reads_nothing_again(rng):
    lazy = Lazy(rng.random((64, 64)))
    plane = Plane(lazy, limits=(0, 1))
    first = plane.read(WHOLE, (40, 50))
    darker = plane.shown((0, 2), 2.0)
    np.testing.assert_allclose(darker.read(WHOLE, (40, 50)), (first / 2) ** 2, atol=1e-6)
    assert (darker.limits, darker.gamma) == ((0, 2), 2.0)
    assert plane.read(WHOLE, (40, 50)) is first
    assert lazy.read_pixels == 64 * 64


def test_a_few_bright_pixels_on_a_constant_ground_are_seen():
    array = np.zeros((200, 200), np.uint16)
    array[50, 60] = 900
    pixels = whole(array)
    assert pixels[0, 50, 60] == 1
    assert pixels.sum() == 3


@pytest.mark.parametrize("value", [0, 7, -3.5, 1e300, np.nan, np.inf, -np.inf])
def test_constant_images_are_readable(value):
    pixels = whole(np.full((5, 6), value))
    assert np.isfinite(pixels).all()
    assert len(np.unique(pixels)) == 1


def test_nan_is_black_and_infinities_are_the_limits():
    array = np.linspace(0, 1, 100).reshape(10, 10)
    array[0, 0], array[5, 5], array[7, 7] = np.nan, np.inf, -np.inf
    pixels = whole(array)[0]
    assert (pixels[0, 0], pixels[5, 5], pixels[7, 7]) == (0, 1, 0)
    assert np.isfinite(pixels).all()


def test_the_extremes_of_float64_do_not_overflow():
    extremes = np.array([[-1.7e308, 0.0, 1.7e308]])
    np.testing.assert_allclose(whole(extremes, limits=(-1.7e308, 1.7e308))[0], [[0, 0.5, 1]])


def test_one_pixel():
    assert Plane(np.ones((1, 1))).read(Box.whole((1, 1)), (32, 64)).shape == (3, 32, 64)


def test_only_the_tiles_under_the_box_are_read(rng):
    lazy = Lazy(rng.random((600, 700)))
    plane = Plane(lazy, limits=(0, 1))
    assert lazy.read_pixels == 0
    plane.read(Box(100, 140, 200, 260), (32, 32))
    assert lazy.read_pixels == 256 * 512


def test_robust_limits_sample_a_part_of_a_large_plane(rng):
    lazy = Lazy(rng.random((2000, 3000), dtype=np.float32))
    Plane(lazy)
    assert lazy.read_pixels <= 512 * 512


def test_recent_reads_are_kept_and_read_only(rng):
    lazy = Lazy(rng.random((64, 64)))
    plane = Plane(lazy, limits=(0, 1))
    first = plane.read(Box.whole((64, 64)), (32, 32))
    assert plane.read(Box.whole((64, 64)), (32, 32)) is first
    assert lazy.read_pixels == 64 * 64
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0, 0] = 1


def test_the_recent_reads_stay_within_their_bytes(rng, monkeypatch):
    monkeypatch.setattr("napari_iafpn.images.plane.CACHE_BYTES", 2 * 3 * 32 * 32 * 4)
    plane = Plane(rng.random((64, 64)), limits=(0, 1))
    boxes = [Box(0, 8, 0, 8), Box(8, 16, 0, 8), Box(16, 24, 0, 8)]
    reads = [plane.read(box, (32, 32)) for box in boxes]
    for place in (2, 1):
        assert plane.read(boxes[place], (32, 32)) is reads[place]
    assert plane.read(boxes[0], (32, 32)) is not reads[0]


@pytest.mark.parametrize("shape", [(1024, 1024), (1000, 1531), (517, 4001)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_large_reads_average_in_chunks(rng, shape, channels, monkeypatch):
    monkeypatch.setattr("napari_iafpn.images.plane.CHUNK_PIXELS", 2**14)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    smooth = 0.5 + 0.25 * np.sin(rows / 60) + 0.25 * np.cos(cols / 80)
    array = smooth if not channels else np.stack([smooth, smooth / 2, smooth / 3], axis=2)
    pixels = Plane(array, limits=(0, 1)).read(Box.whole(shape), (96, 128))
    centre_rows = ((np.arange(96) + 0.5) * shape[0] / 96 - 0.5)[:, None]
    centre_cols = ((np.arange(128) + 0.5) * shape[1] / 128 - 0.5)[None]
    expected = 0.5 + 0.25 * np.sin(centre_rows / 60) + 0.25 * np.cos(centre_cols / 80)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(pixels[0][inner], expected[inner], atol=0.02)
    if channels:
        np.testing.assert_allclose(pixels[2], pixels[0] / 3, atol=1e-5)


def test_large_reads_keep_the_mean(rng):
    array = rng.random((1024, 1024))
    pixels = Plane(array, limits=(0, 1)).read(Box.whole((1024, 1024)), (64, 64))
    assert pixels.mean() == pytest.approx(array.mean(), abs=1e-3)
    assert pixels.std() < 0.03


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((0, 5)), "the image is empty"),
        (np.zeros((5, 0, 3)), "the image is empty"),
        (np.zeros(5), "is not one plane"),
        (np.zeros((5, 6, 2)), "is not one plane"),
        (np.zeros((2, 5, 6, 3)), "is not one plane"),
        (np.zeros((5, 6), complex), "has no intensities"),
        (np.zeros((5, 6), object), "has no intensities"),
        (np.full((5, 6), "x"), "has no intensities"),
    ],
)
def test_what_is_no_image_gets_one_sentence(array, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        Plane(array)
    assert "\n" not in str(error.value)


def test_a_box_outside_is_refused():
    plane = Plane(np.zeros((40, 50)))
    with pytest.raises(ValueError, match="rows 30:41, columns 0:5 reaches outside the image of 40"):
        plane.read(Box(30, 41, 0, 5), (32, 32))


def test_nested_lists_are_arrays():
    assert Plane([[0, 1], [2, 3]]).shape == (2, 2)
