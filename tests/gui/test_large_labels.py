"""Labels that are large or have levels: what is on the screen after each step, in a window."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

RADIUS = 8  # of what the stand-in network answers
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def colored(window):
    """Where the screen is not black, (H, W); the image is, and nothing is being clicked on."""
    QTest.qWait(30)
    shot = window.viewer.screenshot(canvas_only=True, flash=False)
    return shot[..., :3].max(axis=-1) > 40


def look(window, zoom, *world):
    displayed = window.viewer.dims.displayed
    window.camera.center = tuple(world[axis] for axis in displayed)
    window.camera.zoom = zoom
    QTest.qWait(50)


def is_disk_at(window, seen, *world, radius=RADIUS):
    """Whether all that is seen is one disk around a point of the world."""
    point = window.point_on_canvas(world)
    rows, cols = np.nonzero(seen)
    reach = radius * window.camera.zoom
    slack = 2 + 0.1 * reach
    return (
        len(rows) > 0
        and abs(rows.mean() - point.y()) < slack
        and abs(cols.mean() - point.x()) < slack
        and abs(rows.max() - rows.min() - 2 * reach) < 2 * slack
        and abs(cols.max() - cols.min() - 2 * reach) < 2 * slack
    )


def assert_shown(window, seen):
    """The screen is what it is when napari reads everything again."""
    window.annotator.labels.refresh()
    assert np.array_equal(seen, colored(window))


@pytest.fixture
def slide(annotate, monkeypatch):
    """An image with levels, whose labels do not fit into the memory."""
    pytest.importorskip("zarr")
    monkeypatch.setattr("napari_iafpn.plugin.stores.MEMORY_BYTES", 2**20)
    levels = [np.zeros((3000 // f, 4000 // f), np.uint8) for f in (1, 2, 4)]
    return annotate(levels, multiscale=True, contrast_limits=(0, 255), name="slide")


def test_commits_into_labels_with_levels(slide, tmp_path):
    window = slide
    look(window, 4.0, 1201, 2003)
    window.click(1201, 2003)
    assert window.annotator.preview.layer.data.shape < (100, 100), "as large as its region"
    window.key(Qt.Key.Key_Return)
    labels = window.annotator.labels
    assert (tmp_path / "home" / "labels" / "slide.zarr").is_dir()
    assert [level.shape for level in labels.data] == [(3000 // f, 4000 // f) for f in (1, 2, 4)]
    assert is_disk_at(window, colored(window), 1201, 2003)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not any(np.asarray(level[...]).any() for level in labels.data)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not colored(window).any()
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert is_disk_at(window, colored(window), 1201, 2003)
    for zoom in (0.2, 4.0):  # from afar napari shows the coarsest level
        look(window, zoom, 1201, 2003)
        assert labels.data_level == (2 if zoom < 1 else 0)
        assert is_disk_at(window, colored(window), 1201, 2003)
    look(window, 0.2, 1201, 2003)
    window.key(Qt.Key.Key_Z, CONTROL)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not colored(window).any()
    look(window, 4.0, 1201, 2003)
    window.click(1201, 2003)
    window.key(Qt.Key.Key_Return)
    look(window, 0.2, 1201, 2003)
    assert is_disk_at(window, colored(window), 1201, 2003)
    point = window.point_on_canvas((1201, 2003))
    QTest.mouseClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    QTest.mouseDClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    window.wait()
    assert window.controller.current.edited.label == 1
    assert not any(np.asarray(level[...]).any() for level in labels.data)
    window.widget.object.discard_button.click()
    assert is_disk_at(window, colored(window), 1201, 2003)


def test_a_commit_into_a_large_array_is_shown_without_reading_it_again(annotate):
    window = annotate(np.zeros((3000, 4000), np.uint8), contrast_limits=(0, 255))
    window.viewer.add_labels(np.zeros((3000, 4000), np.int32), name="large")
    window.viewer.layers.selection.active = window.annotator.image
    window.widget.objects.labels_chosen.emit("large")
    labels = window.annotator.labels
    look(window, 3.0, 2500, 3500)
    reads = []
    labels.events.set_data.connect(reads.append)
    for contour in (0, 1):
        labels.contour = contour
        reads.clear()
        window.click(2500, 3500)
        window.key(Qt.Key.Key_Return)
        seen = colored(window)
        assert is_disk_at(window, seen, 2500, 3500)
        point = window.point_on_canvas((2500, 3500))
        assert seen[point.y(), point.x()] == (contour == 0)
        for _ in range(2):
            window.key(Qt.Key.Key_Z, CONTROL)
        assert not colored(window).any()
        assert reads == []
        assert_shown(window, colored(window))


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
def test_commits_into_a_stack_that_is_seen_from_any_side(annotate, order):
    window = annotate(np.zeros((60, 70, 80), np.uint8), contrast_limits=(0, 255))
    window.viewer.dims.order = order
    window.viewer.dims.set_point(order[0], 20)
    look(window, 5.0, 30, 30, 30)
    at = [30, 34, 38]
    at[order[0]] = 20
    window.click(*at)
    window.key(Qt.Key.Key_Return)
    window.annotator.labels.contour = 1
    window.key(Qt.Key.Key_Z, CONTROL)
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    seen = colored(window)
    assert is_disk_at(window, seen, *at)
    assert_shown(window, seen)
    window.viewer.dims.set_point(order[0], 40)
    assert not colored(window).any()
    for _ in range(2):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert not colored(window).any(), "undo turned to the slice"
    assert_shown(window, colored(window))


def test_a_session_of_large_labels_goes_on_in_another_window(
    make_napari_viewer, slide, annotate, monkeypatch
):
    for name in ("sessions.provenance.CONTENT_BYTES", "plugin.sessions.recorder.CONTENT_BYTES"):
        monkeypatch.setattr(f"napari_iafpn.{name}", 2**20)
    monkeypatch.setattr("napari_iafpn.sessions.provenance.MEMORY_BYTES", 2**20)
    look(slide, 4.0, 1201, 2003)
    slide.click(1201, 2003)
    slide.key(Qt.Key.Key_Return)
    before = [np.asarray(level[...]) for level in slide.annotator.labels.data]
    image = slide.annotator.image.data
    slide.viewer.window.remove_dock_widget(slide.widget)
    viewer = make_napari_viewer(show=True)
    options = {"multiscale": True, "contrast_limits": (0, 255), "name": "slide"}
    window = annotate(list(image), viewer=viewer, **options)
    window.qtbot.waitUntil(window.widget.sessions.view.isVisible)
    window.resume()
    labels = window.annotator.labels
    assert [
        np.array_equal(level[...], old) for level, old in zip(labels.data, before, strict=True)
    ] == [True] * 3
    look(window, 4.0, 1201, 2003)
    assert is_disk_at(window, colored(window), 1201, 2003)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not any(np.asarray(level[...]).any() for level in labels.data)
    assert len(window.clicks) == 1
