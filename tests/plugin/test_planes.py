"""Planes of arrays, and what napari's layers and dims make of them."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.layers import (
    channels_of,
    default_image,
    fits,
    nearest_plane,
    pixel_length,
    plane_key,
    plane_source,
    show_plane,
)
from napari_iafpn.sessions import DisplaySettings, PlaneKey


@pytest.mark.parametrize("axes", [(0, 1), (0, 3), (1, 2), (2, 3)])
def test_a_plane_key_indexes_and_maps(rng, axes):
    array = rng.random((3, 4, 5, 6))
    key = PlaneKey("image", axes, (1, 2))
    plane = array[key.indices]
    assert plane.shape == key.shape_in(array.shape)
    data = key.to_data(2, 1)
    assert array[tuple(data.astype(int))] == plane[2, 1]
    assert key.to_plane(data) == (2, 1)
    assert [data[a] for a in key.other_axes] == [1, 2]


def test_the_source_reads_what_is_displayed(rng):
    stack = rng.integers(0, 4000, (3, 20, 30)).astype(np.uint16)
    viewer = ViewerModel()
    image = viewer.add_image(stack, contrast_limits=(1000, 3000))
    viewer.dims.set_point(0, 2)
    source = plane_source(image, plane_key(image, viewer.dims))
    plane = source.open()
    assert plane.shape == (20, 30)
    assert plane.limits == (1000, 3000)


@pytest.mark.parametrize("rgb", [False, True])
def test_contrast_and_gamma_are_those_of_the_layer(rgb):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((20, 30, 3)[: 2 + rgb], np.uint8), rgb=rgb)
    key = plane_key(image, viewer.dims)
    before = plane_source(image, key)
    assert before.display == DisplaySettings((0.0, 255.0), 1.0)
    image.gamma = 0.5
    gamma = plane_source(image, key)
    image.contrast_limits = (10, 90)
    limits = plane_source(image, key)
    assert len({before, gamma, limits}) == 3
    plane = limits.open()
    assert (plane.limits, plane.gamma) == ((10.0, 90.0), 0.5)


@pytest.mark.parametrize(
    ("order", "shapes"),
    [((0, 1, 2), [(60, 80), (30, 40), (15, 20)]), ((1, 0, 2), [(8, 80), (8, 40), (4, 20)])],
)
def test_the_source_of_a_multiscale_image_has_all_its_levels(order, shapes):
    hidden, place = order[0], 5

    def level(*shape):
        """Every pixel holds its place along the axis of the slider, from 0 to 1."""
        places = (np.arange(shape[hidden]) + 0.5) / shape[hidden]
        return np.broadcast_to(np.expand_dims(places, order[1:]), shape)

    levels = [level(8, 60, 80), level(8, 30, 40), level(4, 15, 20)]
    viewer = ViewerModel()
    image = viewer.add_image(levels, multiscale=True, contrast_limits=(0, 1))
    viewer.dims.order = order
    viewer.dims.set_point(hidden, place)
    plane = plane_source(image, plane_key(image, viewer.dims)).open()
    assert [level.shape for level in plane._levels] == shapes
    sides = [data.shape[hidden] for data in levels]
    for level, side in zip(plane._levels, sides, strict=True):
        found = level.read(Box.whole(level.shape))
        assert np.ptp(found) == 0
        assert abs(found[0, 0] - (place + 0.5) / sides[0]) <= 0.5 / side


@pytest.mark.parametrize(("point", "index"), [(-3, 0), (2, 2), (9, 3)])
def test_the_nearest_plane_is_on_the_image_also_in_3d(point, index):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 10, 12)))
    viewer.add_image(np.zeros((20, 10, 12)), translate=(-5, 0, 0))
    viewer.dims.set_point(0, point)
    for ndisplay in (2, 3):
        viewer.dims.ndisplay = ndisplay
        key = nearest_plane(image, viewer.dims)
        assert (key.axes, key.index) == ((1, 2), (index,))


def test_show_plane_is_the_inverse_of_plane_key():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 5, 6, 7)), scale=(2, 1, 3, 1), translate=(5, 0, -4, 0))
    for axes, index in [((2, 3), (1, 3)), ((0, 2), (4, 6)), ((1, 2), (3, 0))]:
        key = plane_key(image, viewer.dims)
        wanted = PlaneKey(key.layer, axes, index)
        show_plane(viewer, image, wanted)
        assert plane_key(image, viewer.dims) == wanted


def test_positions_without_a_slice_are_told():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 20, 30)), name="short")
    viewer.add_image(np.zeros((9, 20, 30)))
    viewer.dims.set_point(0, 7)
    with pytest.raises(ValueError, match="'short' has nothing at this slider position"):
        plane_key(image, viewer.dims)


def test_the_default_image_is_the_active_one():
    viewer = ViewerModel()
    assert default_image(viewer.layers) is None
    first, second, hidden = (viewer.add_image(np.zeros((9, 9))) for _ in range(3))
    hidden.visible = False
    viewer.layers.selection.active = first
    assert default_image(viewer.layers) is first
    viewer.layers.selection.active = None
    assert default_image(viewer.layers) is second


def test_labels_fit_in_shape_and_place():
    image = Image(np.zeros((9, 8)), scale=(2, 3), rotate=20)
    data = np.zeros((9, 8), int)
    assert fits(Labels(data, scale=(2, 3), rotate=20), image)
    assert not fits(Labels(data, scale=(2, 3)), image)
    assert not fits(Labels(data[:-1], scale=(2, 3), rotate=20), image)


@pytest.mark.parametrize("pixel", [2e-10, 0.1, 1, 325.0])
@pytest.mark.parametrize("stage", [0, 1.2e6])
def test_the_place_of_labels_is_compared_in_pixels(pixel, stage):
    """Metres of an electron microscope, or the place of a stage a million pixels away."""
    data, where = np.zeros((120, 160), np.uint8), np.array([stage, 0.7 * stage])

    def placed(layer, *shift, scale=(1, 1)):
        translate = (where + shift) * pixel if shift else where * pixel
        return layer(data, scale=np.array(scale) * pixel, translate=translate)

    image = placed(Image)
    for shift in ((0, 0), (0.05, 0), (0, -0.08)):
        assert fits(placed(Labels, *shift), image)
    for shift in ((1, 0), (0, -1), (10, 5), (0.2, 0)):
        assert not fits(placed(Labels, *shift), image)
        other = placed(Image, *shift)
        assert channels_of(other, [other, image]) == [other]
    assert fits(placed(Labels, scale=(1, 1.00003)), image), "0.005 pixels off in the far corner"
    assert not fits(placed(Labels, scale=(1, 1.01)), image), "1.6 pixels off in the far corner"


@pytest.fixture
def channels(rng):
    """A viewer with a red and a green channel of a stack, as napari splits them."""
    viewer = ViewerModel()
    data = rng.integers(0, 200, (4, 2, 20, 30)).astype(np.uint8)
    layers = viewer.add_image(
        data, channel_axis=1, colormap=["red", "green"], contrast_limits=(0, 200)
    )
    return viewer, layers, data


def test_all_channels_are_seen_in_their_colours(channels):
    viewer, (red, green), data = channels
    viewer.dims.set_point(0, 2)
    green.gamma = 2.0
    source = plane_source(red, plane_key(red, viewer.dims), channels_of(red, viewer.layers))
    plane = source.open()
    found = plane.read(Box.whole((20, 30)), (20, 30))
    np.testing.assert_allclose(found[0], data[2, 0] / 200, atol=1e-5)
    np.testing.assert_allclose(found[1], (data[2, 1] / 200) ** 2, atol=1e-5)
    assert not found[2].any()
    assert [id_ for id_, _ in source.display.channels] == [str(red.unique_id), str(green.unique_id)]


def test_what_changes_the_colours_makes_another_source(channels):
    viewer, (red, green), _ = channels
    key = plane_key(red, viewer.dims)

    def source():
        return plane_source(red, key, channels_of(red, viewer.layers))

    sources = [source()]
    green.contrast_limits = (0, 100)
    sources.append(source())
    green.colormap = "blue"
    sources.append(source())
    green.opacity = 0.5
    sources.append(source())
    green.visible = False
    sources.append(source())
    sources.append(plane_source(red, key))
    assert len(set(sources)) == len(sources)
    first = sources[0].open()
    again = sources[-1].reopen(sources[0], first)
    assert again.limits == (0, 200)
    assert again.read(Box.whole((20, 30)), (20, 30))[2].any()  # grey


def test_channels_are_what_is_seen_where_the_image_lies(channels):
    viewer, (red, green), data = channels
    viewer.add_image(data[:, 0], scale=(1, 2, 2), name="elsewhere", blending="additive")
    viewer.add_image(data[:, 0, :10], name="smaller", blending="additive")
    assert channels_of(red, viewer.layers) == [red, green]
    green.visible = False
    assert channels_of(red, viewer.layers) == [red]
    green.visible = True
    above = viewer.add_image(data[:, 1], name="above", blending="translucent")
    assert channels_of(red, viewer.layers) == [above]
    above.opacity = 0.5
    assert channels_of(red, viewer.layers) == [red, green, above]


@pytest.mark.parametrize(
    "placed", [{"scale": (2.0, 0.5)}, {"affine": np.diag([0.5, 0.5, 1.0])}, {"scale": (1, -0.5)}]
)
def test_a_pixel_is_as_long_as_it_is_shown(placed):
    """Markers and outlines are of one size on the screen, whatever places the image."""
    assert pixel_length(Image(np.zeros((4, 5)), **placed)) == pytest.approx(0.5)
