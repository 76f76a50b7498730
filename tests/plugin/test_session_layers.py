"""What the user did is in the session, whatever layers it was done on."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from npe2 import PluginManager

from napari_iafpn.exchange.session import read_session_labels
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.annotate.export import save
from napari_iafpn.plugin.annotator import Annotator
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.layers import layer_id
from napari_iafpn.plugin.sessions.offers import offers_for
from napari_iafpn.plugin.sessions.recorder import SessionRecorder
from napari_iafpn.plugin.sessions.sessions import Sessions
from napari_iafpn.sessions import (
    KEEP,
    DisplaySettings,
    Document,
    ObjectStats,
    PlaneKey,
)
from napari_iafpn.sessions.actions import commit_step, edit_step
from napari_iafpn.sessions.reading import read_session
from napari_iafpn.sessions.steps import Commit, ObjectChange

SQUARE = np.ones((3, 3), bool)
CLASSES = {1: {"name": "nucleus", "colour": "#e69f00"}}


def committed(document, plane, target, label, place, category=0):
    """Return the step that commits a square of nine pixels."""
    change = ObjectChange(plane, document[plane], document.next_object())
    commit = Commit(target.id, label, KEEP, "", DisplaySettings())
    facts = ObjectStats(category=category, clicks=1)
    return commit_step(change, target, BoxedMask.of(SQUARE, place), commit, document.facts, facts)


@pytest.fixture
def sitting(tmp_path, rng):
    """Return a function that opens labels and returns layer, recorder, document and a committer."""
    opened = []

    def open_labels(data):
        image, layer, said = Image(rng.integers(0, 255, (64, 64), np.uint8)), Labels(data), []
        target = LabelsLayer(layer)
        kept = SessionRecorder(tmp_path, lambda _: image, lambda _: layer, said.append)
        document = Document(lambda _: target, kept.record, kept.record_found)
        plane = PlaneKey(layer_id(image), (0, 1))
        opened.append(kept)

        def commit(label, row, col, category=0):
            document.do(committed(document, plane, target, label, (row, col), category))

        def edit(label):
            document.do(edit_step(plane, document[plane], document.next_object(), target, label))

        return layer, kept, commit, edit, said

    yield open_labels
    for kept in opened:
        kept.close()


def session_of(kept):
    kept.flush()
    return read_session(kept.path)


def test_ids_beyond_the_type_that_labels_began_with(sitting):
    """As after napari's "Convert data type"."""
    layer, kept, commit, _, _ = sitting(np.zeros((64, 64), np.uint8))
    commit(255, 0, 0)
    layer.data = layer.data.astype(np.int32)
    commit(256, 10, 10)
    commit(70_000, 20, 20)
    session = session_of(kept)
    assert not session.damage
    assert np.array_equal(read_session_labels(kept.path).labels, layer.data)
    (id_,) = session.labels
    assert np.array_equal(session.labels_of(id_).data, layer.data)


def test_classes_from_before_the_first_click_are_in_the_session(sitting):
    _, kept, commit, _, _ = sitting(np.zeros((64, 64), np.int32))
    kept.note_categories(CLASSES)
    commit(1, 0, 0, category=1)
    assert session_of(kept).categories == CLASSES
    assert read_session_labels(kept.path).classes == {1: "nucleus"}


def test_an_object_that_is_edited_is_exported_as_it_was(sitting):
    layer, kept, commit, edit, _ = sitting(np.zeros((64, 64), np.int32))
    commit(1, 0, 0)
    commit(2, 20, 20)
    before = layer.data.copy()
    edit(1)
    kept.flush()
    exported = read_session_labels(kept.path)
    assert np.array_equal(exported.labels, before)
    assert exported.notes == ("object 1 was being edited; it is as it was before",)


def test_labels_too_large_for_the_session_are_told(sitting, monkeypatch):
    for module in ("sessions.provenance", "plugin.sessions.recorder"):
        monkeypatch.setattr(f"napari_iafpn.{module}.CONTENT_BYTES", 100)
    data = np.zeros((64, 64), np.int32)
    data[40:50, 40:50] = 7
    _, _, commit, _, said = sitting(data)
    commit(8, 0, 0)
    assert "too large for the session" in said[0]


def test_resuming_beside_the_layers_of_the_last_sitting(tmp_path, qtbot, rng):
    """The session's labels are one layer: the one that is opened for it."""
    viewer = ViewerModel()
    pixels = rng.integers(0, 255, (64, 64), np.uint8)
    image = viewer.add_image(pixels, name="cells")

    def panel():
        annotator = Annotator(viewer, lambda _: None, lambda: None, "default", tmp_path / "labels")
        sessions = Sessions(annotator, tmp_path / "sessions")
        annotator.open()
        annotator.set_image(image)
        return annotator, sessions

    def commit(annotator, *place):
        controller = annotator.controller
        target = annotator._target(controller.plane)
        label = target.next_label()
        controller.do(committed(controller.document, controller.plane, target, label, place))
        return label

    annotator, sessions = panel()
    assert [commit(annotator, 0, 0), commit(annotator, 10, 10)] == [1, 2]
    sessions.close()
    annotator.close()
    annotator, sessions = panel()
    annotator.set_categories({2: CLASSES[1]})
    ((offer,), _) = offers_for(tmp_path / "sessions", pixels)
    sessions.resume(offer)
    qtbot.waitUntil(lambda: sessions.keeper.path == offer.path)
    assert set(annotator.categories) == {2}  # a session without classes takes none away
    old, new = (layer for layer in viewer.layers if layer.name.startswith("Objects"))
    assert annotator.labels is new
    assert layer_id(old) != layer_id(new)
    assert [commit(annotator, 20, 20), commit(annotator, 30, 30)] == [3, 4]
    assert np.unique(new.data).tolist() == [0, 1, 2, 3, 4]
    assert np.unique(old.data).tolist() == [0, 1, 2]
    annotator.controller.undo()
    assert np.unique(new.data).tolist() == [0, 1, 2, 3]
    sessions.close()
    annotator.close()


@pytest.mark.parametrize(
    ("typed", "there", "suffixes"),
    [
        ("cells", "cells.tif", (".tif", ".tiff")),
        ("cells", "cells.ome.zarr", (".ome.zarr",)),
        ("cells.png", "cells", (".png",)),
    ],
)
def test_nothing_is_replaced_that_the_dialog_did_not_ask_about(tmp_path, typed, there, suffixes):
    PluginManager.instance().discover()
    raw = tmp_path / there
    if raw.suffix == ".tif":
        raw.write_bytes(b"raw")
    else:
        raw.mkdir()
    labels = Labels(np.ones((2, 8, 9), np.int32))
    message = save(labels, str(tmp_path / typed), suffixes)
    assert message.error
    assert "exists already" in message.text
    assert raw.exists()
    assert len([*tmp_path.iterdir()]) == 1
