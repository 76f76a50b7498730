"""Three objects by mouse, the others by themselves, reviewed: in a real window."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.sessions import Document

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SHAPE = (240, 280)
GRID = [(row, col) for row in range(30, 230, 40) for col in range(30, 270, 40)]
GIVEN = GRID[7], GRID[14], GRID[22]


def disks(places=GRID, radius=9, shape=SHAPE, seed=0):
    """Return an image of bright disks."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    image = np.full(shape, 50.0)
    for row, col in places:
        image[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = 200
    noise = np.random.default_rng(seed).normal(0, 6, shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def window(annotate, drawer):
    """A window on thirty disks, three of which are done."""
    opened = annotate(disks(), load=lambda _: drawer)
    for place in GIVEN:
        opened.click(*place)
        opened.key(Qt.Key.Key_Return)
    assert ids(opened) == {1, 2, 3}
    return opened


def ids(window):
    return {int(each) for each in np.unique(window.annotator.labels.data)} - {0}


def review_of(window):
    return window.widget.finding.review


def search(window):
    """Find by the key, to the end."""
    window.key(Qt.Key.Key_F, SHIFT)
    finish(window)
    return review_of(window).queue


def finish(window):
    window.qtbot.waitUntil(lambda: not review_of(window).is_searching, timeout=60000)
    window.wait()


def proposals_layer(window):
    return window.viewer.layers["Proposals"]


def test_three_by_mouse_the_others_by_themselves(window):
    """Accept all, two rejected, one corrected, all undone and done again."""
    before = window.annotator.labels.data.copy()
    found = search(window)
    assert len(found) == len(GRID) - 3
    assert np.array_equal(window.annotator.labels.data, before), "nothing is written unasked"
    assert len(proposals_layer(window).data) > len(found)
    assert "27 proposals" in window.widget.finding.view.text
    assert [each.quality for each in found] == sorted(each.quality for each in found)
    rejected = found[:2]
    for each in rejected:
        window.key(Qt.Key.Key_J, SHIFT) if review_of(window).at is None else None
        assert review_of(window).at == each
        window.key(Qt.Key.Key_N, SHIFT)
    corrected = review_of(window).queue[0]
    window.viewer.reset_view()
    QTest.qWait(50)
    middle = corrected.clicks[-1]
    window.click(middle.row, middle.col)
    current = window.controller.current
    assert current.opened.proposal == corrected.number
    assert window.controller.mask == corrected.mask
    assert window.clicks == [(c.row, c.col, c.positive) for c in corrected.clicks]
    window.click(middle.row + 6, middle.col, button=Qt.MouseButton.RightButton)
    assert window.controller.mask.area < corrected.mask.area
    window.key(Qt.Key.Key_Return)
    assert ids(window) == {1, 2, 3, 4}
    window.widget.finding.view.accept_all_button.click()
    window.wait()
    after = window.annotator.labels.data.copy()
    assert ids(window) == set(range(1, 29))
    for each in rejected:
        assert not after[each.mask.box.slices][each.mask.mask].any()
    assert not review_of(window).queue
    facts = {label: fact for (_, label), fact in window.controller.document.facts.items()}
    assert [facts[label].found for label in (1, 4, 5)] == [False, True, True]
    assert [facts[label].clicks for label in (1, 4, 5)] == [1, 1, 0]
    assert [n in window.annotator.labels.metadata["found"] for n in (1, 4, 5)] == [0, 1, 1]
    for count in (24, 26, 27):
        window.key(Qt.Key.Key_Z, CONTROL)
        if count == 24:
            assert ids(window) == {1, 2, 3, 4}
            assert len(review_of(window).queue) == count
    for _ in range(20):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert not window.annotator.labels.data.any()
    for _ in range(30):
        window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert np.array_equal(window.annotator.labels.data, after)
    assert not review_of(window).queue


def test_again_it_learns_and_replaces(window):
    first = search(window)
    window.key(Qt.Key.Key_J, SHIFT)
    window.key(Qt.Key.Key_N, SHIFT)
    window.key(Qt.Key.Key_Y, SHIFT)
    second = search(window)
    assert not {each.number for each in first} & {each.number for each in second}
    assert len(second) == len(first) - 2, "what was rejected or is written is not proposed again"


def test_stopping_keeps_what_was_found_and_a_click_comes_first(window, drawer, monkeypatch):
    plain = type(drawer).predict_each
    order = []

    def slow(self, plane, batch, views, sizes=None):
        order.append(sizes)
        time.sleep(0.1)
        return plain(self, plane, batch, views, sizes)

    monkeypatch.setattr(type(drawer), "predict_each", slow)
    window.key(Qt.Key.Key_F, SHIFT)
    window.qtbot.waitUntil(lambda: len(review_of(window).queue) > 2, timeout=60000)
    free = next(p for p in GRID[::-1] if p not in GIVEN and not near(review_of(window).queue, p))
    begun = len(order)
    window.click(*free)
    assert window.controller.mask.area > 200
    assert len(order) - begun < 12, "the click waited for few candidates only"
    assert review_of(window).is_searching
    window.key(Qt.Key.Key_Escape)
    assert not review_of(window).is_searching
    count = len(review_of(window).queue)
    QTest.qWait(200)
    assert len(review_of(window).queue) == count > 2
    assert window.clicks


def near(queue, place):
    return any(np.hypot(e.clicks[0].row - place[0], e.clicks[0].col - place[1]) < 20 for e in queue)


def test_only_what_is_visible_is_searched(window):
    window.camera.zoom *= 2.2
    window.camera.center = (0, 60, 70)
    QTest.qWait(100)
    found = search(window)
    seen = window.widget.finding._visible()
    assert 0 < len(found) < 15
    assert all(seen.contains(each.clicks[0]) for each in found)
    window.widget.finding.view.where.setCurrentText("whole plane")
    assert len(search(window)) == len(GRID) - 3


def test_what_a_click_took_is_no_proposal_any_more(window):
    found = search(window)
    window.viewer.reset_view()
    taken = found[3]
    click = taken.clicks[-1]
    window.click(click.row, click.col)
    window.key(Qt.Key.Key_D, SHIFT)
    assert taken in review_of(window).queue, "put back"
    window.annotator.labels.data[taken.mask.box.slices] = 77
    window.key(Qt.Key.Key_J, SHIFT)
    window.key(Qt.Key.Key_N, SHIFT)
    assert taken not in review_of(window).queue


def test_a_resumed_session_shows_its_own_outlines(window):
    """Its proposals have the numbers of those before."""
    first, second = search(window)[:2]
    resumed = Document(lambda _: None)
    resumed.discover([replace(first, mask=second.mask)])
    window.controller.adopt(resumed)
    window.wait()
    places = proposals_layer(window).data[:, 0].round().astype(int)
    box = second.mask.box
    around = box.resized_about_centre(box.height + 2, box.width + 2, Box.whole(SHAPE))
    assert all(around.holds(*place) for place in places)


def test_several_classes(annotate, drawer):
    """Dim rings of another class are found apart."""
    image = disks(GRID[:12], seed=1)
    image = np.maximum(image, disks(GRID[12:], radius=5, seed=2))
    window = annotate(image, load=lambda _: drawer)
    for name, places in (("large", GRID[1:4]), ("small", GRID[20:23])):
        window.widget.classes.make(name)
        for place in places:
            window.click(*place)
            window.key(Qt.Key.Key_Return)
    found = search(window)
    by_class = {each.category: [] for each in found}
    for each in found:
        by_class[each.category].append(each.clicks[0].row)
    assert len(by_class) == 2
    assert max(by_class[1]) < 90 < min(by_class[2])
    window.widget.finding.view.quality.setValue(50)
    window.widget.finding.view.accept_all_button.click()
    window.wait()
    names = window.annotator.labels.metadata["classes"]
    assert sorted(names.values()).count("large") == 3 + len(by_class[1])


def test_exemplars_of_another_plane_of_a_stack(annotate, drawer):
    stack = np.stack([disks(seed=3), disks(GRID[:20], seed=4)])
    window = annotate(stack, load=lambda _: drawer)
    window.viewer.dims.set_point(0, 0)
    for place in GIVEN:
        window.click(*window.viewer.dims.point[:1], *place)
        window.key(Qt.Key.Key_Return)
    window.viewer.dims.set_point(0, 1)
    window.wait()
    assert len(search(window)) == 20
    assert len(proposals_layer(window).data)
    window.key(Qt.Key.Key_Y, SHIFT)
    assert window.annotator.labels.data[1].any()
    window.viewer.dims.set_point(0, 0)
    window.wait()
    assert not review_of(window).queue


# What cannot be searched gets one sentence; nothing is written, nothing is lost


def refused(window, sentence):
    before = None if window.annotator.labels is None else window.annotator.labels.data.copy()
    search(window)
    assert sentence in window.status
    assert not review_of(window).queue
    if before is not None:
        assert np.array_equal(window.annotator.labels.data, before)


def test_nothing_kept_yet(annotate, drawer):
    refused(annotate(disks(), load=lambda _: drawer), "Keep at least one object first")


def test_nothing_similar_there(annotate, drawer):
    window = annotate(disks(GIVEN), load=lambda _: drawer)
    for place in GIVEN:
        window.click(*place)
        window.key(Qt.Key.Key_Return)
    refused(window, "Nothing else here looks like your objects.")


def test_exemplars_that_tell_nothing(annotate, drawer):
    window = annotate(disks(), load=lambda _: drawer)
    labels = window.viewer.add_labels(np.zeros(SHAPE, np.int32), name="own")
    window.annotator.set_labels(labels)
    labels.data[5, 5:10] = 4
    refused(window, "has 5 pixel(s)")
    labels.data[:] = 1
    refused(window, "of what is to be searched")
    noise = np.random.default_rng(1).random(SHAPE) < 0.5
    labels.data[:] = np.where(noise, np.arange(SHAPE[1]) // 40 + 1, 0)
    search(window)
    assert not review_of(window).queue


def test_labels_of_another_size(window):
    found = search(window)
    window.annotator.labels.data = np.zeros((100, 100), np.int32)
    window.key(Qt.Key.Key_Y, SHIFT)
    window.key(Qt.Key.Key_F, SHIFT)
    finish(window)
    assert window.status
    assert found


def test_no_ids_left(annotate, drawer):
    window = annotate(disks(), load=lambda _: drawer)
    labels = window.viewer.add_labels(np.zeros(SHAPE, np.uint8), name="own")
    window.annotator.set_labels(labels)
    for place in GIVEN:
        window.click(*place)
        window.key(Qt.Key.Key_Return)
    found = search(window)
    labels.data[0, 0] = 250
    labels.refresh()
    before = labels.data.copy()
    window.widget.finding.view.quality.setValue(50)
    window.widget.finding.view.accept_all_button.click()
    window.wait()
    assert "are full" in window.status
    assert np.array_equal(labels.data, before)
    assert review_of(window).queue == found


# A crash in the middle of a review

CHILD = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
import napari
from qtpy.QtTest import QTest
from napari_iafpn.prompts import Click
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation
from test_finding import GIVEN, disks
from conftest import BrightPieces
viewer = napari.Viewer(show=True)
viewer.add_image(disks(), name="image")
widget = ClickSegmentation(
    viewer, load=lambda _: BrightPieces(), models=("stand-in",), paths=UserPaths(Path(sys.argv[3]))
)
viewer.window.add_dock_widget(widget)
controller, review = widget.annotator.controller, widget.finding.review
def wait():
    QTest.qWait(20)
    while controller.busy or review.is_searching:
        QTest.qWait(5)
wait()
for place in GIVEN:
    controller.add(Click(*place)); wait(); controller.commit(); wait()
review.find(everywhere=True); wait()
review.next(); review.reject(); review.accept(); review.accept()
QTest.qWait(300)
print("ready", len(review.queue), flush=True)
QTest.qWait(60000)
"""


@pytest.mark.slow
def test_a_review_outlives_a_killed_napari(annotate, drawer, tmp_path):
    here = os.path.dirname(__file__)
    home = tmp_path / "home"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, os.path.dirname(here), here, str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while "ready" not in (line := child.stdout.readline()):
        assert child.poll() is None
        assert time.monotonic() < deadline
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    left = int(line.split()[1])
    assert left == len(GRID) - 6
    window = annotate(disks(), load=lambda _: drawer, paths=UserPaths(home))
    view = window.widget.sessions.view
    window.qtbot.waitUntil(view.isVisible)
    window.resume()
    assert ids(window) == {1, 2, 3, 4, 5}
    assert len(review_of(window).queue) == left
    assert len(proposals_layer(window).data)
    window.key(Qt.Key.Key_Y, SHIFT)
    assert ids(window) == {1, 2, 3, 4, 5, 6}
    for _ in range(3):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert ids(window) == {1, 2, 3}
    assert len(review_of(window).queue) == left + 2
