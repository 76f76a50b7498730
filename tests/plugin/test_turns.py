"""Quick hands get what slow ones get: what is done while a commit waits comes after it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.messages import MaskFailed, MaskWanted, ModelFailed
from napari_iafpn.prompts import BoxPrompt, Click, Prompts, Stroke
from napari_iafpn.sessions import PlaneKey

PLANES = [PlaneKey("image", (1, 2), (z,)) for z in range(3)]
CLICK = st.tuples(st.just("click"), st.integers(0, 19), st.integers(0, 29), st.booleans())
DRAWN = st.tuples(st.sampled_from(["box", "stroke"]), st.integers(0, 15), st.integers(0, 25))
ACTIONS = st.one_of(
    CLICK,
    DRAWN,
    CLICK,
    st.just(("commit",)),
    st.just(("commit",)),
    st.sampled_from([("undo",), ("redo",), ("clear",), ("split",)]),
    st.tuples(st.just("edit"), st.integers(0, 19), st.integers(0, 29)),
    st.tuples(st.just("plane"), st.integers(0, 2)),
    st.tuples(st.just("wish"), st.sampled_from(["keep", "overwrite"]), st.integers(0, 3)),
)


def act(desk, name, *values):
    controller = desk.controller
    if name == "click":
        desk.click(*values)
    elif name == "box":
        row, col = values
        desk.controller.add(BoxPrompt(Box(row, row + 4, col, col + 5)))
    elif name == "stroke":
        row, col = values
        desk.controller.add(Stroke(((row, col), (row + 3, col + 2))))
    elif name == "plane":
        desk.show(PLANES[values[0]])
    elif name == "wish":
        controller.set_commit_as(CommitAs(policy=values[0], label=values[1]))
    elif name == "edit":

        def edit():
            label = int(desk.target.data[controller.plane.index][values])
            controller.edit(desk.target, label)

        controller.in_turn(edit)
    else:
        getattr(controller, name)()


def state(desk):
    desk.answer_all()
    objects = {
        key: (now.clicks, now.edited) for key, now in desk.controller.document.objects.items()
    }
    return desk.target.data.tolist(), objects


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(ACTIONS, st.integers(0, 2)), max_size=25))
def test_quick_hands_get_what_slow_ones_get(new_desk, actions):
    slow, quick = new_desk(), new_desk()
    for action, answers in actions:
        act(slow, *action)
        slow.answer_all()
        act(quick, *action)
        for _ in range(answers):
            if quick.controller.busy:
                quick.answer()
    assert state(quick) == state(slow)


def test_three_objects_in_one_go(desk):
    for col in (5, 12, 19):
        desk.click(5, col)
        desk.controller.commit()
    assert not desk.target.data.any()
    desk.answer_all()
    assert [(desk.target.data == label).sum() for label in (1, 2, 3)] == [9, 9, 9]


def test_a_commit_that_waits_survives_a_move_to_another_plane(desk):
    desk.click(5, 6)
    desk.controller.commit()
    desk.show(PLANES[2])
    desk.click(9, 9)
    desk.answer_all()
    assert (desk.target.data[0] == 1).sum() == 9
    assert not desk.target.data[2].any()
    assert desk.controller.current.clicks == Prompts.of([Click(9, 9)])


def test_the_wish_of_the_moment_counts(desk):
    desk.controller.set_commit_as(CommitAs(label=7))
    desk.click(5, 6)
    desk.controller.commit()
    desk.controller.set_commit_as(CommitAs())
    desk.answer_all()
    assert np.unique(desk.target.data).tolist() == [0, 7]


def test_undo_right_after_a_commit_takes_it_back(desk):
    desk.click(5, 6)
    desk.controller.commit()
    desk.controller.undo()
    desk.answer_all()
    assert not desk.target.data.any()
    assert len(desk.controller.current.clicks) == 1


@pytest.mark.parametrize("how", ["mask", "model", "escape"])
def test_what_follows_a_commit_that_cannot_be_is_dropped_and_told(desk, how):
    desk.click(5, 6)
    desk.controller.commit()
    desk.click(5, 12)
    desk.controller.commit()
    if how == "mask":
        desk.controller.receive(MaskFailed(desk.jobs[-1], "no memory"))
    elif how == "model":
        desk.controller.receive(ModelFailed("default", "it is truncated"))
    else:
        desk.controller.cancel()
    assert desk.said[-1].endswith("Repeat what you did after it (2 steps).")
    assert desk.controller.current.clicks == Prompts.of([Click(5, 6)])
    desk.controller.commit()
    desk.answer_all()
    assert (desk.target.data == 1).sum() == 9


def test_views_that_fail_stop_neither_work_nor_putting_back(desk):
    desk.click(5, 6)
    desk.answer()
    desk.controller.commit()
    before = desk.target.data.copy()
    calls = []

    def draw():
        calls.append(1)
        raise OverflowError("no such colour")

    desk.controller.changed.connect(draw)
    told = []
    desk.controller.document.tell_to(lambda *step: told.append(step[1].kind))
    desk.controller.edit(desk.target, 1)
    assert desk.said[-1] == (
        "something went wrong (OverflowError: no such colour); your clicks and objects are kept, "
        "try again"
    )
    assert not desk.target.data.any()
    desk.controller.put_back_all()
    assert np.array_equal(desk.target.data, before)
    assert told == ["edit", "put back"]
    assert calls


def test_new_pixels_are_predicted_anew(desk):
    desk.click(5, 6)
    (late,) = desk.jobs
    desk.stack = np.ones_like(desk.stack)
    desk.controller.look_again()
    assert len(desk.jobs) == 2
    desk.answer(late)
    assert not desk.mask.any(), "a mask of the old pixels"
    desk.answer()
    assert desk.mask.any()
    desk.stack = np.zeros_like(desk.stack)
    desk.controller.look_again()
    assert isinstance(desk.jobs[-1], MaskWanted)
    assert desk.controller.busy


def test_an_object_beyond_new_pixels_is_told_and_can_be_cleared(desk):
    desk.click(15, 20)
    desk.answer()
    desk.stack = desk.stack[:, :10, :12]
    desk.controller.show(PLANES[0], (10, 12))
    sentence = "the image is 10 x 12 pixels now and the object at work reaches beyond it"
    assert sentence in desk.said[-1]
    for step in (lambda: desk.click(3, 3), desk.controller.commit):
        step()
        assert sentence in desk.said[-1]
    assert not desk.target.data.any()
    desk.controller.clear()
    desk.click(3, 3)
    assert desk.controller.current.clicks == Prompts.of([Click(3, 3)])
