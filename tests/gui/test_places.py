"""Stacks, transposed views and transforms: the click hits the pixel under the cursor."""

import threading

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SHAPE = (60, 80)
TRANSFORMS = {
    "scale": {"scale": (2.0, 0.5)},
    "translate": {"translate": (-100.0, 33.3)},
    "rotate": {"rotate": 30.0},
    "all": {"scale": (0.5, 1.5), "translate": (7, -9), "rotate": 20, "shear": [0.2]},
    "affine": {"affine": np.array([[0.8, 0.6, 5], [-0.6, 0.8, 2], [0, 0, 1]])},
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_transformed_layer(annotate, disks, transform):
    window = annotate(np.zeros(SHAPE, np.uint8), **transform)
    image = window.annotator.image
    window.click(*image.data_to_world((22, 51)))
    (click,) = (Click(*click) for click in window.clicks)
    assert click.pixel == (22, 51)
    expected = disks(SHAPE, [click])
    assert np.array_equal(window.preview(SHAPE) > 0, expected)
    point = window.annotator.clicks.layer
    assert np.allclose(
        point.data_to_world(point.data[0]), image.data_to_world((click.row, click.col))
    )
    window.key(Qt.Key.Key_Return)
    labels = window.annotator.labels
    assert np.array_equal(labels.data > 0, expected)
    assert np.array_equal(window.shown(labels, SHAPE) > 0, expected)


def test_layers_follow_when_the_image_is_moved(annotate, disks):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.click(22, 51)
    expected = disks(SHAPE, [Click(*window.clicks[0])])
    window.annotator.image.scale = (3, 2)
    window.annotator.image.translate = (5, 5)
    assert np.array_equal(window.preview(SHAPE) > 0, expected)


def test_every_slice_keeps_its_own_object(annotate, disks):
    stack = np.zeros((5, *SHAPE), np.uint16)
    window = annotate(stack, scale=(3, 1, 1), translate=(10, 0, 0))
    dims = window.viewer.dims
    dims.set_point(0, 10 + 3 * 2)
    window.click(16, 20, 20)
    dims.set_point(0, 10 + 3 * 4)
    assert window.clicks == []
    assert not window.preview(SHAPE).any()
    window.click(22, 40, 60)
    window.key(Qt.Key.Key_Return)
    dims.set_point(0, 16)
    (click,) = (Click(*click) for click in window.clicks)
    assert click.pixel == (20, 20)
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, [click]))
    window.key(Qt.Key.Key_Return)
    labels = window.annotator.labels
    assert labels.data.shape == stack.shape
    assert np.array_equal(labels.data[2] == 2, disks(SHAPE, [Click(20, 20)]))
    assert np.array_equal(labels.data[4] == 1, disks(SHAPE, [Click(40, 60)]))
    assert not labels.data[[0, 1, 3]].any()


def test_undo_goes_to_the_slice_of_what_it_undoes(annotate):
    window = annotate(np.zeros((5, *SHAPE), np.uint8))
    dims = window.viewer.dims
    dims.set_point(0, 1)
    window.click(1, 20, 20)
    window.key(Qt.Key.Key_Return)
    dims.set_point(0, 3)
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert dims.point[0] == 1
    assert len(window.clicks) == 1
    assert not window.annotator.labels.data.any()


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_any_displayed_pair_of_axes(annotate, disks, order):
    shape = (40, 60, 80)
    window = annotate(np.zeros(shape, np.uint8))
    window.viewer.dims.order = order
    window.viewer.dims.set_point(order[0], 17)
    window.viewer.reset_view()
    where = np.array([20, 30, 50])
    where[order[0]] = 17
    window.click(*where)
    axes = sorted(order[1:])
    plane = tuple(shape[a] for a in axes)
    (click,) = (Click(*click) for click in window.clicks)
    assert click.pixel == tuple(where[axes])
    assert np.array_equal(window.preview(plane) > 0, disks(plane, [click]))
    window.key(Qt.Key.Key_Return)
    committed = np.take(window.annotator.labels.data, 17, axis=order[0])
    assert np.array_equal(committed > 0, disks(plane, [click]))
    assert window.annotator.labels.data.sum() == committed.sum()


def test_a_colour_image_in_a_viewer_with_a_stack(annotate, disks):
    window = annotate(np.zeros((*SHAPE, 3), np.uint8), rgb=True)
    window.viewer.add_image(np.zeros((4, *SHAPE)), name="stack", visible=False)
    window.viewer.layers.selection.active = window.viewer.layers["image"]
    window.click(2, 30, 40)
    (click,) = (Click(*click) for click in window.clicks)
    assert click.pixel == (30, 40)
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, [click]))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "float32", "float64"])
def test_numeric_types(annotate, disks, dtype):
    window = annotate((np.arange(4800).reshape(SHAPE) % 2).astype(dtype))
    window.click(30, 40)
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, [Click(30, 40)]))


def test_dask_and_multiscale_images_are_read_in_the_worker(annotate, disks):
    readers = set()

    def block(block_info=None):
        readers.add(threading.current_thread())
        return np.zeros(block_info[None]["chunk-shape"], np.uint8)

    fine = da.map_blocks(block, chunks=((1,) * 3, (60,), (80,)), dtype=np.uint8)
    window = annotate([fine, fine[:, ::2, ::2]], multiscale=True, contrast_limits=(0, 255))
    readers.clear()
    window.click(0, 30, 40)
    (click,) = (Click(*click) for click in window.clicks)
    assert click.pixel == (30, 40)
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, [click]))
    assert threading.main_thread() not in readers


def test_a_large_plane_is_looked_at_where_the_user_looks(annotate, predictor):
    window = annotate(np.zeros((3000, 4000), np.uint8))
    window.camera.center, window.camera.zoom = (1000, 2000), 1.0
    QTest.qWait(100)
    window.click(1010, 2020)
    view = predictor.views[-1]
    assert view.contains(Click(1010, 2020))
    width, height = window.canvas.native.width(), window.canvas.native.height()
    assert abs(view.height - height) < 5
    assert abs(view.width - width) < 5
    window.camera.center, window.camera.zoom = (1500, 2500), 2.0
    QTest.qWait(100)
    window.click(1500, 2500)
    assert predictor.views[-1] == view.union(Box(1500, 1501, 2500, 2501)), "it grows by a click"
    window.key(Qt.Key.Key_Return)
    window.camera.zoom = 30.0
    QTest.qWait(100)
    window.click(1500, 2500)
    assert predictor.views[-1].shape == (256, 256)
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(window.clicks) == 2
    assert predictor.views[-1] == view.union(Box(1500, 1501, 2500, 2501))


@pytest.mark.parametrize("shape", [(1000, 1000), (300, 700), (200, 900)])
def test_who_zooms_in_on_a_small_plane_means_what_is_there(annotate, predictor, shape):
    window = annotate(np.zeros(shape, np.uint8))
    window.click(10, 10)
    assert predictor.views == [Box.whole(shape)], "all of it is seen"
    window.key(Qt.Key.Key_Return)
    window.camera.zoom *= 12
    window.camera.center = (shape[0] / 2, shape[1] / 2)
    window.click(shape[0] / 2, shape[1] / 2)
    view = predictor.views[-1]
    assert view.shape == (min(shape[0], 256), 256)
    window.camera.zoom /= 12
    window.camera.center = (shape[0] / 2, 30)
    window.click(shape[0] / 2 + 4, shape[1] / 2)
    assert predictor.views[-1] == view, "the first prompt decides"
    for modifier in (CONTROL, CONTROL, CONTROL | SHIFT, CONTROL | SHIFT):
        window.key(Qt.Key.Key_Z, modifier)
    assert window.controller.current.view == view


def test_the_view_is_the_same_however_the_image_lies_in_the_world(annotate, predictor):
    window = annotate(
        np.zeros((3000, 4000), np.uint8), scale=(0.5, 0.25), translate=(-7, 90), rotate=90
    )
    window.camera.zoom *= 5
    image, key = window.annotator.image, window.controller.plane
    window.click(*image.data_to_world((1500, 2000)))
    view = predictor.views[-1]
    corners = [(view.row_start, view.col_start), (view.row_stop, view.col_stop)]
    points = [
        window.point_on_canvas(image.data_to_world(key.to_data(*np.subtract(point, 0.5))))
        for point in corners
    ]
    size = window.canvas.native.width(), window.canvas.native.height()
    across = [abs(points[0].x() - points[1].x()), abs(points[0].y() - points[1].y())]
    assert all(abs(a - b) < 6 for a, b in zip(across, size, strict=True)), (across, size)


def test_objects_as_large_as_those_before_have_room(annotate, predictor):
    window = annotate(np.zeros((1000, 1000), np.uint8))
    window.controller.draw(BoxedMask.of(np.ones((120, 120), bool), (20, 20)))
    window.key(Qt.Key.Key_Return)
    window.camera.zoom *= 12
    window.click(500, 500)
    assert predictor.views[-1].shape == (480, 480)


def test_a_point_that_is_added_counts_the_view_too(annotate, predictor):
    window = annotate(np.zeros((1000, 1000), np.uint8))
    window.click(500, 500)
    window.key(Qt.Key.Key_Return)
    window.camera.zoom *= 12
    window.annotator.clicks.layer.add([500, 500])
    window.wait()
    assert predictor.views[-1].shape == (256, 256)


def test_the_brush_reaches_what_comes_into_sight(annotate):
    window = annotate(np.zeros((3000, 4000), np.uint8))
    window.camera.center, window.camera.zoom = (1000, 2000), 1.0
    window.annotator.take_tool("brush")
    window.camera.center = (2900, 3500)
    layer = window.annotator.preview.layer
    assert np.all(np.round(layer.world_to_data((2900, 3500))) < layer.data.shape)
    assert np.all(np.round(layer.world_to_data((2900, 3500))) >= 0)
    window.annotator.take_tool("")
