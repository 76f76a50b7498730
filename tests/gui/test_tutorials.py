"""The tutorials of docs/tutorials.md, with the default model and a real mouse.

With SCREENSHOTS set to a folder, the pictures of the page are written there.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from scipy import ndimage

from napari_iafpn.exchange import read_labels
from napari_iafpn.geometry import Box
from napari_iafpn.masks import iou
from napari_iafpn.plugin.samples import (
    SAMPLES,
    SLIDE,
    load_image,
    load_labels,
    open_brain,
    open_slide,
)
from napari_iafpn.plugin.worker import load_predictor
from napari_iafpn.prompts.simulated import simulated_click

CONTROL = Qt.KeyboardModifier.ControlModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def tutorial(annotate):
    def start(pixels, name, **options):
        return annotate(pixels, name=name, load=load_predictor, models=("default",), **options)

    return start


def picture(window, name):
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        QTest.qWait(200)
        window.viewer.screenshot(str(Path(folder) / f"tutorial_{name}.png"), canvas_only=False)


def largest(labels, count):
    """Return the ids of the largest objects that do not touch the border."""
    inner = np.setdiff1d(
        np.unique(labels), [0, *labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]]
    )
    return sorted(inner, key=lambda label: -(labels == label).sum())[:count]


def middle(mask):
    depth = ndimage.distance_transform_edt(mask)
    return np.unravel_index(depth.argmax(), mask.shape)


def correct(window, truth, clicks):
    """Click where the mask is most wrong, as a user does."""
    for _ in range(clicks):
        mask = window.preview(truth.shape) > 0
        if iou(mask, truth) > 0.9:
            return
        click = simulated_click(truth, mask)
        point = window.annotator.image.data_to_world(
            window.controller.plane.to_data(click.row, click.col)
        )
        window.click(*point, button=LEFT if click.positive else RIGHT)


@pytest.mark.slow
def test_cells(tutorial, tmp_path):
    labels = load_labels("nuclei")
    window = tutorial(load_image("nuclei"), "Nuclei (fluorescence)")
    chosen = largest(labels, 3)
    for label in chosen:
        window.click(*middle(labels == label))
        correct(window, labels == label, 3)
        window.key(Qt.Key.Key_Return)
    committed = window.annotator.labels
    overlaps = [
        iou(committed.data == place, labels == label) for place, label in enumerate(chosen, 1)
    ]
    assert min(overlaps) > 0.8
    table = window.widget.objects
    assert [row.label for row in table.model.rows] == [1, 2, 3]
    picture(window, "cells")
    path = tmp_path / "nuclei.geojson"
    committed.save(str(path), plugin="napari-iafpn")
    again = read_labels(path, committed.data.shape)
    assert np.array_equal(again.labels, committed.data)


@pytest.mark.slow
def test_three_by_hand_the_others_by_themselves(tutorial):
    labels = load_labels("nuclei")
    window = tutorial(load_image("nuclei"), "Nuclei (fluorescence)")
    review, view = window.widget.finding.review, window.widget.finding.view
    shift = Qt.KeyboardModifier.ShiftModifier
    for label in largest(labels, 12)[1:12:5]:
        window.click(*middle(labels == label))
        window.key(Qt.Key.Key_Return)
    window.key(Qt.Key.Key_F, shift)
    window.qtbot.waitUntil(lambda: not review.is_searching, timeout=300000)
    picture(window, "find")
    found = len(review.queue)
    assert found >= 10
    window.key(Qt.Key.Key_J, shift)
    window.key(Qt.Key.Key_Y, shift)
    view.quality.setValue(50)
    view.accept_all_button.click()
    window.wait()
    ours = window.annotator.labels.data
    assert ours.max() == found + 3
    right = [
        max(iou(ours == each, labels == label) for label in np.unique(labels[ours == each]))
        for each in range(4, found + 4)
    ]
    assert np.mean(np.array(right) > 0.5) > 0.9
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.annotator.labels.data.max() == 4


@pytest.mark.slow
def test_an_object_of_a_photograph(tutorial):
    labels = load_labels("coffee")
    truth = labels == labels[SAMPLES["coffee"].click]
    window = tutorial(load_image("coffee"), "Coffee cup (photograph)")
    window.click(*SAMPLES["coffee"].click)
    correct(window, truth, 8)
    assert iou(window.preview(truth.shape) > 0, truth) > 0.8
    picture(window, "photograph")
    window.key(Qt.Key.Key_Return)
    assert window.annotator.labels.data.any()


@pytest.mark.slow
def test_fix_the_result_of_another_tool(tutorial):
    labels = load_labels("nuclei").astype(np.uint16)
    first, second = largest(labels, 2)
    wrong = labels.copy()
    rows = np.nonzero(labels == first)[0]
    wrong[(labels == first) & (np.arange(len(labels))[:, None] > np.median(rows))] = 0
    wrong[labels == second] = first + 1000
    third = next(label for label in np.unique(labels) if label not in (0, first, second))
    wrong[labels == third] = first + 1000
    window = tutorial(load_image("nuclei"), "Nuclei (fluorescence)")
    layer = window.viewer.add_labels(wrong, name="cellpose masks")
    window.viewer.layers.selection.active = window.annotator.image
    before = wrong.copy()
    double_click(window, *middle(wrong == first))
    truth = labels == first
    started = iou(window.preview(truth.shape) > 0, truth)
    correct(window, truth, 3)
    window.key(Qt.Key.Key_Return)
    assert iou(layer.data == first, truth) > max(started, 0.8)
    others = (before != first) & ~(layer.data == first)
    assert np.array_equal(layer.data[others], before[others])
    double_click(window, *middle(labels == second))
    for label in (second, third):
        window.click(*middle(labels == label))
    window.widget.object.split_button.click()
    picture(window, "fix")
    parts = [layer.data[middle(labels == label)] for label in (second, third)]
    assert parts[0] == first + 1000
    assert parts[1] not in (0, parts[0])
    for part, label in zip(parts, (second, third), strict=True):
        assert np.array_equal(layer.data == part, labels == label)


def double_click(window, *world):
    point = window.point_on_canvas(world)
    QTest.mouseClick(window.canvas.native, LEFT, pos=point)
    QTest.mouseDClick(window.canvas.native, LEFT, pos=point)
    window.wait()


@pytest.mark.slow
def test_a_stack(tutorial):
    ((stack, options, _),) = open_brain()
    truths = np.stack([ndimage.binary_fill_holes(plane > 12) for plane in stack])
    window = tutorial(stack, **options)
    show_slice(window, 8)
    window.click(*middle_of_slice(window, truths, 8))
    correct(window, truths[8], 4)
    picture(window, "stack")
    window.widget.stack.direction.setCurrentText("both")
    propagate(window)
    data = window.annotator.labels.data
    assert min(iou(data[z] == 1, truths[z]) for z in range(len(stack))) > 0.9
    before = data.copy()
    show_slice(window, 10)
    double_click(window, *middle_of_slice(window, truths, 10))
    window.click(*middle_of_slice(window, truths, 10))
    window.widget.stack.direction.setCurrentText("forwards")
    propagate(window)
    assert np.array_equal(data[:10], before[:10]), "those before stay"
    assert min(iou(data[z] == 1, truths[z]) for z in range(10, len(stack))) > 0.9
    corrected = data.copy()
    show_slice(window, 17)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.viewer.dims.current_step[0] == 10, "where the propagation began"
    assert np.array_equal(data[10], corrected[10])
    assert np.array_equal(data[11:], before[11:])


@pytest.mark.slow
def test_a_slide(tutorial):
    gland, other = (16_800, 16_690), (17_000, 16_700)
    ((levels, options, _),) = open_slide()
    window = tutorial(levels, **options)
    window.camera.center, window.camera.zoom = gland, 1.5
    QTest.qWait(300)
    window.click(*gland)
    window.click(*other, button=RIGHT)
    picture(window, "slide")
    mask = window.controller.mask
    pixels = mask.within(mask.box)
    assert 15_000 < pixels.sum() < 30_000
    assert mask.within(Box(16_799, 16_802, 16_689, 16_692)).all()
    assert not mask.within(Box(16_960, 17_040, 16_660, 16_740)).any()
    window.key(Qt.Key.Key_Return)
    committed = window.viewer.layers[f"Objects of {SLIDE}"].data
    assert [level.shape for level in committed] == [level.shape[:2] for level in levels]
    assert np.array_equal(np.asarray(committed[0][mask.box.slices]) == 1, pixels)
    assert committed[1][gland[0] // 4, gland[1] // 4] == 1


def show_slice(window, index):
    window.viewer.dims.set_current_step(0, index)


def middle_of_slice(window, truths, index):
    """Return the world point in the middle of an object's part in a slice."""
    return window.annotator.image.data_to_world((index, *middle(truths[index])))


def propagate(window):
    QTest.mouseClick(window.widget.stack.button, LEFT)
    window.wait()
