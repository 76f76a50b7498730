"""What the journal says of layers, and which sessions are offered."""

import json

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.layers import layer_id
from napari_iafpn.plugin.sessions import keeper
from napari_iafpn.plugin.sessions.keeper import SessionKeeper
from napari_iafpn.plugin.sessions.offers import latest_session
from napari_iafpn.sessions import Cutout, Document, LabelsChange, PlaneKey, Step
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

    def paint(number, label=1):
        plane = PlaneKey(layer_id(images[number]), (0, 1))
        change = painted(labels[number].data, plane, SQUARE, label, "overwrite")
        target = layer_id(labels[number])
        document.do(Step("paint", plane, labels=(LabelsChange(target, (change,)),)))

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
    with path.open("a", encoding="utf-8") as file:  # an unfinished object, worth going on with
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
    return json.dumps({**step, "objects": [{"plane": plane, "object": click}]}) + "\n"


def test_an_image_whose_store_fails_is_journalled_without_its_pixels(sitting, monkeypatch):
    kept, _, _, paint = sitting
    monkeypatch.setattr(keeper, "full_resolution", lambda _: Broken())
    paint(0)
    path = kept.path
    kept.close()
    session = read_session(path)
    assert not session.damage
    assert [about.fingerprint for about in session.images.values()] == [""]
