"""What the journal says of layers, and which sessions are offered."""

import errno
import os
import time

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.layers import layer_id
from napari_iafpn.plugin.sessions import keeper
from napari_iafpn.plugin.sessions.keeper import SessionKeeper
from napari_iafpn.plugin.sessions.offers import latest_session
from napari_iafpn.sessions import (
    Cutout,
    Document,
    Facts,
    FactsChange,
    LabelsChange,
    PlaneKey,
    Step,
)
from napari_iafpn.sessions.lines import sealed
from napari_iafpn.sessions.locking import is_locked
from napari_iafpn.sessions.pixels import painted
from napari_iafpn.sessions.reading import ArrayLabels, read_session

SHAPE = (60, 80)
SQUARE = Cutout(Box(5, 10, 5, 10), np.packbits(np.ones((5, 5), bool)).tobytes())


class Broken:
    """A store that gives shape and type, and no pixel."""

    shape, dtype, ndim = SHAPE, np.dtype(np.uint8), 2

    def __getitem__(self, _):
        raise RuntimeError("404")


@pytest.fixture
def sitting(tmp_path, rng):
    """A keeper of two images with a Labels layer each; returns what paints on one of them."""
    images = [Image(rng.integers(0, 255, SHAPE, np.uint8), name=f"image {i}") for i in range(2)]
    labels = [Labels(np.zeros(SHAPE, np.int32)) for _ in range(2)]
    by_id = {layer_id(layer): layer for layer in (*images, *labels)}
    kept = SessionKeeper(tmp_path, by_id.get, by_id.get, print)
    document = Document(lambda id_: ArrayLabels(by_id[id_].data), kept.record)

    def paint(number, label=1, *, facts=False):
        plane = PlaneKey(layer_id(images[number]), (0, 1))
        change = painted(labels[number].data, plane, SQUARE, label, "overwrite")
        target = layer_id(labels[number])
        told = (FactsChange(target, label, None, Facts()),) if facts else ()
        document.do(Step("paint", plane, labels=(LabelsChange(target, (change,)),), facts=told))

    yield kept, images, labels, paint
    kept.close()


def test_labels_are_kept_as_they_were_before_the_first_step(sitting):
    kept, _, labels, paint = sitting
    labels[0].data[20:30, 20:30] = 7
    before = labels[0].data.copy()
    paint(0)
    path = kept.path
    kept.close()
    session = read_session(path)
    (about,) = session.labels.values()
    assert np.array_equal(about.data(), before)
    assert np.array_equal(session.labels_of(about.id).data, labels[0].data)


@pytest.mark.parametrize("empty", [True, False])
def test_large_labels_are_kept_only_where_they_were_empty(sitting, monkeypatch, empty):
    for module in ("napari_iafpn.sessions.about", keeper.__name__):
        monkeypatch.setattr(f"{module}.CONTENT_BYTES", 100)
    kept, _, labels, paint = sitting
    if not empty:
        labels[0].data[20:30, 20:30] = 7
    paint(0)
    path = kept.path
    kept.close()
    text = path.read_text(encoding="utf-8")
    assert ('"content":""' in text) == empty
    assert ('"content":null' in text) == (not empty)


def test_every_image_of_a_session_is_offered_it(sitting, tmp_path):
    kept, images, _, paint = sitting
    for _ in range(6):
        paint(0)
        paint(0, 2)
    paint(1)
    kept.close()
    (path,) = tmp_path.glob("*.jsonl")
    assert len(read_session(path).images) == 2
    with path.open("ab") as file:  # an unfinished object, worth going on with
        plane = {"image": layer_id(images[1]), "axes": [0, 1], "index": []}
        click = {"number": 1, "clicks": [[3, 4, "+"]]}
        file.write(_line(plane, click))
    for image in images:
        offer = latest_session(tmp_path, image.data)
        assert offer is not None
        assert offer.image.name == image.name
    assert latest_session(tmp_path, 255 - images[0].data) is None


def _line(plane, click):
    step = {"entry": "do", "kind": "click", "plane": plane}
    return sealed({**step, "objects": [{"plane": plane, "object": click}]})


def test_an_image_whose_store_fails_is_journalled_without_its_pixels(sitting, monkeypatch):
    kept, _, _, paint = sitting
    monkeypatch.setattr(keeper, "full_resolution", lambda _: Broken())
    paint(0)
    path = kept.path
    kept.close()
    session = read_session(path)
    assert not session.damage
    assert [about.fingerprint for about in session.images.values()] == [""]


@pytest.fixture
def three(sitting, tmp_path):
    """Three sessions of one image, the newest last, of one to three objects."""
    kept, images, _, paint = sitting
    paths = []
    for count in (1, 2, 3):
        for label in range(1, count + 1):
            paint(0, label, facts=True)
        kept.flush()
        paths.append(kept.path)
        kept.close()
        os.utime(paths[-1], (count, count))
    return paths, images[0].data


def found(folder, image):
    offer = latest_session(folder, image)
    return offer.session.path, offer.session.objects, offer.sentence


def test_a_newer_or_unreadable_session_hides_no_older_one(three, tmp_path):
    paths, image = three
    assert found(tmp_path, image)[:2] == (paths[2], 3)
    lines = paths[2].read_bytes().splitlines(keepends=True)
    paths[2].write_bytes(sealed({"entry": "session", "format": 99}) + b"".join(lines[1:]))
    os.utime(paths[2], (9, 9))
    path, objects, sentence = found(tmp_path, image)
    assert (path, objects) == (paths[1], 2)
    assert "has the format 99, this version reads up to 2; update napari-iafpn." in sentence


def test_a_damaged_session_hides_no_fuller_whole_one(three, tmp_path):
    paths, image = three
    raw = paths[2].read_bytes()
    spoilt = raw.replace(b'"kind"', b'"kinD"', 1)
    paths[2].write_bytes(spoilt)
    path, objects, sentence = found(tmp_path, image)
    assert (path, objects) == (paths[2], 2), "the newest, where no older one has more"
    assert "is damaged and left out" in sentence
    paths[2].write_bytes(raw.replace(b'"kind"', b'"kinD"'))
    path, objects, sentence = found(tmp_path, image)
    assert (path, objects) == (paths[1], 2)


def test_a_session_whose_image_line_is_damaged_is_offered(three, tmp_path):
    paths, image = three
    paths[2].write_bytes(paths[2].read_bytes().replace(b'"name":"image 0"', b'"name":"imagE 0"'))
    path, objects, sentence = found(tmp_path, image)
    assert (path, objects) == (paths[2], 3)
    assert "is damaged and left out" in sentence


def test_a_file_name_that_is_no_unicode_is_journalled(sitting, tmp_path):
    kept, images, _, paint = sitting
    name = os.fsdecode(b"/caf\xe9.tif")
    images[0]._source = type(images[0].source)(path=name)
    paint(0)
    path = kept.path
    assert not kept.close()
    (about,) = read_session(path).images.values()
    assert about.path == name


def test_closing_on_a_full_disk_says_what_is_not_saved(sitting, monkeypatch):
    kept, _, _, paint = sitting
    paint(0)
    kept.flush()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("napari_iafpn.sessions.journal.RETRY_SECONDS", 0.05)
    path = kept.path
    with monkeypatch.context() as patch:
        patch.setattr("napari_iafpn.sessions.lines._write_all", full)
        paint(0, 2)
        sentence = kept.close()
    assert "the last 1 change(s) of the session" in sentence
    assert "No space left on device" in sentence
    deadline = time.monotonic() + 20
    while is_locked(path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(read_session(path).document.steps) == 2


def test_labels_that_cannot_be_read_stop_no_journal(sitting, monkeypatch):
    kept, _, _, paint = sitting

    def broken(*_):
        raise RuntimeError("404")

    told = []
    monkeypatch.setattr(kept, "_failed", told.append)
    monkeypatch.setattr(keeper, "_before", broken)
    paint(0)
    path = kept.path
    assert not kept.close()
    assert "cannot be read (RuntimeError: 404)" in told[0]
    session = read_session(path)
    assert not session.damage
    assert len(session.document.steps) == 1
