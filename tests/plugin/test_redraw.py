"""What napari shows after a part was written is what it shows after reading everything."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.sessions.pixels import PixelChange


def changes_of(data, rng, count=3):
    """Random boxes that get a random id, one after the other; made when they are asked for."""
    for _ in range(count):
        region = []
        for size in data.shape:
            start = int(rng.integers(0, size - 1))
            region.append(slice(start, int(rng.integers(start + 1, size + 1))))
        before = np.array(data[tuple(region)])
        there = rng.random(before.shape) < 0.7
        after = np.where(there, rng.integers(0, 7), before).astype(before.dtype)
        yield PixelChange.of(region, before, after)


def seen(layer):
    """What the screen shows: the ids, and what goes to the graphics card."""
    return np.array(layer._slice.image.raw), np.array(layer._slice.image.view)


class Screen:
    """A texture that hears of parts, as the canvas does."""

    def __init__(self, layer):
        self.layer = layer
        self.reads, self.told = -1, []
        layer.events.set_data.connect(self.read)
        layer.events.labels_update.connect(self.patch)
        self.read()

    def read(self, _event=None):
        self.reads += 1
        self.texture = np.array(self.layer._slice.image.view)

    def patch(self, event):
        place = tuple(
            slice(start, start + size)
            for start, size in zip(event.offset, event.data.shape, strict=True)
        )
        self.texture[place] = event.data


def assert_right(target, screen):
    layer = target.layer
    now, texture = seen(layer), screen.texture.copy()
    layer.refresh()
    again = seen(layer)
    assert np.array_equal(now[0], again[0])
    assert np.array_equal(now[1], again[1])
    assert np.array_equal(texture, again[1])
    screen.reads = 0


@pytest.fixture(params=["numpy", "zarr"])
def array(request, tmp_path):
    """Makes arrays of one kind."""

    def make(values, name="0"):
        if request.param == "numpy":
            return values.copy()
        zarr = pytest.importorskip("zarr")
        return zarr.create_array(tmp_path / name, data=values, chunks=(5,) * values.ndim)

    return make


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize(("contour", "dtype"), [(2, "u1"), (0, "i4")])
def test_a_part_of_a_stack(array, rng, order, contour, dtype):
    viewer = ViewerModel()
    start = rng.integers(0, 4, (4, 17, 23)).astype(dtype)
    layer = viewer.add_labels(array(start))
    layer.contour = contour
    viewer.dims.order = order
    viewer.dims.set_point(order[0], 2)
    target, screen = LabelsLayer(layer), Screen(layer)
    for change in changes_of(target.data, rng):
        target.apply((change,))
        assert screen.reads == 0, "nothing was read again"
        assert_right(target, screen)
        target.revert((change,))
        assert_right(target, screen)
        target.apply((change,))
        assert_right(target, screen)


@pytest.mark.parametrize("what", ["show_selected_label", "hidden", "3d", "elsewhere", "scaled"])
def test_a_part_that_is_shown_in_another_way(rng, what):
    viewer = ViewerModel()
    start = rng.integers(0, 4, (4, 17, 23)).astype("i4")
    layer = viewer.add_labels(start, scale=(2, 1, 3) if what == "scaled" else (1, 1, 1))
    if what == "show_selected_label":
        layer.selected_label, layer.show_selected_label = 3, True
    elif what == "3d":
        viewer.dims.ndisplay = 3
    elif what == "elsewhere":
        viewer.add_labels(np.zeros((20, 20, 20), int))
        viewer.dims.set_point(0, 15)
    elif what == "scaled":
        viewer.dims.set_point(0, 4)
    layer.visible = what != "hidden"
    target, screen = LabelsLayer(layer), Screen(layer)
    for change in changes_of(target.data, rng):
        target.apply((change,))
        layer.visible = True
        assert_right(target, screen)
        layer.visible = what != "hidden"


@pytest.mark.parametrize(("shape", "contour"), [((37, 52), 1), ((3, 37, 52), 0)])
def test_a_part_of_a_pyramid(array, rng, shape, contour):
    viewer = ViewerModel()
    start = rng.integers(0, 4, shape).astype("i4")
    shapes = [(*shape[:-2], *(-(-size // f) for size in shape[-2:])) for f in (1, 2, 5)]
    picked = [start[..., :: -(-37 // s[-2]), :: -(-52 // s[-1])] for s in shapes]
    levels = [array(level, str(place)) for place, level in enumerate(picked)]
    layer = viewer.add_labels(levels, multiscale=True)
    layer.contour = contour
    viewer.dims.set_point(0, 0)
    target, screen = LabelsLayer(layer), Screen(layer)
    for level in (0, 1, 2, 1, 2):
        corner, last = np.zeros(len(shape), int), np.array(shapes[level]) - 1
        layer.corner_pixels = np.stack([corner + (level == 1) * 3, last - (level == 0) * 9])
        layer._data_level = level
        layer.refresh()
        screen.reads = 0
        for change in changes_of(target.data, rng, 2):
            target.apply((change,))
            assert screen.reads == 0
            assert_right(target, screen)
    layer.visible = False
    for change in changes_of(target.data, rng, 2):
        target.apply((change,))
    layer.visible = True
    assert_right(target, screen)
    assert np.array_equal(seen(layer)[0], np.asarray(levels[2])[(0,) * (len(shape) - 2)])


def test_other_versions_of_napari_read_the_layer_again(rng, monkeypatch):
    layer = ViewerModel().add_labels(np.zeros((9, 9), "i4"))
    target, screen = LabelsLayer(layer), Screen(layer)
    owner = next((kind for kind in type(layer).__mro__ if "_slice" in vars(kind)), layer)
    monkeypatch.delattr(owner, "_slice")
    monkeypatch.setattr(layer, "refresh", lambda **_: screen.told.append("read"), raising=False)
    target.apply(tuple(changes_of(target.data, rng, 1)))
    assert screen.told == ["read"]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_all_parts_of_a_step_at_once(array, rng, order):
    viewer = ViewerModel()
    layer = viewer.add_labels(array(rng.integers(0, 4, (4, 17, 23)).astype("i4")))
    viewer.dims.order = order
    viewer.dims.set_point(order[0], 2)
    target, screen = LabelsLayer(layer), Screen(layer)
    told, data, changes = [], np.array(target.data), []
    layer.events.labels_update.connect(told.append)
    layer.events.thumbnail.connect(told.append)
    for change in changes_of(data, rng, 6):
        change.apply(data)
        changes.append(change)
    for act in (target.apply, target.revert):
        told.clear()
        act(tuple(changes))
        assert sorted(event.type for event in told) == ["labels_update", "thumbnail"]
        assert screen.reads == 0, "nothing was read again"
        assert_right(target, screen)
