"""The four tutorials of docs/tutorials.md, with the default model and a real mouse.

With SCREENSHOTS set to a folder, the pictures of the page are written there.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from scipy import ndimage

from napari_iafpn.clicks.simulated import simulated_click
from napari_iafpn.evaluation.metrics import iou
from napari_iafpn.exchange import read_labels
from napari_iafpn.plugin.samples import SAMPLES, load_image, load_labels
from napari_iafpn.plugin.worker import load_predictor

CONTROL = Qt.KeyboardModifier.ControlModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def tutorial(annotate):
    def start(pixels, name):
        return annotate(pixels, name=name, load=load_predictor, models=("default",))

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
        window.click(click.row, click.col, button=LEFT if click.positive else RIGHT)


def unfold(window):
    view = window.widget.objects
    folded = view.parent()
    while not hasattr(folded, "expand"):
        folded = folded.parent()
    folded.expand(animate=False)
    QTest.qWait(50)
    return view


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
    table = unfold(window)
    assert [row.label for row in table.model.rows] == [1, 2, 3]
    picture(window, "cells")
    path = tmp_path / "nuclei.geojson"
    committed.save(str(path), plugin="napari-iafpn")
    again = read_labels(path, committed.data.shape)
    assert np.array_equal(again.labels, committed.data)


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
    window.widget.object.split_button.native.click()
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
    image, labels = load_image("nuclei"), load_labels("nuclei")
    stack = np.stack([np.roll(image, 4 * z, axis=1) for z in range(4)])
    truth = labels == largest(labels, 1)[0]
    truths = [np.roll(truth, 4 * z, axis=1) for z in range(4)]
    window = tutorial(stack, "stack")
    window.viewer.dims.set_point(0, 0)
    window.click(0, *middle(truth))
    propagate(window)
    data = window.annotator.labels.data
    assert min(iou(data[z] == 1, truths[z]) for z in range(4)) > 0.8
    before = data.copy()
    window.viewer.dims.set_point(0, 1)
    double_click(window, 1, *middle(truths[1]))
    picture(window, "stack")
    window.click(1, *middle(truths[1]))
    propagate(window)
    assert np.array_equal(data[0], before[0])
    assert min(iou(data[z] == 1, truths[z]) for z in range(1, 4)) > 0.8
    corrected = data.copy()
    window.viewer.dims.set_point(0, 3)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.viewer.dims.current_step[0] == 1, "where the propagation began"
    assert np.array_equal(data[1], corrected[1])
    assert np.array_equal(data[2:], before[2:])


def propagate(window):
    QTest.mouseClick(window.widget.propagation.button, LEFT)
    window.wait()
