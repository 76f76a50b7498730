"""A folder of images is annotated one after the other, by mouse and keys."""

import gc
import json
import weakref

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.evaluation.readers import open_pair
from napari_iafpn.evaluation.readers.pairs import STATE
from napari_iafpn.exchange import read_labels
from napari_iafpn.plugin.folder.progress import Mark
from napari_iafpn.plugin.folder.queue import ImageQueue
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
    return opened(annotate, folder)


@pytest.fixture
def stacks(annotate, tmp_path, rng):
    """The same on a folder of stacks, the first of which has labels on two planes."""
    for name in ("a", "b"):
        stack = np.repeat(rng.integers(0, 255, (1, 64, 80), np.uint8), 3, axis=0)
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, photometric="minisblack")
    labels = np.zeros((3, 64, 80), np.uint8)
    labels[0, 10:30, 10:30], labels[2, 40:50, 40:50] = 5, 6
    tifffile.imwrite(tmp_path / "a_labels.tif", labels, photometric="minisblack")
    window = opened(annotate, tmp_path)
    turn(window, 0)
    return window


def opened(annotate, folder):
    window = annotate(None, wait=False)
    window.panel = FolderOfImages(window.viewer)
    window.viewer.window.add_dock_widget(window.panel, name="Folder of images")
    window.panel.open_folder(folder)
    window.wait()
    return window


def turn(window, plane):
    window.viewer.dims.set_current_step(0, plane)
    window.wait()


def double_click(window, *world):
    point = window.point_on_canvas(world)
    QTest.mouseClick(window.canvas.native, LEFT, pos=point)
    QTest.mouseDClick(window.canvas.native, LEFT, pos=point)
    window.wait()


def keep(window, *world):
    window.click(*world)
    window.key(Qt.Key.Key_Return)


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


def test_an_object_edited_on_another_plane_is_shown_before_the_image_is_left(stacks, tmp_path):
    double_click(stacks, 0, 20, 20)
    assert stacks.controller.current.edited.label == 5
    turn(stacks, 2)
    press(stacks.panel.view.next_button)
    assert images(stacks) == ["a"]
    assert stacks.panel.status.text.startswith("Object 5 is not kept yet")
    assert stacks.viewer.dims.current_step[0] == 0
    stacks.key(Qt.Key.Key_Return)
    press(stacks.panel.view.next_button)
    assert images(stacks) == ["b"]
    assert set(np.unique(saved(tmp_path, "a"))) == {0, 5, 6}


def test_an_object_that_is_edited_while_the_view_is_3d_is_shown_in_2d(stacks):
    double_click(stacks, 0, 20, 20)
    stacks.viewer.dims.ndisplay = 3
    press(stacks.panel.view.next_button)
    assert images(stacks) == ["a"]
    assert stacks.viewer.dims.ndisplay == 2
    assert stacks.controller.current.edited.label == 5


def test_an_edited_object_of_an_image_that_was_closed_is_put_back(stacks, tmp_path):
    double_click(stacks, 0, 20, 20)
    stacks.viewer.layers.remove("a")
    press(stacks.panel.view.next_button)
    assert images(stacks) == ["b"]
    assert set(np.unique(saved(tmp_path, "a"))) == {0, 5, 6}


def test_a_propagation_is_waited_for(stacks, predictor, tmp_path):
    keep(stacks, 0, 50, 60)
    predictor.seconds = 0.3
    stacks.widget.propagate()
    press(stacks.panel.view.next_button)
    assert images(stacks) == ["a"]
    assert "propagated" in stacks.panel.status.text
    stacks.wait()
    press(stacks.panel.view.next_button)
    stacks.wait()
    assert images(stacks) == ["b"]
    assert [layer.name for layer in stacks.viewer.layers if layer.name.startswith("a")] == []
    assert (saved(tmp_path, "a")[:2] == 7).any(axis=(1, 2)).all()


def test_an_object_whose_mask_is_still_to_come_is_waited_for(work, predictor, folder):
    predictor.seconds = 0.3
    work.click(20, 30, wait=False)
    QTest.keyClick(work.canvas.native, Qt.Key.Key_Return)
    press(work.panel.view.next_button)
    assert images(work) == ["a"]
    assert "Wait until it is kept" in work.panel.status.text
    work.wait()
    press(work.panel.view.next_button)
    assert saved(folder, "a").max() == 1


def test_labels_are_those_of_the_opened_image_whichever_is_chosen(work, folder, rng, disks):
    keep(work, 20, 30)
    work.viewer.add_image(rng.integers(0, 255, (100, 120), np.uint8), name="mine")
    press(work.panel.view.next_button)
    work.wait()
    assert images(work) == ["b"]
    np.testing.assert_array_equal(saved(folder, "a") == 1, disks((64, 80), [Click(20, 30)]))
    keep(work, 90, 100)  # beside the other
    work.viewer.layers.selection.active = work.viewer.layers["mine"]
    assert work.annotator.labels.data.shape == (100, 120)
    press(work.panel.view.next_button)
    assert images(work) == ["c"]
    assert not (folder / "b_labels.tif").exists()
    assert (work.viewer.layers["Objects of mine"].data == 1).any()
    press(work.panel.view.back_button)
    press(work.panel.view.back_button)
    keep(work, 80, 100)
    work.viewer.layers.selection.active = work.viewer.layers["mine"]
    press(work.panel.view.next_button)
    assert saved(folder, "a").shape == (64, 80)


def test_an_object_lifted_out_of_the_labels_by_another_channel_is_not_left_behind(work, rng):
    keep(work, 20, 30)
    work.viewer.add_image(rng.integers(0, 255, (64, 80), np.uint8), name="second channel")
    work.wait()
    double_click(work, 20, 30)
    assert work.controller.current.edited.label == 1
    press(work.panel.view.next_button)
    assert images(work) == ["a"]
    assert work.panel.status.text.startswith("Object 1 is not kept yet")


def test_labels_are_saved_after_another_panel_of_click_segmentation_came(annotate, work, folder):
    keep(work, 20, 30)
    work.viewer.window.remove_dock_widget(work.widget)
    annotate(None)
    press(work.panel.view.next_button)
    assert images(work) == ["b"]
    assert saved(folder, "a").max() == 1


def test_objects_in_two_layers_are_never_saved_by_halves(annotate, work, folder):
    keep(work, 20, 30)
    work.viewer.window.remove_dock_widget(work.widget)
    again = annotate(None)
    keep(again, 50, 60)
    press(work.panel.view.next_button)
    assert images(work) == ["a"]
    assert "in 2 layers" in work.panel.status.text
    work.viewer.layers.remove(again.annotator.labels)
    press(work.panel.view.next_button)
    assert images(work) == ["b"]
    assert saved(folder, "a").max() == 1


@pytest.mark.parametrize("levels", [1, 2])
def test_labels_that_are_kept_on_the_disk_are_saved(annotate, folder, monkeypatch, levels):
    pytest.importorskip("zarr")
    monkeypatch.setattr("napari_iafpn.plugin.stores.MEMORY_BYTES", 1000)
    if levels > 1:
        monkeypatch.setattr("napari.layers.Image.level_shapes", np.array([[64, 80], [32, 40]]))
    window = opened(annotate, folder)
    press(window.panel.view.next_button)
    window.wait()
    assert not (folder / "a_labels.tif").exists()
    keep(window, 20, 30)
    assert not isinstance(window.annotator.labels.data, np.ndarray)
    press(window.panel.view.next_button)
    assert images(window) == ["c"]
    assert saved(folder, "b").max() == 1


def test_labels_that_cannot_be_read_are_not_written_over(annotate, folder):
    (folder / "a_labels.tif").write_bytes(b"half of a file")
    window = annotate(None, wait=False)
    panel = FolderOfImages(window.viewer)
    window.viewer.window.add_dock_widget(panel, name="Folder of images")
    panel.open_folder(folder)
    window.wait()
    window.click(20, 30)
    window.key(Qt.Key.Key_Return)
    press(panel.view.next_button)
    assert "a_labels.tif could not be read and would be written over" in panel.status.text
    assert (folder / "a_labels.tif").read_bytes() == b"half of a file"
    assert panel.queue.done == 0
    (folder / "a_labels.tif").unlink()
    press(panel.view.next_button)
    assert saved(folder, "a").max() == 1


def squares(*labels, shape=(64, 80)):
    """Return labels with a square of each id."""
    data = np.zeros(shape, np.uint16)
    for place, label in enumerate(labels):
        data[2:8, 10 * place : 10 * place + 6] = label
    return data


def test_labels_lie_on_their_image_whatever_scale_it_had(work, folder):
    work.annotator.image.scale = (0.3, 0.3)
    work.viewer.reset_view()
    keep(work, 6, 9)
    press(work.panel.view.next_button)
    press(work.panel.view.back_button)
    work.wait()
    assert work.annotator.labels.data.max() == 1
    keep(work, 50, 60)
    press(work.panel.view.next_button)
    assert set(np.unique(saved(folder, "a"))) == {0, 1, 2}


def test_labels_of_another_size_are_not_written_over(annotate, folder):
    before = squares(3, 4, shape=(32, 40))
    tifffile.imwrite(folder / "a_labels.tif", before)
    window = opened(annotate, folder)
    assert "they have 32 x 40 pixels and the image 64 x 80" in window.panel.status.text
    keep(window, 40, 60)
    press(window.panel.view.next_button)
    assert images(window) == ["a"]
    assert (
        "a_labels.tif holds labels that do not lie on the image (they" in window.panel.status.text
    )
    np.testing.assert_array_equal(saved(folder, "a"), before)
    (folder / "a_labels.tif").rename(folder.parent / "a_labels.tif")
    press(window.panel.view.next_button)
    assert images(window) == ["b"]
    assert set(np.unique(saved(folder, "a"))) == {0, 1}


def test_labels_whose_layer_was_closed_are_not_written_over(annotate, folder):
    tifffile.imwrite(folder / "a_labels.tif", squares(3))
    window = opened(annotate, folder)
    window.viewer.layers.remove(window.annotator.labels)
    keep(window, 40, 60)
    press(window.panel.view.next_button)
    assert "a_labels.tif holds other labels and would be written over" in window.panel.status.text
    np.testing.assert_array_equal(saved(folder, "a"), squares(3))
    window.viewer.layers.remove(window.annotator.labels)
    press(window.panel.view.next_button)
    assert images(window) == ["b"]


def test_labels_that_did_not_change_are_not_written(annotate, folder):
    tifffile.imwrite(folder / "a_labels.tif", squares(3))
    tifffile.imwrite(folder / "b_cp_masks.tif", squares(4))
    window = opened(annotate, folder)
    view = window.panel.view
    tifffile.imwrite(folder / "a_labels.tif", squares(3, 9))  # meanwhile, by another program
    for button in (view.next_button, view.skip_button, view.back_button, view.back_button):
        press(button)
    window.wait()
    assert images(window) == ["a"]
    np.testing.assert_array_equal(saved(folder, "a"), squares(3, 9))
    assert window.annotator.labels.data.max() == 9
    assert not (folder / "b_labels.tif").exists()


def test_labels_that_changed_are_saved_whatever_layer_was_chosen_since(annotate, folder):
    tifffile.imwrite(folder / "a_labels.tif", squares(3))
    window = opened(annotate, folder)
    labels = window.annotator.labels
    keep(window, 40, 60)
    window.annotator.set_labels(None)
    keep(window, 50, 20)
    press(window.panel.view.next_button)
    assert "in 2 layers" in window.panel.status.text
    window.viewer.layers.remove(window.annotator.labels)
    press(window.panel.view.next_button)
    assert images(window) == ["b"]
    assert labels not in window.viewer.layers
    assert saved(folder, "a").max() == 4


def test_labels_of_another_program_are_saved_when_they_are_done(annotate, folder):
    tifffile.imwrite(folder / "a_cp_masks.tif", squares(4))
    window = opened(annotate, folder)
    press(window.panel.view.next_button)
    np.testing.assert_array_equal(saved(folder, "a"), squares(4))


def test_labels_that_changed_here_and_elsewhere_are_both_kept(annotate, folder):
    tifffile.imwrite(folder / "a_labels.tif", squares(3))
    window = opened(annotate, folder)
    keep(window, 40, 60)
    tifffile.imwrite(folder / "a_labels.tif", squares(3, 9))
    press(window.panel.view.next_button)
    assert images(window) == ["a"]
    assert "a_labels.tif was changed by another program" in window.panel.status.text
    assert window.panel.queue.done == 0
    (folder / "a_labels.tif").rename(folder.parent / "theirs.tif")
    press(window.panel.view.next_button)
    assert images(window) == ["b"]
    assert saved(folder, "a").max() == 4
    assert tifffile.imread(folder.parent / "theirs.tif").max() == 9


def test_labels_that_another_annotator_saved_first_are_kept(work, folder):
    keep(work, 20, 30)
    tifffile.imwrite(folder / "a_labels.tif", squares(9))
    press(work.panel.view.next_button)
    assert "a_labels.tif was changed by another program" in work.panel.status.text
    np.testing.assert_array_equal(saved(folder, "a"), squares(9))


def test_another_folder_opens_when_the_one_before_is_gone(annotate, folder, tmp_path):
    tifffile.imwrite(folder / "a_labels.tif", squares(3))
    window = opened(annotate, folder)
    other = folder.rename(tmp_path / "elsewhere")
    window.panel.open_folder(other)
    assert not window.panel.status.text
    assert window.panel.queue.folder == other


def test_an_image_that_was_left_takes_no_memory(annotate, folder):
    tifffile.imwrite(folder / "a_labels.tif", squares(3))
    window = opened(annotate, folder)
    left = []
    for _ in range(2):
        keep(window, 40, 60)
        left += [weakref.ref(window.annotator.image), weakref.ref(window.annotator.labels)]
        press(window.panel.view.next_button)
        window.wait()
    assert images(window) == ["c"]
    gc.collect()
    assert [each() for each in left] == [None] * 4
    assert not window.annotator.book.layers
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "not open; open it first" in window.messages[-1].text
    assert saved(folder, "b").max() == 1


def test_labels_that_a_script_wrote_are_saved(work, folder):
    keep(work, 20, 30)
    work.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    work.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    work.annotator.labels.data[5, 5] = 3
    press(work.panel.view.next_button)
    assert saved(folder, "a").max() == 3


def test_classes_that_were_saved_stay_when_an_image_is_opened_again(work, folder):
    work.widget.classes.make("rod")
    keep(work, 20, 30)
    press(work.panel.view.next_button)
    press(work.panel.view.back_button)
    work.wait()
    assert work.annotator.labels.metadata["classes"] == {1: "rod"}
    keep(work, 50, 60)
    press(work.panel.view.next_button)
    assert dict(read_labels(folder / "a_labels.tif").classes) == {1: "rod", 2: "rod"}


def test_another_folder_brings_its_own_classes(work, tmp_path, rng):
    work.widget.classes.make("rod")
    press(work.panel.view.next_button)
    other = tmp_path / "other"
    other.mkdir()
    tifffile.imwrite(other / "a.tif", rng.integers(0, 255, (64, 80), np.uint8))
    classes = {1: {"name": "nucleus", "colour": "#f00"}, 2: {"name": "debris", "colour": "#0f0"}}
    ImageQueue(other).note_classes(classes)
    work.panel.open_folder(other)
    work.wait()
    assert work.annotator.categories == classes
    assert "debris" in [choice for choice, _ in choices(work.widget.numbering.category)]
    press(work.panel.view.next_button)
    assert ImageQueue(other).classes == classes
    assert [each["name"] for each in ImageQueue(tmp_path / "plate 7").classes.values()] == ["rod"]


def choices(combo):
    return [(combo.itemText(row), combo.itemData(row)) for row in range(combo.count())]


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
    monkeypatch.setattr("napari_iafpn.plugin.folder.labels_file.write_tif", full)
    press(work.panel.view.next_button)
    assert images(work) == ["a"]
    assert "No space left" in work.panel.status.text
    assert work.annotator.labels.data.any()


def test_a_state_that_cannot_be_written_changes_nothing(work, folder, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    view = work.panel.view
    with monkeypatch.context() as patch:
        patch.setattr("napari_iafpn.plugin.folder.progress.write_atomically", full)
        for button in (view.next_button, view.skip_button, view.flag_button):
            press(button)
            assert "No space left" in work.panel.status.text
        double_click_on(view.images, 2)
        assert images(work) == ["a"]
        assert (work.panel.queue.place, work.panel.queue.done) == (0, 0)
        assert not view.flag_button.isChecked()
    press(view.next_button)
    assert images(work) == ["b"]
    assert ImageQueue(folder).done == 1


def double_click_on(images, row):
    images.itemActivated.emit(images.item(row))


def test_an_image_that_cannot_be_opened_is_never_done(annotate, folder):
    (folder / "a.tif").write_bytes(b"II*\0half of a file")
    window = opened(annotate, folder)
    assert images(window) == []
    press(window.panel.view.next_button)
    assert images(window) == ["b"]
    assert [entry.mark for entry in ImageQueue(folder).entries][:2] == [Mark.SKIPPED, Mark.OPEN]
    queue = ImageQueue(folder)
    queue.go(0)
    queue.mark(Mark.DONE)
    press(window.panel.view.back_button)
    press(window.panel.view.next_button)
    assert ImageQueue(folder).done == 1


def test_a_state_that_cannot_be_put_aside_is_left_as_it_is(folder, monkeypatch):
    def denied(*_args):
        raise PermissionError(13, "Permission denied")

    (folder / STATE).write_text("{")
    monkeypatch.setattr("pathlib.Path.replace", denied)
    queue = ImageQueue(folder)
    with pytest.raises(ValueError, match="cannot be noted"):
        queue.go(2)
    assert queue.place == 0
    assert (folder / STATE).read_text() == "{"


def test_one_goes_on_where_one_stopped(folder):
    queue = ImageQueue(folder)
    queue.mark(Mark.DONE)
    queue.go(1)
    queue.flag(True)
    queue.note_classes({1: {"name": "rod", "colour": "#ff0000"}})
    again = ImageQueue(folder)
    assert (again.entry.name, again.done, again.entry.flagged) == ("b", 1, True)
    assert again.classes == {1: {"name": "rod", "colour": "#ff0000"}}


def test_two_annotators_share_a_folder(folder):
    one, other = ImageQueue(folder), ImageQueue(folder)
    one.note_classes({1: {"name": "rod", "colour": "#f00"}})
    one.mark(Mark.DONE)
    one.flag(True)
    one.go(1)
    other.go(2)
    other.mark(Mark.DONE)
    other.note_classes({2: {"name": "coccus", "colour": "#0f0"}})
    assert other.done == 2
    queue = ImageQueue(folder)
    assert [entry.mark for entry in queue.entries] == [Mark.DONE, Mark.OPEN, Mark.DONE]
    assert queue.entries[0].flagged
    assert {number: each["name"] for number, each in queue.classes.items()} == {
        1: "rod",
        2: "coccus",
    }
    other.note_classes({})
    assert [*ImageQueue(folder).classes] == [1]


def test_a_state_that_vanished_is_written_again(folder):
    queue = ImageQueue(folder)
    queue.mark(Mark.DONE)
    (folder / STATE).unlink()
    queue.go(1)
    assert ImageQueue(folder).done == 1


@pytest.mark.parametrize("other", ["a.png", "a.jpg", "a.npy", "a.ome.tif"])
def test_images_of_one_stem_share_nothing(folder, other):
    (folder / other).touch()
    queue = ImageQueue(folder)
    assert {entry.image.name: entry.labels for entry in queue.entries} == {
        other: None,
        "a.tif": None,
        "b.tif": None,
        "c.tif": None,
    }
    assert len({entry.saved for entry in queue.entries}) == 4


@pytest.mark.parametrize("other", ["a.png", "a.jpg", "a.npy", "a.ome.tif"])
def test_an_image_keeps_its_labels_when_others_of_its_stem_come_and_go(folder, other):
    queue = ImageQueue(folder)
    labels = queue.entry.saved
    labels.touch()
    queue.mark(Mark.DONE)
    (folder / other).touch()
    entries = {entry.image.name: entry for entry in ImageQueue(folder).entries}
    assert (entries["a.tif"].mark, entries["a.tif"].labels) == (Mark.DONE, labels)
    assert (entries[other].mark, entries[other].labels) == (Mark.OPEN, None)
    queue = ImageQueue(folder)
    place = [entry.image.name for entry in queue.entries].index(other)
    queue.entries[place].saved.touch()
    queue.go(place)
    (folder / "a.tif").unlink()
    left = ImageQueue(folder).entry
    assert (left.name, left.labels) == (entries[other].name, entries[other].saved)


def test_labels_by_the_name_of_several_images_are_offered_to_each(folder):
    for name in ("a.png", "a_labels.tif"):
        (folder / name).touch()
    entries = [entry for entry in ImageQueue(folder).entries if entry.image.stem == "a"]
    assert [entry.labels for entry in entries] == [folder / "a_labels.tif"] * 2
    assert folder / "a_labels.tif" not in [entry.saved for entry in entries]


@pytest.fixture(params=[True, False], ids=["", "before-0.2"])
def reopened(request):
    """Open a folder again, with a state that says where labels are saved or does not."""

    def reopen(folder):
        if not request.param:
            state = json.loads((folder / STATE).read_text())
            state.pop("labels", None)
            (folder / STATE).write_text(json.dumps(state))
        return {
            each.image.relative_to(folder).as_posix(): each for each in ImageQueue(folder).entries
        }

    return reopen


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def test_an_image_in_a_folder_of_folders_keeps_its_labels(tmp_path, reopened):
    touch(tmp_path, "s1/a.tif", "s2/a.tif")
    queue = ImageQueue(tmp_path)
    queue.entry.saved.touch()
    queue.mark(Mark.DONE)
    touch(tmp_path, "s1/a.png")
    entries = reopened(tmp_path)
    assert entries["s1/a.tif"].labels == queue.entry.saved == tmp_path / "s1" / "a_labels.tif"
    assert entries["s1/a.png"].labels is None


def test_labels_are_given_in_folders_of_folders_as_long_as_one_works_there(tmp_path):
    touch(tmp_path, "s1/a.tif", "s1/a_cp_masks.tif")
    ImageQueue(tmp_path).go(0)
    assert ImageQueue(tmp_path).entry.labels == tmp_path / "s1" / "a_cp_masks.tif"


def test_an_image_whose_name_is_the_stem_of_another_keeps_its_own_labels(tmp_path, reopened):
    touch(tmp_path, "a.tif", "a.tif.png")
    queue = ImageQueue(tmp_path)
    queue.go(1)
    queue.entry.saved.touch()
    entries = reopened(tmp_path)
    assert entries["a.tif"].labels is None
    assert entries["a.tif.png"].labels == queue.entry.saved
    entries["a.tif"].saved.touch()
    assert reopened(tmp_path)["a.tif"].labels == entries["a.tif"].saved != queue.entry.saved


def test_commands_read_what_was_corrected_here(annotate, folder):
    tifffile.imwrite(folder / "a_cp_masks.tif", squares(4))
    window = opened(annotate, folder)
    keep(window, 40, 60)
    press(window.panel.view.next_button)
    assert open_pair(folder, folder, "plate").objects(0) == (4, 5)


def test_a_mask_beside_a_photograph_is_its_labels(tmp_path):
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).touch()
    (entry,) = ImageQueue(tmp_path).entries
    assert (entry.image.name, entry.given) == ("a.jpg", tmp_path / "a.png")


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        '{"marks": 3}',
        '{"marks": {"a": "gone"}, "classes": {}}',
        '{"marks": {}, "classes": {}, "images": {"a": 3}}',
        '{"marks": {}, "classes": {}, "labels": 3}',
        '{"marks": {}, "classes": {"a": {}}}',
        '{"marks": {}, "classes": {"1": {"name": "rod"}}}',
        '{"marks": {}, "classes": {}, "flagged": 3}',
    ],
)
def test_a_damaged_state_is_put_aside(folder, damage):
    (folder / STATE).write_text(damage)
    queue = ImageQueue(folder)
    assert (queue.place, queue.done) == (0, 0)
    queue.go(2)
    assert json.loads((folder / STATE).read_text())["current"] == "c"
    assert (folder / STATE).with_suffix(".damaged.json").read_text() == damage


def make_plate(path):
    zarr = pytest.importorskip("zarr")
    plate = zarr.open_group(path, mode="w", zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    for well in ("A/1", "B/2"):
        group = plate.create_group(well)
        group.attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}]}
    return path


def test_a_plate_is_a_queue_of_its_fields(tmp_path):
    queue = ImageQueue(make_plate(tmp_path / "p.zarr"))
    assert [entry.name for entry in queue.entries] == ["A/1/0", "A/1/1", "B/2/0", "B/2/1"]
    assert queue.entry.saved == tmp_path / "p-A-1-0_labels.tif"


@pytest.mark.parametrize("name", ["2024.11.30_{}.zarr", "2024.11.30_{}.ome.zarr", "{}.zarr"])
def test_plates_beside_each_other_share_nothing(tmp_path, name):
    one, other = (make_plate(tmp_path / name.format(kind)) for kind in ("control", "drug"))
    queue = ImageQueue(one)
    tifffile.imwrite(queue.entry.saved, np.ones((4, 4), np.uint8))
    queue.mark(Mark.DONE)
    queue.go(1)
    fresh = ImageQueue(other)
    assert (fresh.place, fresh.done, fresh.entry.labels) == (0, 0, None)
    fresh.mark(Mark.SKIPPED)
    again = ImageQueue(one)
    assert (again.place, again.done) == (1, 1)
    assert again.entries[0].labels == queue.entries[0].saved


def test_a_plate_that_is_alone_goes_on_from_what_was_called_otherwise(tmp_path):
    plate = make_plate(tmp_path / "2024.11.30.zarr")
    state = {"current": "A/1/1", "marks": {"A/1/0": "done"}, "flagged": [], "classes": {}}
    (tmp_path / STATE).write_text(json.dumps(state))
    tifffile.imwrite(tmp_path / "2024-A-1-0_labels.tif", np.ones((4, 4), np.uint8))
    queue = ImageQueue(plate)
    assert (queue.place, queue.done) == (1, 1)
    assert queue.entries[0].labels == tmp_path / "2024-A-1-0_labels.tif"
    assert queue.entries[0].saved == tmp_path / "2024.11.30-A-1-0_labels.tif"
    queue.go(2)
    assert ImageQueue(plate).place == 2
    assert json.loads((tmp_path / STATE).read_text()) == state
    other = ImageQueue(make_plate(tmp_path / "2024.12.01.zarr"))
    assert (other.place, other.done, other.entries[0].labels) == (0, 0, None)


def test_the_state_of_the_folder_around_a_plate_is_not_its_own(folder):
    around = ImageQueue(folder)
    around.note_classes({1: {"name": "rod", "colour": "#ff0000"}})
    assert ImageQueue(make_plate(folder / "p.zarr")).classes == {}


def test_a_folder_without_images_is_one_sentence(annotate, tmp_path):
    window = annotate(None, wait=False)
    panel = FolderOfImages(window.viewer)
    window.viewer.window.add_dock_widget(panel, name="Folder of images")
    panel.open_folder(tmp_path)
    assert panel.status.text.startswith(f"There is no image in {tmp_path}")
    assert not panel.view.next_button.isEnabled()
