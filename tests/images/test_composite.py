"""Several channels as one colour image."""

import dask.array
import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.images.composite import ChannelDisplay, Composite, composites

RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
EVERYTHING = (slice(None), slice(None))


@pytest.fixture
def channels(rng):
    """A 16-bit and an 8-bit channel of 40 x 50 pixels."""
    nuclei = rng.integers(0, 60_000, (40, 50)).astype(np.uint16)
    return nuclei, rng.integers(0, 256, (40, 50)).astype(np.uint8)


def test_colours_are_added(channels):
    nuclei, cells = channels
    found = Composite(
        [
            (nuclei, ChannelDisplay((0, 60_000), 1.0, bright=RED)),
            (cells, ChannelDisplay((0, 255), 2.0, bright=GREEN)),
        ]
    )[EVERYTHING]
    np.testing.assert_allclose(found[..., 0], nuclei / 60_000, atol=1e-6)
    np.testing.assert_allclose(found[..., 1], (cells / 255) ** 2, atol=1e-6)
    assert not found[..., 2].any()


def test_a_sum_is_at_most_white(channels):
    cells = channels[1]
    found = Composite([(cells, ChannelDisplay((0, 10))), (cells, ChannelDisplay((0, 10)))])[
        EVERYTHING
    ]
    assert found.max() == 1
    np.testing.assert_array_equal(found[cells >= 5], 1)


def test_a_reversed_colour_map_is_reversed(channels):
    cells = channels[1]
    channel = ChannelDisplay((0, 255), dark=(1.0, 1.0, 1.0), bright=(0.0, 0.0, 0.0))
    np.testing.assert_allclose(
        Composite([(cells, channel)])[EVERYTHING][..., 0], 1 - cells / 255, atol=1e-6
    )


def test_colour_images_keep_their_colours(channels, rng):
    photograph = rng.integers(0, 256, (40, 50, 4)).astype(np.uint8)
    found = Composite([(photograph, ChannelDisplay((0, 255)))])[EVERYTHING]
    np.testing.assert_allclose(found, photograph[..., :3] / 255, atol=1e-6)


def test_only_what_is_asked_for_is_read(channels):
    read = []

    class Spy:
        shape, dtype = (40, 50), np.dtype(np.uint8)

        def __getitem__(self, part):
            read.append(part)
            return channels[1][part]

    composite = Composite([(Spy(), ChannelDisplay((0, 255)))])
    assert read == []
    part = (slice(3, 9), slice(10, 30))
    assert composite[part].shape == (6, 20, 3)
    assert read == [part]


def test_storage_makes_no_difference(channels):
    """Also bit for bit through a plane, which reads tiles."""
    tints = ChannelDisplay((0, 60_000), bright=RED), ChannelDisplay((0, 255), 0.5, bright=GREEN)
    stored = [dask.array.from_array(channel, chunks=(16, 16)) for channel in channels]
    planes = [
        Plane(Composite(list(zip(each, tints, strict=True))), limits=(0, 1))
        for each in (channels, stored)
    ]
    box = Box(5, 37, 2, 48)
    np.testing.assert_array_equal(*(plane.read(box, (32, 32)) for plane in planes))
    grey = Plane(channels[0], limits=(0, 60_000)).read(box, (32, 32))
    np.testing.assert_allclose(planes[0].read(box, (32, 32))[0], grey[0], atol=1e-6)


def test_channels_of_another_size_are_named(channels):
    with pytest.raises(ValueError, match=r"a channel has 20 x 50 pixels, the first one 40 x 50"):
        Composite(
            [(channels[0], ChannelDisplay((0, 1))), (channels[1][:20], ChannelDisplay((0, 1)))]
        )


def test_resolutions_that_all_channels_have_are_kept():
    def pyramid(*steps):
        return [np.zeros((64, 64), np.uint8)[::step, ::step] for step in steps]

    channel = ChannelDisplay((0, 255))

    def sides(*pyramids):
        return [each.shape[0] for each in composites([(levels, channel) for levels in pyramids])]

    assert sides(pyramid(1, 2, 4), pyramid(1, 2, 4)) == [64, 32, 16]
    assert sides(pyramid(1, 2, 4), pyramid(1, 4)) == [64, 16]
    assert sides(pyramid(1, 2), pyramid(1)) == [64]
