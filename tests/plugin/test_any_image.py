"""Whatever the type, axes, channels, store and transform: one world point, one voxel, one mask."""

import dask.array
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_iafpn.geometry import Box
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.plugin.layers import channels_of, plane_key, plane_source
from napari_iafpn.prompts import Click

SHAPE, PLACE = (40, 56), (13, 30)
"""Of the plane, and what is clicked on there."""
OTHERS = {2: (), 3: (3,), 4: (2, 3), 5: (2, 2, 3)}
"""Sizes of the other axes, by number of axes; the object is at the end of each."""
DTYPES = ["uint8", "uint16", "uint32", "uint64", "int16", "float16", "float32", "float64"]
COLOUR_DTYPES = ["uint8", "uint16", "float32", "float64"]
"""Those that napari shows."""
CHANNELS = ["grey", "rgb", "layers"]
STORES = ["numpy", "dask", "zarr", "pyramid"]
ANGLE = np.deg2rad(30)
TURN = np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])
SLANT = np.array([[1.0, 0.3], [0.0, 1.0]])
SKEW = np.array([[0.8, 0.3, 5.0], [-0.2, 1.1, 9.0], [0.0, 0.0, 1.0]])
TRANSFORMS = [
    {},
    {"scale": np.diag([0.5, 0.2])},
    {"translate": np.array([30.0, -7.5])},
    {"rotate": TURN},
    {"shear": SLANT},
    {"affine": SKEW, "scale": np.diag([2.0, 1.5]), "translate": np.array([4.0, 3.0])},
]
"""Of rows and columns; other axes are left alone."""


def stored(array, store, rows):
    """Return an array as a layer takes it; ``rows`` is the axis of the rows."""
    if store == "dask":
        return dask.array.from_array(array, chunks=tuple(min(17, n) for n in array.shape))
    if store == "zarr":
        return zarr.array(array, chunks=tuple(min(16, n) for n in array.shape))
    if store == "pyramid":
        half = [slice(None)] * array.ndim
        half[rows] = half[rows + 1] = slice(None, None, 2)
        return [array, array[tuple(half)]]
    return array


def for_layer(transform, ndim):
    """Return the options of a layer of ``ndim`` axes."""
    options = {}
    for name, value in transform.items():
        if name == "translate":
            options[name] = (*[0.0] * (ndim - 2), *value)
        else:
            side = ndim + (name == "affine")
            options[name] = np.eye(side)
            options[name][side - len(value) :, side - len(value) :] = value
    if "scale" in options:
        options["scale"] = np.diag(options["scale"])
    return options


def to_world(transform, row, col):
    """Scale, shear, turn, move, then the affine matrix: what napari documents."""
    point = np.array([row, col], float)
    for name in ("scale", "shear", "rotate"):
        point = transform.get(name, np.eye(2)) @ point
    affine = transform.get("affine", np.eye(3))
    return (affine @ [*(point + transform.get("translate", 0.0)), 1.0])[:2]


@pytest.fixture
def picture(rng):
    """A disk on noisy ground, in whole numbers that every type holds."""
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    disk = (rows - PLACE[0]) ** 2 + (cols - PLACE[1]) ** 2 < 64
    return np.where(disk, 150, 40) + rng.integers(0, 30, SHAPE)


@pytest.fixture
def predictor(tiny_cascade):
    return Predictor(tiny_cascade, "cpu")


def open_layers(picture, dtype, ndim, channels, store, transform):
    """Show the picture as the last plane of an image; return the viewer."""
    array = np.zeros((*OTHERS[ndim], *SHAPE), dtype)
    array[(-1,) * (ndim - 2)] = picture.astype(dtype)
    viewer = ViewerModel()
    options = {
        "multiscale": store == "pyramid",
        "contrast_limits": (0, 200),
        **for_layer(transform, ndim),
    }
    if channels == "rgb":
        array = np.stack([array] * 3, axis=-1)
        viewer.add_image(stored(array, store, ndim - 2), rgb=True, **options)
    elif channels == "layers":
        for colour in ("red", "cyan"):
            layer = stored(array, store, ndim - 2)
            viewer.add_image(layer, colormap=colour, blending="additive", **options)
    else:
        viewer.add_image(stored(array, store, ndim - 2), **options)
    for axis, size in enumerate(OTHERS[ndim]):
        viewer.dims.set_point(axis, size - 1)
    return viewer


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("ndim", OTHERS)
def test_one_point_one_voxel_one_mask(picture, predictor, ndim, channels, store):
    reference = ClickReplay(predictor, picture.astype(np.uint8)).plane.shown((0.0, 200.0))
    pixels = reference.read(Box.whole(SHAPE), SHAPE)
    expected = ClickReplay(predictor, reference).predict([Click(*PLACE)]).probability
    shift = ndim + CHANNELS.index(channels) + STORES.index(store)
    dtypes = COLOUR_DTYPES if channels == "rgb" else DTYPES
    for number in range(shift, shift + 3):  # all of each over all combinations
        dtype, transform = (each[number % len(each)] for each in (dtypes, TRANSFORMS))
        viewer = open_layers(picture, dtype, ndim, channels, store, transform)
        image = viewer.layers[0]
        key = plane_key(image, viewer.dims)
        assert key.index == tuple(size - 1 for size in OTHERS[ndim])
        world = (*key.index, *to_world(transform, *PLACE))
        position = key.to_plane(image.world_to_data(world))
        assert position == pytest.approx(PLACE, abs=1e-4)
        seen = channels_of(image, viewer.layers) if channels == "layers" else []
        plane = plane_source(image, key, seen).open()
        np.testing.assert_array_equal(plane.read(Box.whole(SHAPE), SHAPE), pixels)
        clicks = [Click(*(round(value, 6) for value in position))]
        found = ClickReplay(predictor, plane).predict(clicks)
        np.testing.assert_array_equal(found.probability, expected)
