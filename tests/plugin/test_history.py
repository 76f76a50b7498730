"""Undo and redo over everything a user can do, and the journal of it."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings, strategies as st

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.propagating import DIRECTIONS, PropagationRange
from napari_iafpn.sessions import (
    ObjectStats,
    PixelChange,
    PlaneKey,
    StatsChange,
    Step,
)
from napari_iafpn.sessions.actions import delete_step
from napari_iafpn.sessions.journal import JournalWriter
from napari_iafpn.sessions.provenance import LabelsProvenance
from napari_iafpn.sessions.reading import read_session
from napari_iafpn.sessions.steps import LabelsChange

SHAPE = (20, 30)
PLANES = [PlaneKey("image", (1, 2), (z,)) for z in range(3)]

ROW, COL, SMALL = st.integers(0, 19), st.integers(0, 29), st.integers(0, 5)
ACTIONS = st.one_of(
    st.tuples(st.just("click"), ROW, COL, st.booleans()),
    st.tuples(st.just("click"), ROW, COL, st.just(True)),
    st.tuples(st.just("move"), SMALL, ROW, COL),
    st.tuples(st.just("remove"), SMALL),
    st.tuples(st.just("flip"), SMALL),
    st.tuples(st.just("threshold"), st.sampled_from([0.3, 0.5, 0.85])),
    st.tuples(st.just("brush"), ROW, COL, st.booleans()),
    st.tuples(st.just("clear")),
    st.tuples(
        st.just("commit"), st.sampled_from(["keep", "overwrite"]), st.sampled_from([0, 0, 3])
    ),
    st.tuples(st.just("edit"), SMALL),
    st.tuples(st.just("split")),
    st.tuples(st.just("delete"), SMALL),
    st.tuples(st.just("merge"), SMALL, SMALL),
    st.tuples(st.just("paint"), ROW, COL, SMALL),
    st.tuples(st.just("review"), SMALL),
    st.tuples(st.just("propagate"), st.sampled_from(DIRECTIONS), SMALL),
    st.tuples(st.just("plane"), st.integers(0, 2)),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


def stroke(row, col):
    mask = np.zeros(SHAPE, bool)
    mask[row, max(col - 3, 0) : col + 3] = True
    return BoxedMask.of(mask)


def act(desk, name, *values):
    controller, target = desk.controller, desk.target
    clicks = controller.current.clicks
    if name == "click":
        desk.click(*values)
    elif name == "move" and values[0] < len(clicks):
        controller.change_clicks(clicks.move(*values))
    elif name in ("remove", "flip") and values[0] < len(clicks):
        controller.change_clicks(getattr(clicks, name)(*values))
    elif name == "threshold":
        controller.set_threshold(*values)
    elif name == "brush":
        pixels = stroke(*values[:2])
        controller.draw(*((None, pixels) if values[2] else (pixels, None)))
    elif name == "commit":
        controller.set_commit_as(CommitAs(label=values[1], policy=values[0]))
        controller.commit()
    elif name == "edit":
        controller.edit(target, values[0])
    elif name in ("clear", "split", "undo", "redo"):
        getattr(controller, name)()
    elif name in ("delete", "merge"):
        label, into = values[0], values[1] if name == "merge" else 0
        region = target.region_of(label) if label and label != into else None
        if region is not None:
            facts = controller.document.facts
            step = delete_step(controller.plane, target, {label: region}, facts, into=into)
            controller.do(step)
    elif name == "paint":
        row, col, label = values
        region = (slice(controller.plane.index[0], controller.plane.index[0] + 1),)
        region += (slice(row, row + 1), slice(col, col + 1))
        before = target.data[region].copy()
        change = PixelChange.of(region, before, np.full_like(before, label))
        controller.do(Step("paint", controller.plane, labels=(LabelsChange(target.id, (change,)),)))
    elif name == "review":
        known = controller.document.facts.get((target.id, values[0]))
        fact = StatsChange(target.id, values[0], known, ObjectStats(reviewed=True))
        controller.do(Step("review", controller.plane, facts=(fact,)))
    elif name == "propagate" and controller.current.is_untouched:  # else it is two steps
        controller.propagate(PropagationRange(0, *values))
    elif name == "plane":
        desk.show(PLANES[values[0]])
    desk.answer_all()


def state(desk):
    """Labels, facts, the object of every plane, and the masks that are shown."""
    shown = desk.controller.plane
    planes = []
    for plane in PLANES:
        desk.show(plane)
        desk.answer_all()
        planes.append((desk.controller.current, desk.mask.tobytes()))
    desk.show(shown)
    desk.answer_all()
    return desk.target.data.tobytes(), dict(desk.controller.document.facts), planes


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ACTIONS, max_size=30))
def test_undo_and_redo_are_exact(new_desk, actions):
    desk = new_desk()
    document = desk.controller.document
    seen = {0: state(desk)}
    for action in actions:
        act(desk, *action)
        # A step after an undo takes the place of the one that was undone.
        seen[len(document.steps)] = state(desk)
    last = len(document.steps)
    while desk.controller.can_undo:
        desk.controller.undo()
        desk.answer_all()
        assert state(desk) == seen[len(document.steps)]
    while desk.controller.can_redo:
        desk.controller.redo()
        desk.answer_all()
        if len(document.steps) <= last:
            assert state(desk) == seen[len(document.steps)]


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ACTIONS, max_size=30))
def test_the_journal_tells_it_all(new_desk, actions):
    desk = new_desk()
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder) / "session.iafpn.jsonl", print)
        about = LabelsProvenance.of(desk.target.id, desk.target.name, "image", desk.target.data)
        writer.append(lambda: {"entry": "labels", **vars(about)})
        desk.controller.document.tell_to(writer.record)
        for action in actions:
            act(desk, *action)
        assert writer.close(20)
        session = read_session(writer.path)
    assert not session.damage
    assert_same(session.document, desk.controller.document)
    assert np.array_equal(session.labels_of(desk.target.id).data, desk.target.data)
    again = new_desk()
    again.target.data[...] = session.labels_of(desk.target.id).data
    again.controller.adopt(session.document)
    again.show(desk.controller.plane)
    again.answer_all()
    while desk.controller.can_undo:
        for each in (desk, again):
            each.controller.undo()
            each.answer_all()
        assert np.array_equal(again.target.data, desk.target.data)
        assert_same(again.controller.document, desk.controller.document)
    assert not again.controller.can_undo


def assert_same(first, second):
    assert first.objects == second.objects
    assert first.facts == second.facts
    assert [step.kind for step in first.steps] == [step.kind for step in second.steps]
