"""When the model learns, from what, and what becomes of it; no process, no window."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image
from psygnal import Signal

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.learning import learning as module, objects, process as processes
from napari_iafpn.plugin.learning.learning import Learning, battery_is_low
from napari_iafpn.plugin.learning.objects import commits_of, kept_object
from napari_iafpn.plugin.learning.projects import Project
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.sessions import LabelsChange, PixelChange, Step
from napari_iafpn.sessions.actions import delete_step
from napari_iafpn.training.adaptation import objects as samples
from napari_iafpn.training.finetuning import ClickComparison, Clicks, Done, Failed, event_to_json


@pytest.fixture(autouse=True)
def _small_objects_count(monkeypatch):
    monkeypatch.setattr(objects, "LEAST_PIXELS", 1)
    monkeypatch.setattr(samples, "LEAST_PIXELS", 1)


def commit(desk, row, col):
    desk.click(row, col)
    desk.answer()
    desk.controller.commit()


def kept(desk):
    commits = commits_of(desk.controller.document.steps)
    found = (
        kept_object(number, step, desk.source_of, lambda _: desk.target)
        for number, step in commits.items()
    )
    return [each for each in found if each is not None]


def remove(desk, *labels, into=0):
    """Delete objects in the table, or merge them into another."""
    regions = {label: desk.target.region_of(label) for label in labels}
    facts = desk.controller.document.facts
    desk.controller.do(delete_step(desk.controller.plane, desk.target, regions, facts, into=into))


def paint(desk, rows, cols, label):
    """Paint with napari's brush."""
    region = slice(0, 1), slice(*rows), slice(*cols)
    before = np.array(desk.target.data[region])
    change = PixelChange.of(region, before, np.full_like(before, label))
    step = Step("paint", desk.controller.plane, labels=(LabelsChange(desk.target.id, (change,)),))
    desk.controller.do(step)


# From what


def test_what_was_undone_is_not_learned_from(desk):
    commit(desk, 5, 5)
    commit(desk, 12, 12)
    desk.controller.undo()
    assert [each.mask.box.row_start for each in kept(desk)] == [4]
    desk.controller.redo()
    assert len(kept(desk)) == 2


def test_a_corrected_object_counts_once_as_it_is_now(desk):
    commit(desk, 5, 5)
    commit(desk, 12, 12)
    desk.controller.edit(desk.target, 1)
    commit(desk, 5, 8)
    assert [each.mask.area for each in kept(desk)] == [9, 18]


def test_objects_of_a_class_are_told_apart(desk):
    desk.controller.set_commit_as(CommitAs(category=7, semantic=True))
    commit(desk, 5, 5)
    commit(desk, 12, 12)
    assert [each.mask.area for each in kept(desk)] == [9, 9]


def test_an_object_of_a_class_does_not_take_what_lies_in_its_bend(desk):
    desk.controller.set_commit_as(CommitAs(category=7, semantic=True))
    bend = np.zeros((12, 14), bool)
    bend[:, :3] = bend[-3:] = True
    desk.click(5, 5)
    desk.answer()
    desk.controller.draw(BoxedMask.of(bend, (4, 4)))
    desk.controller.commit()
    commit(desk, 8, 12)
    assert [each.mask.area for each in kept(desk)] == [np.count_nonzero(bend), 9]


def test_a_corrected_object_is_no_new_one(desk):
    commit(desk, 5, 5)
    commit(desk, 12, 12)
    known = set(commits_of(desk.controller.document.steps))
    desk.controller.edit(desk.target, 1)
    commit(desk, 5, 8)
    assert set(commits_of(desk.controller.document.steps)) == known


def test_what_is_drawn_by_hand_or_gone_teaches_nothing(desk):
    desk.controller.draw(BoxedMask.of(np.ones((3, 3), bool), (10, 20)))
    desk.controller.commit()
    commit(desk, 5, 5)
    assert len(kept(desk)) == 1
    desk.target.data[desk.target.data == 2] = 0
    assert not kept(desk)
    desk.stack = None
    with pytest.raises(ValueError, match="no longer open"):
        kept(desk)


def test_an_object_comes_with_its_neighbours(desk):
    desk.stack = np.arange(3 * 20 * 30).reshape(3, 20, 30) % 256
    commit(desk, 5, 5)
    commit(desk, 12, 12)
    sample = kept(desk)[1].sample()
    assert sample.shape == (20, 30)
    assert np.array_equal(sample.instances == 1, desk.target.data[0] == 2)
    assert np.array_equal(sample.instances > 1, desk.target.data[0] == 1)


def test_an_object_of_a_class_is_what_was_written_for_it(desk):
    """Not what of the class reaches into its box."""
    desk.controller.set_commit_as(CommitAs(category=7, semantic=True))
    commit(desk, 5, 5)
    corner = np.zeros((12, 14), bool)
    corner[-1] = corner[:, -1] = True  # around the first one
    desk.click(10, 12)
    desk.answer()
    desk.controller.draw(BoxedMask.of(corner, (1, 1)))
    desk.controller.commit()
    assert [each.mask.area for each in kept(desk)] == [9, np.count_nonzero(corner) + 9]


def test_a_correction_in_a_class_leaves_its_objects_apart(desk):
    desk.controller.set_commit_as(CommitAs(category=7, semantic=True))
    commit(desk, 5, 5)
    commit(desk, 12, 12)
    desk.controller.edit(desk.target, 7)
    commit(desk, 5, 8)
    areas = [each.mask.area for each in kept(desk)]
    assert len(areas) == 2
    assert max(areas) < 27  # all of the class


def test_what_was_corrected_by_hand_teaches_with_all_its_pixels(desk):
    commit(desk, 5, 5)
    desk.controller.edit(desk.target, 1)
    desk.controller.draw(BoxedMask.of(np.ones((9, 3), bool), (4, 4)))
    desk.controller.commit()
    (one,) = kept(desk)
    assert one.mask.area == np.count_nonzero(desk.target.data == 1) > 9
    desk.target.data[0, 15:18, 4:7] = 1  # with napari's brush
    assert kept(desk)[0].mask.area == one.mask.area + 9


def test_what_was_deleted_or_merged_teaches_nothing(desk):
    """Also where its id is given out again."""
    for place in places(3):
        commit(desk, *place)
    first, *_ = commits = commits_of(desk.controller.document.steps)
    remove(desk, 2, into=1)
    assert list(commits_of(desk.controller.document.steps)) == [first, list(commits)[2]]
    assert [each.mask.area for each in kept(desk)] == [18, 9]
    remove(desk, 3)
    assert list(commits_of(desk.controller.document.steps)) == [first]
    commit(desk, 12, 12)
    assert desk.target.data[0, 12, 12] == 2
    assert [each.mask.area for each in kept(desk)] == [18, 9]
    desk.controller.undo()
    while len(commits_of(desk.controller.document.steps)) < 3:
        desk.controller.undo()
    assert commits_of(desk.controller.document.steps) == commits


@pytest.mark.parametrize("erased", [False, True])
def test_an_object_that_is_clicked_again_under_its_id_counts_once(desk, erased):
    commit(desk, 5, 5)
    if erased:
        paint(desk, (4, 7), (4, 7), 0)
    desk.controller.set_commit_as(CommitAs(label=1))
    commit(desk, 5, 12)
    assert [each.mask.area for each in kept(desk)] == [9 if erased else 18]


# Where models are kept


def test_a_model_that_was_kept_is_never_written_again(tmp_path: Path):
    paths = UserPaths(tmp_path / "home")
    image = Image(np.zeros((4, 4)), name="in memory")
    project, other = Project(paths, image), Project(paths, Image(np.zeros((4, 4)), name="other"))
    assert project.newest == ""
    for content in (b"one", b"two"):
        (tmp_path / "candidate").write_bytes(content)
        newest = project.keep(tmp_path / "candidate")
    names = sorted(path.name for path in project.folder.iterdir())
    assert names == [f"in_memory_learned_{n}.safetensors" for n in (1, 2)]
    assert newest.read_bytes() == b"two"
    assert Path(project.newest) == newest
    assert other.newest == ""
    assert paths.own_models() == [str(newest)]


@pytest.mark.parametrize(
    ("battery", "low"),
    [(None, False), ((20, True), False), ((80, False), False), ((20, False), True)],
)
def test_a_low_battery(monkeypatch, battery, low):
    state = battery and SimpleNamespace(percent=battery[0], power_plugged=battery[1])
    monkeypatch.setattr(module.psutil, "sensors_battery", lambda: state, raising=False)
    assert battery_is_low() is low


# When


class Process:
    """Notes what it is told."""

    id = 0

    def __init__(self, on_line, on_end, grace):
        self.on_line, self.on_end, self.grace = on_line, on_end, grace
        self.running, self.started, self.sent = False, [], []

    def start(self, arguments, _folder):
        self.running = True
        self.started.append(arguments)

    def send(self, word):
        self.sent.append(word)

    def kill(self):
        self.running = False

    release = kill


class Window:
    """What there is of an annotator and of a review."""

    choices_changed = Signal()
    changed = Signal()
    is_searching = False

    def __init__(self, desk):
        self.controller, self.source_of = desk.controller, desk.source_of
        self.image = Image(np.zeros((20, 30)), name="image")
        self.book = SimpleNamespace(labels_of=lambda _, shown: desk.target)


@pytest.fixture
def lesson(desk, qapp, qtbot, tmp_path, monkeypatch):
    """Return a learning window with a process that does nothing by itself."""
    made = []
    monkeypatch.setattr(
        processes, "TrainingProcess", lambda *a, **k: made.append(Process(*a, **k)) or made[-1]
    )
    window = Window(desk)
    learning = Learning(window, window, UserPaths(tmp_path / "home"), desk.controller.use_model)
    learning.every, learning.tried_on = 3, 2
    (process,) = made

    def end(event, code=0):
        if event is not None:
            process.on_line(event_to_json(event))
        process.running = False
        process.on_end(code, "")

    def begun(count):
        qtbot.waitUntil(lambda: len(process.started) == count, timeout=60000)
        return process.started[-1]

    yield SimpleNamespace(
        learning=learning, window=window, process=process, end=end, begun=begun, home=tmp_path
    )
    learning.close()


def gain(before, after, objects=2):
    one, two = (Clicks(objects, noc, noc, None, 0.5) for noc in (before, after))
    return ClickComparison(one, two, after - before, -1.0, 1.0)


def places(count, first=0):
    return [(2 + 4 * (n // 6), 2 + 4 * (n % 6)) for n in range(first, first + count)]


def learned(lesson, desk):
    """Commit three objects and let the process learn from them."""
    lesson.learning.switch(True)
    for place in places(3):
        commit(desk, *place)
    arguments = lesson.begun(1)
    model = Path(arguments[arguments.index("--output") + 1])
    model.write_bytes(b"weights")
    lesson.end(Done("", str(model), ""))
    return str(model)


def test_nothing_happens_before_it_is_asked_for(lesson, desk):
    for place in places(6):
        commit(desk, *place)
    assert not lesson.learning.busy
    lesson.learning.switch(True)
    assert lesson.learning.busy
    assert "--since" not in lesson.begun(1)


def test_a_better_model_is_taken_after_the_object_at_work(lesson, desk):
    model = learned(lesson, desk)
    for place in places(2, 3):
        commit(desk, *place)
    arguments = lesson.begun(2)
    assert arguments[arguments.index("--against") + 1] == "default"
    desk.click(17, 27)
    desk.answer()
    lesson.end(Done("It is better.", model, "", gain(3.0, 2.0)))
    assert desk.controller.model == "default"
    desk.controller.commit()
    assert Path(desk.controller.model).name == "image_learned_1.safetensors"
    assert Path(desk.controller.model).read_bytes() == b"weights"
    # Three more since then: it goes on from there, as an adaptation of the first model.
    commit(desk, *places(1, 9)[0])
    arguments = lesson.begun(3)
    assert arguments[arguments.index("--start") + 1] == "default"
    assert arguments[arguments.index("--further") + 1] == model


def test_a_model_that_is_no_better_is_tried_once_more(lesson, desk):
    model = learned(lesson, desk)
    for place in places(2, 3):
        commit(desk, *place)
    lesson.begun(2)
    lesson.end(Done("It is worse; the model stays as it was.", model, "", gain(2.0, 2.5)))
    assert desk.controller.model == "default"
    assert "stays" in lesson.learning.view.text
    assert not lesson.learning.view.button.text()
    assert not lesson.learning.busy  # before there is another object
    commit(desk, *places(1, 5)[0])
    arguments = lesson.begun(3)
    assert "--since" in arguments
    lesson.end(Done("It is better.", model, "", gain(2.0, 1.5, 3)))
    assert Path(desk.controller.model).name == "image_learned_1.safetensors"


def test_a_model_that_is_no_better_on_all_that_is_new_is_dropped(lesson, desk):
    model = learned(lesson, desk)
    for place in places(3, 3):
        commit(desk, *place)
    assert "--since" in lesson.begun(2)
    lesson.end(Done("It is worse; the model stays as it was.", model, "", gain(2.0, 2.5, 3)))
    assert desk.controller.model == "default"
    assert "--since" not in lesson.begun(3)  # it learns anew, from all six


@pytest.mark.parametrize("event", [None, Failed("the disk is full")])
def test_a_broken_process_changes_nothing(lesson, desk, event):
    lesson.learning.switch(True)
    for place in places(3):
        commit(desk, *place)
    lesson.begun(1)
    lesson.end(event, -1)
    assert desk.controller.model == "default"
    assert "broken off" in lesson.learning.view.text
    assert not lesson.learning.busy
    for place in places(3, 3):
        commit(desk, *place)
    lesson.begun(2)


def test_it_waits_while_candidates_are_drawn_and_when_the_battery_is_low(lesson, desk, monkeypatch):
    lesson.learning.switch(True)
    for place in places(3):
        commit(desk, *place)
    lesson.begun(1)
    lesson.window.is_searching = True
    lesson.window.changed.emit()
    lesson.window.changed.emit()
    lesson.window.is_searching = False
    lesson.window.changed.emit()
    assert lesson.process.sent == ["pause", "resume"]
    monkeypatch.setattr(module, "battery_is_low", lambda: True)
    lesson.window.changed.emit()
    assert lesson.process.sent[2:] == ["pause"]


def test_another_model_of_the_users_begins_anew(lesson, desk):
    learned(lesson, desk)
    desk.controller.use_model("another")
    arguments = lesson.begun(2)
    assert arguments[arguments.index("--start") + 1] == "another"


def test_back_and_forth(lesson, desk):
    model = learned(lesson, desk)
    for place in places(2, 3):
        commit(desk, *place)
    lesson.begun(2)
    lesson.end(Done("It is better.", model, "", gain(3.0, 2.0)))
    learning, view = lesson.learning, lesson.learning.view
    taken = desk.controller.model
    assert view.button.text() == "Back to default"
    view.button.click()
    assert desk.controller.model == "default"
    assert not learning.is_on
    assert view.button.text() == "Use image_learned_1"
    view.button.click()
    assert desk.controller.model == taken
    assert view.button.text() == "Back to default"


def test_what_was_learned_from_undone_objects_is_not_taken(lesson, desk):
    model = learned(lesson, desk)
    while commits_of(desk.controller.document.steps):
        desk.controller.undo()
    for place in places(2, 3):
        commit(desk, *place)
    assert not lesson.learning.busy
    commit(desk, *places(1, 5)[0])
    assert "--since" not in lesson.begun(2)  # three others: it learns anew
    lesson.end(Done("", model, ""))
    assert desk.controller.model == "default"


@pytest.mark.parametrize("changed", ["undone", "corrected", "painted over"])
def test_it_begins_anew_where_what_it_has_learned_from_changed(lesson, desk, changed):
    model = learned(lesson, desk)
    for place in places(2, 3):
        commit(desk, *place)
    lesson.begun(2)
    lesson.end(Done("It is better.", model, "", gain(2.0, 1.5)))
    if changed == "undone":
        while len(commits_of(desk.controller.document.steps)) > 2:
            desk.controller.undo()
        commit(desk, *places(1, 6)[0])
    elif changed == "corrected":
        desk.controller.edit(desk.target, 1)
        commit(desk, 2, 3)
    else:
        desk.target.data[desk.target.data == 1] = 0
    for place in places(2, 10):
        commit(desk, *place)
    arguments = lesson.begun(3)
    assert "--further" not in arguments
    assert "--since" not in arguments


def test_objects_of_closed_images_teach(lesson, desk, qtbot):
    """As with a folder of images that have few objects each."""
    lesson.learning.switch(True)
    for place in places(2):
        commit(desk, *place)
    cuttings = lesson.learning._cuttings
    steps = desk.controller.document.steps[-1:]
    qtbot.waitUntil(lambda: all(cuttings.of(step) is not None for step in steps))
    there = lesson.window.source_of
    first = {step.number for step in commits_of(desk.controller.document.steps).values()}

    def closed(_):
        raise ValueError("the image is gone")

    lesson.window.source_of = closed
    assert len(lesson.learning._objects(commits_of(desk.controller.document.steps))) == 2
    lesson.window.source_of = there
    commit(desk, *places(1, 2)[0])
    assert first < lesson.learning._state.taught
    lesson.begun(1)


def test_objects_that_teach_nothing_are_not_counted(lesson, desk, qtbot):
    """As one that was painted over since; that it was cut out before counts for nothing."""
    lesson.learning.switch(True)
    for place in places(2):
        commit(desk, *place)
    first = next(iter(commits_of(desk.controller.document.steps).values()))
    qtbot.waitUntil(lambda: lesson.learning._cuttings.of(first) is not None)
    desk.target.data[desk.target.data == 1] = 0
    commit(desk, *places(1, 2)[0])
    assert not lesson.learning.busy
    commit(desk, *places(1, 3)[0])
    assert lesson.learning.busy


@pytest.fixture
def expect(lesson, desk, qtbot):
    """Wait until objects of these areas are there to learn from once their images are closed."""

    def closed(_):
        raise ValueError("the image is gone")

    def areas():
        found = lesson.learning._objects(commits_of(desk.controller.document.steps)).values()
        return sorted(np.count_nonzero(sample.instances == 1) for sample in found)

    def wait(*wanted):
        there, lesson.window.source_of = lesson.window.source_of, closed
        qtbot.waitUntil(lambda: areas() == [*wanted])
        lesson.window.source_of = there

    lesson.learning.every = 100
    lesson.learning.switch(True)
    return wait


def test_objects_of_closed_images_teach_as_they_were_last(desk, expect):
    for place in places(4):
        commit(desk, *place)
    expect(9, 9, 9, 9)
    paint(desk, (10, 11), (0, 30), 1)
    expect(9, 9, 9, 39)
    remove(desk, 2, into=3)
    expect(9, 18, 39)
    paint(desk, (0, 12), (0, 30), 0)
    expect()
    desk.controller.undo()
    desk.controller.undo()
    desk.controller.undo()
    expect(9, 9, 9, 9)
    desk.controller.edit(desk.target, 4)
    desk.click(2, 13)
    desk.click(2, 15)
    desk.controller.split()
    left = np.count_nonzero(desk.target.data == 4)
    assert 0 < left < 9
    expect(left, 9, 9, 9)


def test_only_what_lies_near_is_cut_out_again_of_a_class(lesson, desk, expect):
    desk.controller.set_commit_as(CommitAs(category=7, semantic=True))
    commit(desk, 5, 5)
    expect(9)
    (step,) = commits_of(desk.controller.document.steps).values()
    first = lesson.learning._cuttings.of(step)
    commit(desk, 12, 12)
    expect(9, 9)
    assert lesson.learning._cuttings.of(step) is first
    paint(desk, (13, 14), (14, 20), 7)
    expect(9, 15)
    assert lesson.learning._cuttings.of(step) is first


def test_a_model_that_learned_from_a_deleted_object_is_dropped(lesson, desk):
    learned(lesson, desk)
    remove(desk, 2)
    assert not lesson.learning._state.taught
    for place in places(3, 8):
        commit(desk, *place)
    assert "--since" not in lesson.begun(2)


@pytest.mark.parametrize("busy", [False, True])
def test_another_history_is_not_taken_for_the_one_before(new_desk, lesson, desk, qtbot, busy):
    """Its steps have the same numbers."""
    learned(lesson, desk)
    if busy:
        for place in places(2, 3):
            commit(desk, *place)
        lesson.begun(2)
    runs = len(lesson.process.started)
    other = new_desk()
    for place in places(3, 9):
        commit(other, *place)
    earlier = commits_of(other.controller.document.steps)
    desk.target.data[:] = other.target.data
    desk.controller.adopt(other.controller.document)
    assert not lesson.learning.busy
    assert not lesson.process.running
    assert "3 more objects" in lesson.learning.view.text
    assert lesson.learning._state.known == set(earlier)
    cuttings = lesson.learning._cuttings
    qtbot.waitUntil(lambda: all(cuttings.of(step) is not None for step in earlier.values()))
    for step in earlier.values():
        mine = other.target.data[0] == step.commit.label
        assert np.array_equal(cuttings.of(step).instances == 1, mine)
    for place in places(2, 15):
        commit(desk, *place)
    assert not lesson.learning.busy
    commit(desk, *places(1, 17)[0])
    arguments = lesson.begun(runs + 1)
    assert "--since" not in arguments
    assert "--further" not in arguments
    assert desk.controller.model == "default"


def test_a_panel_that_is_away_begins_nothing_and_keeps_what_was_learned(lesson, desk):
    learned(lesson, desk)
    lesson.learning.rest()
    for place in places(3, 3):
        commit(desk, *place)
    assert len(lesson.process.started) == 1
    lesson.learning.wake()
    assert "--since" in lesson.begun(2)
    lesson.learning.rest()
    lesson.learning.wake()
    assert "--since" in lesson.begun(3)


def test_a_full_disk_is_told_and_learning_goes_on_later(lesson, desk, monkeypatch, qtbot):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(processes, "TemporaryDirectory", full)
        lesson.learning.switch(True)
        for place in places(3):
            commit(desk, *place)
        qtbot.waitUntil(lambda: "No space left" in lesson.learning.view.text)
    assert not lesson.learning.busy
    for place in places(3, 3):
        commit(desk, *place)
    lesson.begun(1)


def test_a_run_that_was_dropped_leaves_no_files(lesson, desk, qtbot, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    for place in places(6):
        commit(desk, *place)
    desk.controller.undo()
    lesson.learning.switch(True)
    lesson.learning.switch(False)
    lesson.learning.switch(True)
    lesson.begun(1)
    qtbot.waitUntil(lambda: len([*(tmp_path / "temporary").iterdir()]) == 1)
    (home,) = (tmp_path / "temporary").iterdir()
    names = sorted(path.name for path in (home / "objects2" / "labels").iterdir())
    assert len(names) == 5
    lesson.learning.close()
    assert not home.exists()


def test_a_model_is_kept_where_it_learned(lesson, desk):
    model = learned(lesson, desk)
    for place in places(2, 3):
        commit(desk, *place)
    lesson.begun(2)
    lesson.window.image = Image(np.zeros((4, 4)), name="another")
    lesson.end(Done("It is better.", model, "", gain(3.0, 2.0)))
    assert Path(desk.controller.model).name == "image_learned_1.safetensors"
    desk.controller.use_model("third")
    assert "Back" not in lesson.learning.view.button.text()


def test_a_closed_panel_may_be_hidden_once_more(lesson):
    lesson.learning.close()
    lesson.learning.rest()
    lesson.learning.close()
