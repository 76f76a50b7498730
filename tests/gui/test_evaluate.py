"""The evaluation in a real window, with a real (tiny) network in real processes."""

import multiprocessing
import threading

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QTimer

from napari_iafpn.networks import ModelCard, save_cascade
from napari_iafpn.plugin.evaluation.runner import THREAD
from napari_iafpn.plugin.evaluation.setup_view import FOLDER
from napari_iafpn.plugin.evaluation.widget import EvaluateClicks


@pytest.fixture
def model(tmp_path, tiny_cascade):
    file = tmp_path / "tiny.safetensors"
    save_cascade(tiny_cascade, file, ModelCard(name="tiny"))
    return file


@pytest.fixture
def cells(disk_image):
    """Three planes of 80 x 96 with a disk and a square, the middle one without labels."""
    image, disk = disk_image
    ids = disk.astype(np.int32)
    ids[4:12, 5:15] = 2
    return np.stack([image] * 3), np.stack([ids, np.zeros_like(ids), ids])


@pytest.fixture
def window(make_napari_viewer, qtbot, model):
    """Opens the docked widget in a window."""
    opened = []

    def open_window(image=None, labels=None):
        viewer = make_napari_viewer(show=True, strict_qt="raise")
        viewer.window.resize(1300, 950)
        if image is not None:
            viewer.add_image(image, name="cells")
        if labels is not None:
            viewer.add_labels(labels, name="truth")
        widget = EvaluateClicks(viewer, models=[str(model)])
        viewer.window.add_dock_widget(widget, name="Evaluate clicks")
        opened.append(widget)
        qtbot.waitUntil(widget.isVisible)
        return viewer, widget

    yield open_window
    for widget in opened:
        if widget.parent() is None:  # the dock was closed and left it to Python
            widget.deleteLater()
            qtbot.wait(50)
    assert not workers()


def workers():
    """What an evaluation could leave behind."""
    return [
        *multiprocessing.active_children(),
        *(thread for thread in threading.enumerate() if thread.name == THREAD),
    ]


def camera(viewer):
    return getattr(viewer, "scene", viewer).camera


def finish(widget, qtbot):
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=40000)


def curve(widget):
    """The points of each line that is no guide."""
    return [line.get_xydata() for line in widget.results.curve.axes.get_lines()[1:]]


def test_a_stack_from_start_to_report(window, qtbot, cells, tmp_path):
    viewer, widget = window(*cells)
    assert (widget.setup.image, widget.setup.labels) == ("cells", "truth")
    ticks, bars = [], set()
    timer = QTimer()
    timer.setInterval(20)
    timer.timeout.connect(lambda: ticks.append(bars.add(widget.run.bar.value())))
    timer.start()
    widget.run.start_button.native.click()
    assert widget.run.cancel_button.enabled
    finish(widget, qtbot)
    timer.stop()
    assert len(ticks) > 20, "the window was not alive"
    assert len(bars) > 1, "no progress was seen"
    assert widget.status.text == "Done: 4 objects in 2 images."
    (points,) = curve(widget)
    assert np.array_equal(points[:, 0], np.arange(1, len(points) + 1))
    expected = [result.ious[0] for result in widget.controller.scores.results]
    assert points[0, 1] == pytest.approx(np.mean(expected))
    assert (
        "clicks per object to reach 85\N{NO-BREAK SPACE}% overlap"
        in widget.results.sentences.text()
    )

    rows = widget.results.worst
    names = [rows.topLevelItem(place).text(0) for place in range(rows.topLevelItemCount())]
    assert sorted(names) == ["cells [0]:1", "cells [0]:2", "cells [2]:1", "cells [2]:2"]
    viewer.dims.set_point(0, 0)
    viewer.reset_view()
    zoom = camera(viewer).zoom
    rows.setCurrentItem(rows.topLevelItem(names.index("cells [2]:2")))
    qtbot.waitUntil(lambda: "True outline" in viewer.layers)
    assert viewer.dims.current_step[0] == 2
    assert camera(viewer).zoom > zoom
    assert not viewer.layers["truth"].visible, "the mask would be hidden under it"
    assert {"Mask of tiny", "True outline", "Clicks of tiny"} <= {a.name for a in viewer.layers}
    truth = viewer.layers["True outline"]
    corner = np.argwhere(np.asarray(truth.data))[0]
    assert tuple(truth.data_to_world(corner)) == (2, 4, 5)
    assert widget.setup.labels == "truth", "the layers on show are no data"

    widget.controller.save(tmp_path / "report")
    finish(widget, qtbot)
    assert "open report.html" in widget.status.text
    assert (tmp_path / "report" / "report.html").is_file()
    assert (tmp_path / "report" / "results.json").is_file()


def test_a_folder_opens_its_worst_image_and_a_wrong_model_is_told(window, qtbot, cells, tmp_path):
    for name, array in (("images", cells[0]), ("labels", cells[1].astype(np.uint8))):
        (tmp_path / "mine" / name).mkdir(parents=True)
        Image.fromarray(array[0]).save(tmp_path / "mine" / name / "a.png")
    viewer, widget = window()
    widget.setup.kind.value, widget.setup.chosen_folder.value = FOLDER, tmp_path / "mine"
    widget.setup.objects.value = 1
    widget.start()
    finish(widget, qtbot)
    assert widget.status.text == "Done: 1 object in 1 image."
    widget.results.worst.setCurrentItem(widget.results.worst.topLevelItem(0))
    qtbot.waitUntil(lambda: "a" in viewer.layers)
    assert np.array_equal(viewer.layers["a"].data, cells[0][0])

    (tmp_path / "no.safetensors").write_bytes(b"no model at all")
    widget.setup.first.choose(str(tmp_path / "no.safetensors"))
    widget.start()
    finish(widget, qtbot)
    assert "no.safetensors" in widget.status.text
    assert "Traceback" not in widget.status.text


def test_cancelling_and_closing_leave_nothing_behind(window, qtbot, cells):
    viewer, widget = window(*cells)
    for leave in (
        widget.run.cancel_button.native.click,
        lambda: viewer.window.remove_dock_widget(widget),
    ):
        widget.start()
        qtbot.waitUntil(lambda: bool(multiprocessing.active_children()), timeout=60000)
        leave()
        finish(widget, qtbot)
        qtbot.waitUntil(lambda: not workers(), timeout=60000)
        assert widget.status.text.startswith("Stopped")


def test_what_is_missing_or_does_not_fit_gets_a_sentence(window, qtbot, cells):
    viewer, widget = window()
    widget.start()
    assert widget.status.text == "There is no image layer; open an image first."
    viewer.add_image(cells[0][0], name="cells")
    widget.start()
    assert widget.status.text.startswith("There is no labels layer")
    viewer.add_labels(np.ones((9, 9), int), name="small")
    widget.start()
    finish(widget, qtbot)
    assert "80 x 96 pixels, the labels 'small' 9 x 9" in widget.status.text
    viewer.add_labels(np.zeros((80, 96), int), name="empty")
    widget.setup.set_layers(["cells"], "cells", ["small", "empty"], "empty")
    widget.start()
    finish(widget, qtbot)
    assert "hold no object" in widget.status.text
