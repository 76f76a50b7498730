"""A folder of images is annotated one after the other, by mouse and keys."""

import json

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.plugin.folder.queue import STATE, ImageQueue, Mark
from napari_iafpn.plugin.folder.widget import FolderOfImages
from napari_iafpn.prompts import Click

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def folder(tmp_path, rng):
    place = tmp_path / "plate 7"
    place.mkdir()
    for name in ("a", "b", "c"):
        tifffile.imwrite(place / f"{name}.tif", rng.integers(0, 255, (64, 80), np.uint8))
    return place


@pytest.fixture
def work(annotate, folder):
    """Open the panel on the folder beside click segmentation."""
    window = annotate(None, wait=False)
    panel = FolderOfImages(window.viewer)
    window.viewer.window.add_dock_widget(panel, name="Folder of images")
    panel.open_folder(folder)
    window.wait()
    window.panel = panel
    return window


def press(button):
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)


def saved(folder, name):
    return tifffile.imread(folder / f"{name}_labels.tif")


def images(window):
    return [layer.name for layer in window.viewer.layers if layer.name in ("a", "b", "c")]


def test_labels_are_saved_beside_each_image_and_the_next_one_comes(work, folder, disks):
    assert images(work) == ["a"]
    work.click(20, 30)
    work.key(Qt.Key.Key_Return)
    press(work.panel.view.next_button)
    work.wait()
    assert images(work) == ["b"]
    np.testing.assert_array_equal(saved(folder, "a") == 1, disks((64, 80), [Click(20, 30)]))
    work.click(40, 40)
    work.key(Qt.Key.Key_Return)
    press(work.panel.view.skip_button)
    work.wait()
    assert saved(folder, "b").any()
    marks = [entry.mark for entry in work.panel.queue.entries]
    assert marks == [Mark.DONE, Mark.SKIPPED, Mark.OPEN]
    assert work.panel.view.progress.text() == "1 of 3 done"


def test_what_was_saved_is_there_again_and_goes_on(work, folder):
    work.click(20, 30)
    work.key(Qt.Key.Key_Return)
    press(work.panel.view.next_button)
    press(work.panel.view.back_button)
    work.wait()
    assert images(work) == ["a"]
    assert work.annotator.labels.data.max() == 1
    work.click(50, 60)
    work.key(Qt.Key.Key_Return)
    press(work.panel.view.next_button)
    assert set(np.unique(saved(folder, "a"))) == {0, 1, 2}


def test_an_object_that_is_not_kept_is_not_left_behind(work):
    work.click(20, 30)
    press(work.panel.view.next_button)
    assert images(work) == ["a"]
    assert work.panel.status.text.startswith("Object 1 is not kept yet")
    assert len(work.clicks) == 1
    work.key(Qt.Key.Key_Return)
    press(work.panel.view.next_button)
    assert images(work) == ["b"]
    assert not work.panel.status.text


def test_labels_of_another_program_are_opened_and_never_written_over(annotate, folder):
    given = np.zeros((64, 80), np.uint16)
    given[5:20, 5:20] = 7
    tifffile.imwrite(folder / "a_cp_masks.tif", given)
    window = annotate(None, wait=False)
    panel = FolderOfImages(window.viewer)
    window.viewer.window.add_dock_widget(panel, name="Folder of images")
    panel.open_folder(folder)
    window.wait()
    assert [entry.name for entry in panel.queue.entries] == ["a", "b", "c"]
    assert window.annotator.labels.data.max() == 7
    window.click(40, 40)
    window.key(Qt.Key.Key_Return)
    press(panel.view.next_button)
    np.testing.assert_array_equal(tifffile.imread(folder / "a_cp_masks.tif"), given)
    assert set(np.unique(saved(folder, "a"))) == {0, 7, 8}


def test_a_folder_that_cannot_be_written_keeps_the_image_open(work, folder, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    work.click(20, 30)
    work.key(Qt.Key.Key_Return)
    monkeypatch.setattr("napari_iafpn.plugin.folder.widget.write_tif", full)
    press(work.panel.view.next_button)
    assert images(work) == ["a"]
    assert "No space left" in work.panel.status.text
    assert work.annotator.labels.data.any()


def test_one_goes_on_where_one_stopped(folder):
    queue = ImageQueue(folder)
    queue.mark(Mark.DONE)
    queue.go(1)
    queue.flag(True)
    queue.note_classes({1: {"name": "rod", "colour": "#ff0000"}})
    again = ImageQueue(folder)
    assert (again.entry.name, again.done, again.entry.flagged) == ("b", 1, True)
    assert again.classes == {1: {"name": "rod", "colour": "#ff0000"}}


@pytest.mark.parametrize(
    "damage", ["", "{", '{"marks": 3}', '{"marks": {"a": "gone"}, "classes": {}}']
)
def test_a_damaged_state_is_put_aside(folder, damage):
    (folder / STATE).write_text(damage)
    queue = ImageQueue(folder)
    assert (queue.place, queue.done) == (0, 0)
    queue.go(2)
    assert json.loads((folder / STATE).read_text())["current"] == "c"
    assert (folder / STATE).with_suffix(".damaged.json").read_text() == damage


def test_a_plate_is_a_queue_of_its_fields(tmp_path):
    zarr = pytest.importorskip("zarr")
    plate = zarr.open_group(tmp_path / "p.zarr", mode="w", zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    for well in ("A/1", "B/2"):
        group = plate.create_group(well)
        group.attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}]}
    queue = ImageQueue(tmp_path / "p.zarr")
    assert [entry.name for entry in queue.entries] == ["A/1/0", "A/1/1", "B/2/0", "B/2/1"]
    assert queue.entry.saved == tmp_path / "p-A-1-0_labels.tif"


def test_a_folder_without_images_is_one_sentence(annotate, tmp_path):
    window = annotate(None, wait=False)
    panel = FolderOfImages(window.viewer)
    window.viewer.window.add_dock_widget(panel, name="Folder of images")
    panel.open_folder(tmp_path)
    assert panel.status.text.startswith(f"There is no image in {tmp_path}")
    assert not panel.view.next_button.isEnabled()
