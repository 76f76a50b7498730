"""Commits into a Labels layer."""

import sys
from collections import Counter

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._multiscale_data import MultiScaleData

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.labels_registry import LabelsRegistry
from napari_iafpn.plugin.layers import fits, value_at
from napari_iafpn.sessions import Document, LabelsChange, PixelChange, PlaneKey, Step
from napari_iafpn.sessions.blocks import Blocks
from napari_iafpn.sessions.pixels import lifted, painted

PLANE = PlaneKey("image", (1, 2), (1,))
MASK = BoxedMask(Box(2, 5, 3, 7), np.packbits(np.ones((3, 4), bool)).tobytes())


@pytest.fixture
def labels():
    data = np.zeros((3, 10, 10), np.uint8)
    data[1, 3, 4], data[2, 0, 0] = 4, 5
    return Labels(data)


def test_changes_leave_others_alone(labels):
    before = labels.data.copy()
    target = LabelsLayer(labels)
    assert target.next_label() == 6
    change = painted(target.data, PLANE, MASK, 6)
    target.apply((change,))
    assert (labels.data == 6).sum() == 11
    assert target.areas[6] == 11
    assert np.array_equal(labels.data[before > 0], before[before > 0])
    assert target.next_label() == 7
    labels.data[1, 2, 3] = 9  # painted over since
    target.revert((change,))
    before[1, 2, 3] = 9
    assert np.array_equal(labels.data, before)


def test_an_undone_object_leaves_its_id_to_the_next(labels):
    target = LabelsLayer(labels)
    change = painted(target.data, PLANE, MASK, target.next_label())
    assert change.after.max() == 6
    target.apply((change,))
    assert (target.next_label(), target.areas[6]) == (7, 11)
    target.revert((change,))
    assert (target.next_label(), target.areas[6]) == (6, 0)


def test_ids_that_others_make_are_never_used_again(labels):
    target = LabelsLayer(labels)
    assert target.next_label() == 6
    labels.selected_label = 40
    labels.paint((2, 5, 5), 40)
    assert target.next_label() == 41
    labels.data[1, 9, 9] = 50  # by a script, on the displayed plane
    assert target.next_label(PLANE) == 51


def test_ids_begin_above_0_also_where_all_that_is_there_is_below():
    data = np.zeros((3, 10, 10), np.int16)
    data[1, :, 0] = -1
    assert LabelsLayer(Labels(data)).next_label(PLANE) == 1


def test_an_object_is_looked_for_where_it_is_nearest_its_middle(blank):
    data = blank((6, 30, 40))
    data[0, 2:5, 3:6], data[5, 2:5, 20:22], data[2, 9:10, 9:10] = 7, 7, 8
    target = LabelsLayer(Labels(data))
    assert target.nearest_plane(PLANE, 7).index == (0,)
    data[3, 20:21, 30:31] = 7
    assert LabelsLayer(Labels(data)).nearest_plane(PLANE, 7).index == (3,)
    assert target.nearest_plane(PLANE, 8).index == (2,)
    assert target.nearest_plane(PLANE, 9) is None


@pytest.mark.parametrize("tool", ["paint", "fill", "data_setitem", "stroke"])
def test_strokes_of_napari_s_tools_become_changes(labels, tool):
    told = []
    target = LabelsLayer(labels, lambda _, change: told.append(change))
    labels.data[1, 6:8, 2:4] = 7
    assert target.areas[7] == 4
    before = labels.data.copy()
    labels.brush_size = 3
    if tool == "paint":
        labels.paint((1, 6, 5), 9)
    elif tool == "fill":
        labels.fill((1, 6, 2), 9)
    elif tool == "data_setitem":
        labels.data_setitem((np.array([1, 1]), np.array([3, 6]), np.array([4, 2])), 9)
    else:
        with labels.block_history():
            labels.paint((1, 6, 5), 9)
            labels.paint((1, 6, 3), 9)
    after = labels.data.copy()
    (change,) = told
    assert (after == 9).any()
    assert target.areas[9] == (after == 9).sum()
    change.revert(labels.data)
    assert np.array_equal(labels.data, before)
    change.apply(labels.data)
    assert np.array_equal(labels.data, after)


def paint_with(labels, tool):
    """Give pixels of the object 4 to the background, as a tool of napari does."""
    if tool == "polygon":
        labels.paint_polygon([[1, 1, 1], [1, 1, 6], [1, 6, 6], [1, 6, 1]], 0)
    elif tool == "fill":
        labels.fill((1, 3, 4), 0)
    elif tool == "brush":
        labels.paint((1, 3, 4), 0)
    else:
        labels.data_setitem((np.array([1]), np.array([3]), np.array([4])), 0)


@pytest.mark.parametrize("tool", ["polygon", "fill", "brush", "data_setitem"])
def test_areas_are_those_of_the_pixels_after_each_tool_undo_and_redo(labels, tool, monkeypatch):
    monkeypatch.setattr("napari_iafpn.plugin.labels.QUICK_PIXELS", 0)  # as in a large stack
    labels.data[1, 3:5, 4:6] = 4

    def do(target, change):
        document.do(Step("paint", PLANE, labels=(LabelsChange(target.id, (change,)),)))

    target = LabelsLayer(labels, do)
    document = Document(lambda _: target)

    def recount():
        return Counter(labels.data[labels.data > 0].tolist())

    before = recount()
    assert target.areas == before
    paint_with(labels, tool)
    assert target.areas == recount() != before
    document.undo()
    assert target.areas == recount() == before
    document.redo()
    assert target.areas == recount() != before


@pytest.mark.parametrize("recorded", [False, True])
def test_napari_takes_back_only_strokes_that_are_no_steps(labels, recorded):
    before = labels.data.copy()
    target = LabelsLayer(labels, lambda *_: recorded)
    labels.paint((1, 6, 5), 9)
    painted_ = labels.data.copy()
    assert target.areas[9]
    assert target.walk_strokes(back=True) is not recorded
    assert np.array_equal(labels.data, painted_ if recorded else before)
    assert target.walk_strokes(back=False) is not recorded
    assert np.array_equal(labels.data, painted_)
    assert target.areas[9] == (painted_ == 9).sum()


def test_napari_takes_back_strokes_also_after_more_steps_than_it_remembers(labels):
    recorded = True
    target = LabelsLayer(labels, lambda *_: recorded)
    for number in range(labels._history_limit + 5):
        labels.paint((1, 6, 5), number % 7 + 1)
    before, recorded = labels.data.copy(), False
    for number in range(3):
        labels.paint((1, 6, 5), 11 + number)
    assert [target.walk_strokes(back=True) for _ in range(4)] == [True, True, True, False]
    assert np.array_equal(labels.data, before)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.broadcast_to(np.uint8(0), (3, 10, 10)), "read-only"),
        (np.zeros((3, 4, 4), np.uint8), "have another shape now"),
    ],
)
def test_what_cannot_be_written_is_told(labels, data, sentence):
    target = LabelsLayer(labels)
    change = painted(labels.data, PLANE, MASK, 6)
    labels.data = data
    with pytest.raises(ValueError, match=sentence):
        target.apply((change,))


def test_full_labels_are_told(labels):
    labels.data[2, 9, 9] = 255
    target = LabelsLayer(labels)
    with pytest.raises(ValueError, match="are full: uint8 ends at 255 and this object is 256"):
        target.check(PLANE, target.next_label())


def test_labels_in_a_zarr_array(tmp_path):
    zarr = pytest.importorskip("zarr")
    data = zarr.create_array(tmp_path / "labels.zarr", shape=(3, 10, 10), dtype="u1")
    target = LabelsLayer(Labels(data))
    target.check(PLANE, 1)
    change = painted(target.data, PLANE, MASK, 1)
    target.apply((change,))
    assert (data[1] == 1).sum() == 12
    target.revert((change,))
    assert not data[:].any()


def test_a_new_layer_lies_on_the_image(tmp_path):
    image = Image(np.zeros((5, 6, 3), np.uint8), rgb=True, scale=(2, 3), translate=(1, 1))
    layer = LabelsLayer.new_for(image, tmp_path).layer
    assert layer.data.shape == (5, 6)
    assert np.allclose(layer.data_to_world((3, 4)), image.data_to_world((3, 4)))


# Labels of any size


def pyramid_of(make, shape, factors):
    """Blank levels; a factor holds for the last two axes and is rounded up."""
    return [make((*shape[:-2], *(-(-size // f) for size in shape[-2:]))) for f in factors]


@pytest.fixture(params=["numpy", "zarr", "zarr 2"])
def blank(request, tmp_path):
    """Makes blank arrays of one kind."""
    if request.param == "numpy":
        return lambda shape: np.zeros(shape, "i4")
    zarr, numbers = pytest.importorskip("zarr"), iter(range(99))
    options = {"dtype": "i4", "chunks": None, "zarr_format": 2 if "2" in request.param else 3}

    def make(shape):
        options["chunks"] = (7,) * len(shape)
        return zarr.create_array(tmp_path / str(next(numbers)), shape=shape, **options)

    return make


def random_changes(target, rng, count):
    """Objects at random places, under random ids, made when they are asked for."""
    for _ in range(count):
        corner = [int(rng.integers(0, max(size - 3, 1))) for size in target.data.shape]
        sizes = rng.integers(1, 12, len(corner))
        region = tuple(
            slice(a, min(a + int(n), size))
            for a, n, size in zip(corner, sizes, target.data.shape, strict=True)
        )
        before = np.array(target.data[region])
        after = np.where(rng.random(before.shape) < 0.8, rng.integers(0, 9), before)
        yield PixelChange.of(region, before, after.astype(before.dtype))


def assert_consistent(target):
    """All that is kept of the finest level is what is in it."""
    finest = np.asarray(target.data[...])
    ids, counts = np.unique(finest[finest > 0], return_counts=True)
    assert dict(target.areas) == dict(zip(ids.tolist(), counts.tolist(), strict=True))
    assert target.next_label() == finest.max() + 1
    for label in ids.tolist():
        places = np.argwhere(finest == label)
        box = zip(places.min(0).tolist(), (places.max(0) + 1).tolist(), strict=True)
        assert target.region_of(label) == tuple(slice(*ends) for ends in box)
    assert target.region_of(77) is None
    for level in target.levels[1:]:
        factors = [round(a / b) for a, b in zip(finest.shape, level.shape, strict=True)]
        every = finest[tuple(slice(None, None, f) for f in factors)]
        assert np.array_equal(np.asarray(level[...]), every)


@pytest.mark.parametrize(
    ("shape", "factors"), [((60, 84), (1,)), ((60, 84), (1, 2, 4, 12)), ((2, 60, 84), (1, 2))]
)
def test_all_levels_follow_what_is_done_and_undone(blank, rng, shape, factors):
    levels = pyramid_of(blank, shape, factors)
    several = len(levels) > 1
    target = LabelsLayer(Labels(levels if several else levels[0], multiscale=several))
    history = []
    for change in random_changes(target, rng, 4):
        history.append((change, [np.array(level[...]) for level in target.levels]))
        target.apply((change,))
        assert_consistent(target)
    for change, before in reversed(history):
        target.revert((change,))
        for level, old in zip(target.levels, before, strict=True):
            assert np.array_equal(np.asarray(level[...]), old)
    assert_consistent(target)


def test_levels_of_odd_sizes_are_pixels_of_the_finest(blank, rng):
    levels = [blank(shape) for shape in ((61, 83), (30, 41), (13, 17))]
    target = LabelsLayer(Labels(levels, multiscale=True))
    for change in random_changes(target, rng, 20):
        target.apply((change,))
    finest = np.asarray(target.data[...])
    for level in levels[1:]:
        places = [
            np.rint(np.arange(n) * size / n).astype(int)
            for n, size in zip(level.shape, finest.shape, strict=True)
        ]
        assert np.array_equal(np.asarray(level[...]), finest[np.ix_(*places)])


def test_ids_that_are_there_are_found_in_what_was_written(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    data = zarr.create_array(tmp_path / "x", shape=(10**5,) * 2, chunks=(256, 256), dtype="i4")
    data[99_000:99_010, 300:600] = 8
    target = LabelsLayer(Labels([data, zarr.zeros((100, 100), dtype="i4")], multiscale=True))
    read, whole = [], Blocks.read
    monkeypatch.setattr(Blocks, "read", lambda *given: read.append(given[1]) or whole(*given))
    assert target.next_label(PlaneKey("image", (0, 1))) == 9
    assert target.areas == {8: 3000}
    assert target.region_of(8) == (slice(99_000, 99_010), slice(300, 600))
    assert set(read) == {(386, 1), (386, 2)}
    plane = PlaneKey("image", (0, 1))
    assert target.region_on(plane, 8) == (slice(99_000, 99_010), slice(300, 600))
    assert target.is_on(plane, 8)
    assert not target.is_on(plane, 7)
    boxed, change = lifted(target.data, plane, 8, target.region_on(plane, 8))
    assert (boxed.box, boxed.area) == (Box(99_000, 99_010, 300, 600), 3000)
    target.apply((change,))
    assert target.next_label() == 1
    assert not data[99_000:99_010, 300:600].any()


def test_large_planes_are_looked_at_when_napari_read_them_again(labels, monkeypatch):
    monkeypatch.setattr("napari_iafpn.plugin.labels.QUICK_PIXELS", 10)
    target = LabelsLayer(labels)
    plane = PlaneKey("image", (1, 2), (0,))
    assert target.next_label(plane) == 6
    target.apply((painted(target.data, plane, MASK, 6),))
    labels.data[0, 9, 9] = 50
    assert target.next_label(plane) == 7, "nobody can know"
    labels.refresh()
    assert target.next_label(plane) == 51
    labels.data[2, 0, 0] = 60
    labels.data = labels.data
    assert target.next_label(plane) == 61


def test_a_full_disk_is_told_and_leaves_everything_as_it_was(blank, rng):
    levels = pyramid_of(blank, (60, 84), (1, 2))
    target = LabelsLayer(Labels(levels, multiscale=True))
    first, second, third = random_changes(target, rng, 3)
    target.apply((first,))
    areas, before = dict(target.areas), [np.array(level[...]) for level in levels]

    class Full:
        """A level that cannot be written."""

        def __getattr__(self, name):
            return getattr(levels[1], name)

        def __getitem__(self, key):
            return levels[1][key]

        def __setitem__(self, key, values):
            raise OSError(28, "No space left on device")

    target.layer._data = MultiScaleData([levels[0], Full()])
    with pytest.raises(ValueError, match=r"cannot be written \(No space left on device\)"):
        target.apply((second, third))
    target.layer._data = MultiScaleData(levels)
    assert dict(target.areas) == areas
    for level, old in zip(levels, before, strict=True):
        assert np.array_equal(np.asarray(level[...]), old)


@pytest.fixture
def small_memory(monkeypatch):
    monkeypatch.setattr("napari_iafpn.plugin.stores.MEMORY_BYTES", 1000)


def test_new_labels_that_are_too_large_for_the_memory(small_memory, tmp_path):
    pytest.importorskip("zarr")
    data = np.zeros((60, 84), np.uint8)
    flat = Image(data, name="a/b")
    pyramid = Image([data, data[::2, ::2], data[::4, ::4]], multiscale=True, name="a/b")
    folder = tmp_path / "labels"
    layers = [LabelsLayer.new_for(image, folder).layer for image in (flat, pyramid, pyramid)]
    assert [layer.multiscale for layer in layers] == [False, True, True]
    assert [level.shape for level in layers[1].data] == [(60, 84), (30, 42), (15, 21)]
    assert {path.name for path in folder.iterdir()} == {"a_b.zarr", "a_b-2.zarr", "a_b-3.zarr"}
    layers[1].data[0][3, 4] = 7
    assert not layers[2].data[0][...].any()
    assert all(fits(layer, pyramid) for layer in layers)
    assert value_at(layers[1], (3, 4)) == 7


def test_where_new_labels_cannot_be_kept(small_memory, tmp_path, monkeypatch):
    image = Image(np.zeros((60, 84), np.uint8), name="slide")
    (tmp_path / "file").write_text("no folder")
    pytest.importorskip("zarr")
    with pytest.raises(ValueError, match="labels of 'slide' are too large for the memory and"):
        LabelsLayer.new_for(image, tmp_path / "file")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ValueError, match=r"need zarr, .*pip install 'napari-iafpn\[formats\]'"):
        LabelsLayer.new_for(image, tmp_path)


def test_labels_that_were_removed_are_read_nowhere(labels):
    """They come back where a step needs them, and not for a look at the neighbours."""
    viewer = ViewerModel()
    book = LabelsRegistry(viewer, lambda _: False, lambda *_: None)
    viewer.add_layer(labels)
    book.watch(labels)
    id_ = book.target_of(labels).id
    assert book.labels_there(id_).layer is labels
    viewer.layers.remove(labels)
    with pytest.raises(ValueError, match="these labels are not open"):
        book.labels_there(id_)
    assert labels not in viewer.layers
    assert book.labels_of(id_).layer is labels
    assert labels in viewer.layers


def test_a_registry_lets_go_of_labels_that_were_closed(labels):
    viewer, told = ViewerModel(), []
    image = viewer.add_image(np.zeros(labels.data.shape))
    viewer.add_layer(labels)
    book = LabelsRegistry(viewer, lambda _: False, lambda *change: told.append(change))
    book.watch(labels)
    book.choose(image, labels)
    book.forget(labels)
    labels.paint((1, 0, 0), 3)
    assert (book.layers, book.chosen(image), told) == ((), None, [])
    book.forget(labels)
