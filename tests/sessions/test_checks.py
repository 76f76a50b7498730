"""Values of journals are checked before they act: one that cannot be is left out and told."""

import base64
import json
import math
import zlib

import numpy as np
import pytest

from napari_iafpn.masks import RunLengths
from napari_iafpn.sessions.lines import lines_of, sealed
from napari_iafpn.sessions.provenance import CONTENT_BYTES, LabelsProvenance, unpacked
from napari_iafpn.sessions.reading import read_session

BOMB = base64.b64encode(zlib.compress(bytes(2**24), 9)).decode()


@pytest.fixture
def entries(sitting):
    """The entries of a session of two objects and one that is open."""
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    sitting.change(threshold=0.7)
    sitting.click(50, 20)
    categories = {"1": {"name": "cell", "colour": "#e69f00"}}
    sitting.writer.append(lambda: {"entry": "categories", "categories": categories})
    assert sitting.writer.close(20)
    return [line.entry for line in lines_of(sitting.path)]


def read_with(sitting, entries, where, value):
    """Return the session with another value at a place, such as (5, "commit", "label")."""
    target = entries = json.loads(json.dumps(entries))
    for key in where[:-1]:
        target = target[key]
    assert where[-1] in target
    target[where[-1]] = value
    sitting.path.write_bytes(b"".join(map(sealed, entries)))
    return read_session(sitting.path)


CLASSES = 11
COMMIT = 5
PIXELS = (COMMIT, "labels", 0, "pixels", 0)
DRAGGED = (9, "objects", 0, "object")
CLICKED = (10, "objects", 0, "object")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ((*DRAGGED, "threshold"), 7),
        ((*DRAGGED, "threshold"), math.nan),
        ((*DRAGGED, "threshold"), None),
        ((*DRAGGED, "threshold"), [[[]]]),
        ((*DRAGGED, "number"), 10**40),
        ((*DRAGGED, "number"), True),
        ((*CLICKED, "clicks"), [[1e400, 2, "+"]]),
        ((*CLICKED, "clicks"), [[1, 2, 3]]),
        ((*CLICKED, "clicks"), 5),
        ((*CLICKED, "clicks"), [{"box": [5, 5, 0, 9]}]),
        ((*CLICKED, "clicks"), [{"box": ["1", "5", "1", "5"]}]),
        ((*CLICKED, "clicks"), [{"stroke": [], "positive": True}]),
        ((*CLICKED, "clicks"), [{"stroke": [[1, None]], "positive": True}]),
        ((*CLICKED, "clicks"), [{"stroke": [[1, 2]]}]),
        ((*CLICKED, "clicks"), [{"lasso": [[1, 2]]}]),
        ((10, "plane", "axes"), [1, 0]),
        ((10, "plane", "axes"), [0, 7]),
        ((10, "plane", "index"), "a"),
        ((10, "kind"), None),
        ((CLASSES, "categories"), {"1": None}),
        ((CLASSES, "categories"), {"1": {"name": None, "colour": "#e69f00"}}),
        ((CLASSES, "categories"), {"1": {"name": "a", "colour": "none such"}}),
        ((CLASSES, "categories"), {"x": {"name": "a", "colour": "#e69f00"}}),
        ((*PIXELS, "start"), [-1, 0]),
        ((*PIXELS, "start"), [10**9, 0]),
        ((*PIXELS, "shape"), [10**12, 10**12]),
        ((*PIXELS, "after"), [1, 10**30]),
        ((*PIXELS, "after"), [10**30, 25]),
        ((*PIXELS, "after"), [1.5, 25]),
        ((*PIXELS, "after"), [1, 50, 1, -25]),
        ((*PIXELS, "after"), None),
        ((COMMIT, "commit", "label"), None),
        ((COMMIT, "commit", "policy"), "destroy"),
        ((COMMIT, "commit", "limits"), ["a", "b"]),
        ((COMMIT, "facts", 0, "facts", "category"), None),
        ((COMMIT, "facts", 0, "facts", "seconds"), math.nan),
        ((COMMIT, "facts", 0, "facts", "clicks"), -3),
        ((COMMIT, "step"), -3),
        ((COMMIT, "after"), "x"),
    ],
)
def test_a_value_that_cannot_be_costs_its_line(sitting, entries, where, value):
    session = read_with(sitting, entries, where, value)
    assert f"line {where[0] + 1} is left out as unusable" in session.damage
    labels = session.labels_of("labels").data
    assert ((labels == sitting.target.data) | (labels == 0)).all()
    assert (labels == 2).sum() == 25
    assert all(0 <= now.threshold <= 1 for now in session.document.objects.values())
    assert len(session.categories) == (where[0] != CLASSES)


@pytest.mark.parametrize("dtype", ["float32", "O", "i4,f8", "none such"])
def test_labels_that_are_no_whole_numbers_are_made_up_for(sitting, entries, dtype):
    session = read_with(sitting, entries, (2, "dtype"), dtype)
    assert "line 3 is left out as unusable" in session.damage
    assert "what the labels were like before the first object" in session.damage
    assert np.array_equal(session.labels_of("labels").data, sitting.target.data)


@pytest.mark.parametrize("shape", [[10**9] * 9, [0, 5], [-1, 5], [], ["a"], [1.5, 2], [2] * 99])
def test_shapes_that_cannot_be_are_refused(sitting, entries, shape):
    session = read_with(sitting, entries, (2, "shape"), shape)
    assert "line 3 is left out as unusable" in session.damage
    assert np.array_equal(session.labels_of("labels").data, sitting.target.data)


@pytest.mark.parametrize(
    "content", [BOMB, "####", base64.b64encode(b"no zlib").decode(), BOMB[: len(BOMB) // 8 * 4]]
)
def test_damaged_content_and_content_that_expands_is_told(content):
    with pytest.raises(ValueError, match="the pixels of labels are damaged"):
        unpacked(content, "int32", 100)


def test_labels_that_claim_much_content_are_refused():
    side = math.isqrt(CONTENT_BYTES)
    about = LabelsProvenance("a", "b", "c", (side, side), "int32", BOMB)
    with pytest.raises(ValueError, match="claim"):
        about.data()


def test_stretches_give_their_pixels_back(rng):
    for dtype in ("u1", "i8", "u8", bool):
        array = (rng.integers(0, 2, (7, 9)) * 255).astype(dtype)
        again = RunLengths.from_json(
            json.loads(json.dumps(RunLengths.of(array).to_json())), (7, 9), dtype
        )
        assert np.array_equal(again.array, array)
        assert again.array.dtype == array.dtype
