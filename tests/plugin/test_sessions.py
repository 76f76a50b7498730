"""What the journal says of layers, and which sessions are offered."""

import errno
import os
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.layers import layer_id
from napari_iafpn.plugin.sessions import offers as offers_module, recorder
from napari_iafpn.plugin.sessions.offers import Offer, age, offers_for
from napari_iafpn.plugin.sessions.recorder import SessionRecorder
from napari_iafpn.sessions import (
    Document,
    LabelsChange,
    ObjectStats,
    PlaneKey,
    StatsChange,
    Step,
)
from napari_iafpn.sessions.lines import sealed
from napari_iafpn.sessions.locking import is_locked
from napari_iafpn.sessions.pixels import painted
from napari_iafpn.sessions.provenance import ImageProvenance
from napari_iafpn.sessions.reading import ArrayLabels, read_session

SHAPE = (60, 80)
SQUARE = BoxedMask(Box(5, 10, 5, 10), np.packbits(np.ones((5, 5), bool)).tobytes())


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
    kept = SessionRecorder(tmp_path, by_id.get, by_id.get, print)
    document = Document(lambda id_: ArrayLabels(by_id[id_].data), kept.record)

    def paint(number, label=1, *, facts=False):
        plane = PlaneKey(layer_id(images[number]), (0, 1))
        change = painted(labels[number].data, plane, SQUARE, label, "overwrite")
        target = layer_id(labels[number])
        told = (StatsChange(target, label, None, ObjectStats()),) if facts else ()
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
    for module in ("napari_iafpn.sessions.provenance", recorder.__name__):
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
        ((offer,), unreadable) = offers_for(tmp_path, image.data)
        assert offer.image.name == image.name
        assert not unreadable
    assert offers_for(tmp_path, 255 - images[0].data) == ([], [])


def _line(plane, click):
    step = {"entry": "do", "kind": "click", "plane": plane}
    return sealed({**step, "objects": [{"plane": plane, "object": click}]})


def test_an_image_whose_store_fails_is_journalled_without_its_pixels(sitting, monkeypatch):
    kept, _, _, paint = sitting
    monkeypatch.setattr(recorder, "full_resolution", lambda _: Broken())
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


def test_no_labels_are_kept_for_what_is_only_on_offer(three, tmp_path, monkeypatch):
    _, image = three
    arrays, read = [], offers_module.read_session

    def watched(path):
        assert not any(array() is not None for array in arrays)  # one session at a time
        session = read(path)
        arrays.extend(weakref.ref(each) for each in session.arrays.values())
        return session

    monkeypatch.setattr(offers_module, "read_session", watched)
    offers, _ = offers_for(tmp_path, image)
    assert len(offers) == len(arrays) == 3
    assert not any(array() is not None for array in arrays)


def found(folder, image):
    """The paths and objects of the sessions on offer, and what cannot be read."""
    offers, unreadable = offers_for(folder, image)
    return [(offer.path, offer.objects) for offer in offers], unreadable


def test_an_unreadable_session_hides_no_other_and_is_told(three, tmp_path):
    paths, image = three
    lines = paths[2].read_bytes().splitlines(keepends=True)
    paths[2].write_bytes(sealed({"entry": "session", "format": 99}) + b"".join(lines[1:]))
    offered, (sentence,) = found(tmp_path, image)
    assert {*offered} == {(paths[0], 1), (paths[1], 2)}
    assert "has the format 99" in sentence


def test_a_damaged_session_is_offered_and_called_so(three, tmp_path):
    paths, image = three
    assert "damaged" not in text_of(paths[0], image)
    paths[0].write_bytes(paths[0].read_bytes() + b'{"entry": "d\n{"entry": "d\n')
    assert "damaged" in text_of(paths[0], image)


def text_of(path, image):
    offers, _ = offers_for(path.parent, image)
    (found,) = (offer for offer in offers if offer.path == path)
    return found.text


def test_a_session_whose_image_line_is_damaged_is_offered(three, tmp_path):
    paths, image = three
    paths[2].write_bytes(paths[2].read_bytes().replace(b'"name":"image 0"', b'"name":"imagE 0"'))
    assert (paths[2], 3) in found(tmp_path, image)[0]


@pytest.mark.parametrize(
    ("sessions", "first"),
    [
        ([(13, 0), (1, 9)], 0),  # a stray object hides no work
        ([(13, 0), (12, 9)], 1),  # of about as many the newest
        ([(2, 0), (40, 9)], 1),
        ([(0, 9), (1, 0)], 1),
    ],
)
def test_the_most_useful_session_comes_first(sessions, first):
    offers = []
    about = ImageProvenance("i", "", "", SHAPE, "uint8", False, "")
    for count, worked in sessions:
        offers.append(Offer(Path("a.jsonl"), about, count, worked=worked))
    assert min(offers, key=lambda offer: offer.rank) is offers[first]


def test_objects_of_other_images_are_not_counted(sitting, tmp_path):
    kept, images, _, paint = sitting
    for label in (1, 2, 3):
        paint(0, label, facts=True)
    paint(1, 1, facts=True)
    kept.close()
    assert [objects for _, objects in found(tmp_path, images[0].data)[0]] == [3]
    assert [objects for _, objects in found(tmp_path, images[1].data)[0]] == [1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "just now"),
        (61, "1 minute ago"),
        (3700, "1 hour ago"),
        (7300, "2 hours ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ages_in_words(seconds, text):
    assert age(time.time() - seconds) == text


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
    monkeypatch.setattr(recorder, "_before", broken)
    paint(0)
    path = kept.path
    assert not kept.close()
    assert "cannot be read (RuntimeError: 404)" in told[0]
    session = read_session(path)
    assert not session.damage
    assert len(session.document.steps) == 1
