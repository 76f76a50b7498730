"""Labels and images of every kind, and what becomes of them while an object is at work."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.plugin.mask_preview import COLOURS, MASK, MaskPreview
from napari_iafpn.prompts import Click

SHAPE = (60, 80)
SQUARE = np.zeros(SHAPE, bool)
SQUARE[30:45, 40:60] = True
RETURN, CONTROL, SHIFT = (
    Qt.Key.Key_Return,
    *(getattr(Qt.KeyboardModifier, f"{name}Modifier") for name in ("Control", "Shift")),
)


@pytest.fixture
def window(annotate):
    return annotate(np.zeros(SHAPE, np.uint8))


def add_labels(window, data, **options):
    layer = window.viewer.add_labels(data, **{"name": "segments", **options})
    window.viewer.layers.selection.active = window.annotator.image
    return layer


def double_click(window, *world):
    point = window.point_on_canvas(world)
    QTest.mouseClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    QTest.mouseDClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    window.wait()


def close(window):
    """Take the dock away, as its close button does."""
    window.viewer.window.remove_dock_widget(window.widget)
    window.qtbot.wait(20)


def colour_at(window, row, col):
    """The colour of the current object on the screen, as napari has it."""
    layer = window.annotator.preview.layer
    return layer.colormap.map(layer.data)[
        tuple(np.round(layer.world_to_data((row, col))).astype(int))
    ]


@pytest.mark.parametrize(
    ("dtype", "label"),
    [
        (np.uint8, 255),
        (np.int8, -3),
        (">u2", 40_000),
        (np.uint32, 3_000_000_000),
        (np.int64, -(2**50)),
        (np.uint64, 720575940618780000),
        (np.uint64, 2**63 + 9),
        (np.uint64, 2**64 - 1),
    ],
)
def test_an_object_of_any_id_is_edited_and_put_back(window, disks, dtype, label):
    data = np.where(SQUARE, label, 0).astype(dtype)
    labels = add_labels(window, data.copy())
    double_click(window, 37, 50)
    assert window.controller.current.edited.label == label
    assert np.array_equal(window.preview(SHAPE) > 0, SQUARE)
    np.testing.assert_allclose(colour_at(window, 37, 50), COLOURS[MASK])
    close(window)
    assert np.array_equal(labels.data, data)
    assert labels.data.dtype == data.dtype


def test_new_objects_beside_large_ids(window, disks):
    labels = add_labels(window, np.where(SQUARE, 2**63 + 9, 0).astype(np.uint64))
    window.widget.objects.labels_chosen.emit("segments")
    window.click(10, 10)
    window.key(RETURN)
    assert np.array_equal(labels.data == 2**63 + 10, disks(SHAPE, [Click(10, 10)]))
    double_click(window, 37, 50)
    window.click(50, 70)
    window.key(RETURN)
    assert (labels.data == 2**63 + 9).any()
    for _ in range(5):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(labels.data, np.where(SQUARE, 2**63 + 9, 0).astype(np.uint64))


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_object_is_put_back_although_nothing_can_be_drawn(window, monkeypatch, caplog, when):
    data = np.where(SQUARE, 7, 0).astype(np.uint16)
    labels = add_labels(window, data.copy())

    def fail(*_):
        raise OverflowError("no such colour")

    if when == "after":
        double_click(window, 37, 50)
    monkeypatch.setattr(MaskPreview, "show", fail)
    monkeypatch.setattr(MaskPreview, "clear", fail)
    monkeypatch.setattr("napari_iafpn.plugin.labels.redraw", fail)
    if when == "before":
        double_click(window, 37, 50)
    assert not labels.data.any()
    close(window)
    assert np.array_equal(labels.data, data)
    assert "no such colour" in caplog.text
    doubles = window.viewer.mouse_double_click_callbacks
    assert any(call.__name__ == "double_click_to_zoom" for call in doubles)
    assert "Clicks" not in window.viewer.layers


class Store:
    """Labels with a dtype of their own, as tensorstore has it, that can refuse to be written."""

    def __init__(self, data, error=None):
        self._data, self.error = data, error
        self.shape, self.ndim, self.size = data.shape, data.ndim, data.size

    @property
    def dtype(self):
        return f"{self._data.dtype.name}"

    def __getitem__(self, key):
        return Store(self._data[key])

    def __array__(self, dtype=None, copy=None):
        return np.array(self._data, dtype)

    def __setitem__(self, key, values):
        if self.error is not None:
            raise self.error
        self._data[key] = values


def test_stores_with_a_dtype_of_their_own(window, disks):
    store = Store(np.where(SQUARE, 250, 0).astype(np.uint8))
    add_labels(window, store)
    window.widget.objects.labels_chosen.emit("segments")
    for _ in range(5):
        window.click(10, 10)
        window.key(RETURN)
        store.error = ValueError("the driver is closed\nat line 5")
        window.click(10, 40)
        window.key(RETURN)
        assert "'segments' cannot be written (ValueError: the driver is closed" in window.status
        assert len(window.clicks) == 1
        break
    store.error = None
    window.key(RETURN)
    assert np.array_equal(np.asarray(store) == 252, disks(SHAPE, [Click(10, 40)]))


@pytest.mark.parametrize("kind", ["dask", "frozen", "memmap", "zarr"])
def test_labels_that_cannot_be_written(window, tmp_path, kind):
    data = np.where(SQUARE, 7, 0).astype(np.uint16)
    if kind == "dask":
        data = pytest.importorskip("dask.array").from_array(data, chunks=32)
    elif kind == "frozen":
        data.flags.writeable = False
    elif kind == "memmap":
        np.save(tmp_path / "labels.npy", data)
        data = np.load(tmp_path / "labels.npy", mmap_mode="r")
    else:
        zarr = pytest.importorskip("zarr")
        zarr.save_array(str(tmp_path / "labels.zarr"), data)
        data = zarr.open_array(str(tmp_path / "labels.zarr"), mode="r")
    layer = add_labels(window, data)
    window.widget.objects.labels_chosen.emit("segments")
    window.click(10, 10)
    sentence = "the labels 'segments' cannot be written, they are read-only or computed"
    window.key(RETURN)
    assert window.says(sentence)
    assert len(window.clicks) == 1
    window.widget.object.discard_button.click()
    double_click(window, 37, 50)
    assert window.says(sentence)
    window.widget.objects.labels_chosen.emit("(new layer)")
    window.click(12, 12)
    window.key(RETURN)
    assert window.viewer.layers["Objects of image"].data.any()
    assert np.array_equal(np.asarray(layer.data) == 7, SQUARE)


@pytest.mark.parametrize("how", ["smaller", "narrower", "frozen"])
def test_an_edited_object_whose_labels_are_others_now_is_kept_elsewhere(window, how):
    labels = add_labels(window, np.where(SQUARE, 300, 0).astype(np.uint16))
    double_click(window, 37, 50)
    if how == "smaller":
        labels.data = np.zeros((20, 20), np.uint16)
    elif how == "narrower":
        labels.data = np.zeros(SHAPE, np.uint8)
    else:
        labels.data.flags.writeable = False
    window.widget.object.discard_button.click()
    assert "The labels 'segments'" in window.status
    assert window.controller.current.edited.label == 300, "it is not dropped"
    window.key(RETURN)
    assert "Kept as object 1 in other labels" in window.status
    assert np.array_equal(window.viewer.layers["Objects of image"].data == 1, SQUARE)
    assert not labels.data.any()


def test_labels_that_were_removed_or_renamed_get_their_object_back(window):
    labels = add_labels(window, np.where(SQUARE, 7, 0).astype(np.uint16))
    double_click(window, 37, 50)
    labels.name = "another"
    window.viewer.layers.remove(labels)
    close(window)
    assert labels in window.viewer.layers
    assert np.array_equal(labels.data == 7, SQUARE)


def test_labels_on_the_disk_get_their_object_back_when_napari_quits(
    make_napari_viewer, annotate, tmp_path
):
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    window = annotate(np.zeros(SHAPE, np.uint8), viewer=viewer)
    zarr = pytest.importorskip("zarr")
    data = zarr.create_array(str(tmp_path / "l.zarr"), shape=SHAPE, dtype="u2", chunks=(32, 32))
    data[...] = np.where(SQUARE, 7, 0)
    add_labels(window, data)
    double_click(window, 37, 50)
    assert not data[...].any()
    window.viewer.close()
    window.qtbot.wait(50)
    assert np.array_equal(data[...] == 7, SQUARE)


@pytest.mark.parametrize(
    ("options", "how"),
    [
        ({"shape": (30, 40), "scale": (2, 2)}, "they have 30 x 40 pixels and the image 60 x 80"),
        ({"shape": (60, 80), "translate": (3, 0)}, "they lie up to 3 pixels beside it"),
        ({"shape": (60, 80), "scale": (1, 1.1)}, "they lie up to 8 pixels beside it"),
        ({"shape": (3, 60, 80)}, "they have 3 x 60 x 80 pixels and the image 60 x 80"),
    ],
)
def test_objects_of_labels_that_do_not_fit(window, options, how):
    add_labels(window, np.full(options.pop("shape"), 7, np.uint16), **options)
    sentence = "the labels 'segments' do not lie on the image 'image' pixel by pixel: " + how
    point = (*([0.0] * (window.viewer.dims.ndim - 2)), 37.0, 50.0)
    double_click(window, *point)
    (told,) = (message for message in window.messages if message.text.startswith(sentence))
    assert told.important
    assert len(window.clicks) == 1, "the user may have meant it"
    window.widget.object.discard_button.click()
    window.viewer.cursor.position = point
    window.key(Qt.Key.Key_E, SHIFT)
    assert window.says(sentence)


def test_labels_below_those_that_do_not_fit_are_edited(window):
    add_labels(window, np.where(SQUARE, 7, 0).astype(np.uint16))
    add_labels(window, np.ones((30, 40), np.uint8), name="tissue", scale=(2, 2))
    double_click(window, 37, 50)
    assert window.controller.current.edited.label == 7


# The image


def test_the_image_gets_smaller_under_the_clicks(window, disks):
    window.click(30, 60)
    window.annotator.image.data = np.zeros((40, 50), np.uint8)
    window.wait()
    sentence = "the image is 40 x 50 pixels now and the object at work reaches beyond it; discard"
    assert window.says(sentence)
    window.click(10, 10)
    assert window.says(sentence)
    window.key(RETURN)
    assert window.says(sentence)
    window.widget.object.discard_button.click()
    window.click(10, 10)
    window.key(RETURN)
    labels = window.viewer.layers["Objects of image"]
    assert np.array_equal(labels.data > 0, disks((40, 50), [Click(10, 10)]))


def test_the_image_is_replaced_while_the_network_works(window, predictor):
    predictor.seconds = 0.3
    window.click(30, 40, wait=False)
    window.qtbot.waitUntil(lambda: len(predictor.asked) == 1)
    window.annotator.image.data = np.ones(SHAPE, np.uint8)
    window.wait()
    assert len(predictor.asked) == 2, "the mask is that of the new pixels"
    assert window.preview(SHAPE).any()


def test_the_image_gets_smaller_while_the_network_works(window, predictor):
    predictor.seconds = 0.3
    window.click(50, 70, wait=False)
    window.annotator.image.data = np.ones((20, 20), np.uint8)
    window.wait()
    assert "The image is 20 x 20 pixels now" in window.status
    assert window.controller.mask is None
    QTest.keyClick(window.canvas.native, RETURN)
    window.wait()
    assert "The image is 20 x 20 pixels now" in window.status


def test_the_image_is_removed_while_a_commit_waits(window, predictor):
    predictor.seconds = 0.3
    image = window.annotator.image
    window.click(30, 40, wait=False)
    QTest.keyClick(window.canvas.native, RETURN)
    window.viewer.layers.remove(image)
    window.wait()
    window.viewer.layers.append(image)
    window.wait()
    assert len(window.clicks) == 1, "kept"
    window.key(RETURN)
    assert window.annotator.labels.data.any()


def test_a_click_is_for_the_image_that_is_seen(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8), name="below")
    below = window.annotator.image
    above = window.viewer.add_image(np.zeros((60, 40), np.uint8), name="above")
    window.viewer.layers.selection.active = below
    assert window.annotator.image is below
    window.click(30, 20)
    assert window.annotator.image is above, "it covers the other one here"
    window.key(RETURN)
    window.click(30, 60)
    assert window.annotator.image is below
    window.key(RETURN)
    above.visible = False
    window.click(10, 20)
    assert window.annotator.image is below
    window.key(RETURN)
    layers = window.viewer.layers
    assert np.unique(layers["Objects of above"].data).tolist() == [0, 1]
    assert np.unique(layers["Objects of below"].data).tolist() == [0, 1, 2]


def test_the_chosen_one_of_blended_channels_is_clicked_on(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8), name="first", blending="additive")
    first = window.annotator.image
    window.viewer.add_image(np.zeros(SHAPE, np.uint8), name="second", blending="additive")
    window.viewer.layers.selection.active = first
    window.click(30, 40)
    assert window.annotator.image is first


def test_a_hidden_image_takes_no_clicks(window):
    window.annotator.image.visible = False
    window.click(30, 40)
    assert window.status == "The image 'image' is hidden; show it to click on it."
    assert window.clicks == []
    window.annotator.image.visible = True
    window.click(30, 40)
    assert len(window.clicks) == 1


@pytest.mark.parametrize(
    ("change", "how"), [({"visible": False}, "hidden"), ({"opacity": 0.0}, "transparent")]
)
def test_an_object_in_labels_that_are_not_seen_is_kept_and_told(window, change, how):
    layer = add_labels(window, np.zeros(SHAPE, np.uint16))
    window.widget.objects.labels_chosen.emit("segments")
    for name, value in change.items():
        setattr(layer, name, value)
    window.click(30, 40)
    window.key(RETURN)
    assert window.status == (
        f"Kept as object 1. The layer 'segments' is {how}; show it to see the object."
    )
    assert layer.data.any()


def test_the_image_that_was_selected_is_followed_once_the_clicks_are_gone(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.click(30, 40)
    other = window.viewer.add_image(np.zeros((20, 20), np.uint8), name="other")
    assert "Keep or discard its object to go to 'other'" in window.status
    window.widget.object.discard_button.click()
    assert window.annotator.image is other


def test_views_side_by_side_take_no_clicks(window):
    window.click(30, 40)
    grid = getattr(window.viewer, "canvas", window.viewer).grid
    grid.enabled = True
    window.annotator.pointer.click((10.0, 10.0), True)
    assert "turn the grid off" in window.status
    assert len(window.clicks) == 1
