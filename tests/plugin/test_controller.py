"""The annotation without a window: a scripted worker and labels in a plain array."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.messages import (
    MaskFailed,
    MaskReady,
    MaskWanted,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelWanted,
)
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.propagating import PropagationRange
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import DisplaySettings, PlaneKey

SHAPE = (20, 30)
STACK = np.zeros((3, *SHAPE))
PLANES = [PlaneKey("image", (1, 2), (z,)) for z in range(3)]


def test_a_click_asks_for_its_mask(desk):
    desk.click(5, 6)
    (job,) = desk.jobs
    assert job.clicks == Prompts.of([Click(5, 6)])
    assert job.plane == PLANES[0]
    assert desk.controller.busy
    desk.answer()
    assert not desk.controller.busy
    assert desk.mask.sum() == 9


def test_the_newest_click_wins(desk):
    desk.click(5, 6)
    desk.click(10, 20)
    old, new = desk.jobs
    desk.answer(old)
    assert not desk.mask.any()
    assert desk.controller.busy
    desk.answer(new)
    assert desk.mask.sum() == 18
    desk.answer(old)
    assert desk.mask.sum() == 18


def test_undo_while_the_network_works_returns_to_the_mask_before(desk):
    desk.click(5, 6)
    desk.answer()
    before = desk.controller.prediction
    desk.click(10, 20)
    late = desk.jobs[-1]
    desk.controller.undo()
    assert desk.stops == 1
    assert not desk.controller.busy
    assert desk.controller.prediction is before
    desk.answer(late)
    assert desk.controller.prediction is before


def test_commit_waits_for_the_newest_mask(desk):
    desk.click(5, 6)
    desk.controller.commit()
    assert not desk.target.data.any()
    desk.answer()
    assert desk.target.data[0].sum() == 9
    assert not desk.controller.current.clicks


def test_the_next_click_begins_the_next_object_while_a_commit_waits(desk):
    desk.click(5, 6)
    desk.controller.commit()
    desk.click(5, 12)
    assert desk.controller.clicks == Prompts.of([Click(5, 12)]), "shown at once"
    assert len(desk.jobs) == 1, "the mask that is to be committed comes first"
    desk.controller.commit()
    desk.click(5, 18)
    assert desk.controller.clicks == Prompts.of([Click(5, 18)])
    desk.answer_all()
    assert [(desk.target.data == label).sum() for label in (1, 2, 3)] == [9, 9, 0]
    assert desk.controller.current.clicks == Prompts.of([Click(5, 18)])


def test_a_failure_calls_a_waiting_commit_off(desk):
    desk.click(5, 6)
    desk.controller.commit()
    desk.controller.receive(MaskFailed(desk.jobs[-1], "no memory"))
    assert desk.said[-1] == "no memory"
    desk.controller.commit()
    desk.answer()
    assert desk.target.data[0].sum() == 9


def test_the_network_s_notes_are_told_once_as_a_notification(desk):
    important = []
    desk.controller.said.connect(lambda message: important.append(message.important))
    for col in (5, 6, 7):
        desk.click(5, col)
        job = desk.jobs[-1]
        note = ("CUDA memory ran out; this mask was computed on the CPU.",)
        desk.controller.receive(MaskReady(job, replace(desk.predict(job), notes=note)))
    assert important == [True, False, False]
    assert desk.said[-1].endswith(note[0])


def test_a_plane_keeps_its_object(desk):
    desk.click(5, 6)
    first = desk.jobs[-1]
    desk.show(PLANES[2])
    assert desk.controller.current.clicks == Prompts()
    desk.answer(first)
    assert not desk.mask.any()
    desk.show(PLANES[0])
    assert desk.mask.sum() == 9
    assert len(desk.jobs) == 1


def test_a_click_outside_changes_nothing(desk):
    desk.click(5, 30)
    assert "outside the image of 20 x 30" in desk.said[-1]
    assert not desk.controller.current.clicks
    assert not desk.controller.can_undo
    assert not desk.jobs


def test_an_empty_mask_is_not_committed(desk):
    desk.click(5, 6)
    desk.answer()
    desk.controller.set_threshold(0.9)
    desk.controller.commit()
    assert "the mask is empty at threshold 0.90" in desk.said[-1]
    assert len(desk.controller.current.clicks) == 1


def test_nothing_to_commit_undo_or_redo(desk):
    for act, sentence in (
        (desk.controller.commit, "there is nothing to keep yet; click on an object first"),
        (desk.controller.undo, "There is nothing to undo."),
        (desk.controller.redo, "There is nothing to redo."),
    ):
        act()
        assert desk.said[-1] == sentence


def test_a_commit_brings_back_its_threshold(desk):
    desk.click(5, 6)
    desk.answer()
    desk.controller.set_threshold(0.3)
    desk.controller.commit()
    assert desk.controller.current.threshold == 0.5
    desk.controller.undo()
    assert desk.controller.current.threshold == 0.3
    assert desk.said[-1] == "Undone."
    desk.controller.redo()
    assert desk.said[-1] == "Done again."


def test_another_model_predicts_the_current_object_anew(desk):
    desk.click(5, 6)
    desk.answer()
    desk.controller.use_model("other")
    assert desk.jobs[-1].model == "other"
    assert desk.mask.any(), "the old mask stays until the new one comes"
    old = desk.jobs[0]
    desk.controller.commit()
    desk.answer(old)
    assert not desk.target.data.any()
    desk.answer()
    assert desk.target.data.any()


def test_a_model_is_loaded_before_the_first_click(desk):
    desk.controller.use_model("default")
    assert desk.jobs == [ModelWanted("default")]
    desk.controller.receive(ModelLoading("default"))
    assert desk.controller.busy
    desk.controller.receive(ModelReady("default", "cpu"))
    assert not desk.controller.busy
    assert desk.said[-1] == "The model default is ready on cpu."
    desk.controller.receive(ModelReady("default", "cpu", "It is slow."))
    assert desk.said[-1] == "The model default is ready on cpu. It is slow."


def test_a_model_that_fails_ends_the_waiting(desk):
    desk.click(5, 6)
    desk.controller.receive(ModelFailed("default", "it is truncated"))
    assert not desk.controller.busy
    assert desk.said[-1] == "it is truncated"
    assert len(desk.controller.current.clicks) == 1


def test_a_plane_whose_image_is_gone(desk):
    desk.stack = None
    desk.click(5, 6)
    assert desk.said == ["the image is no longer open"]
    assert len(desk.controller.current.clicks) == 1


def test_the_mask_of_a_committed_object_is_not_kept(desk):
    desk.click(5, 6)
    desk.answer()
    kept = weakref.ref(desk.controller.prediction.roi_probability)
    assert kept() is not None
    desk.controller.commit()
    gc.collect()
    assert kept() is None
    desk.controller.undo()
    assert desk.controller.busy, "it is predicted again"
    desk.answer()
    assert desk.mask.sum() == 9


def committed(desk, row=5, col=6):
    desk.click(row, col)
    desk.answer()
    desk.controller.commit()
    return int(desk.target.data.max())


def test_a_click_can_change_its_sign_and_any_click_be_deleted(desk):
    for col in (5, 9, 13):
        desk.click(5, col)
        desk.answer()
    clicks = desk.controller.current.clicks
    desk.controller.change_clicks(clicks.remove(0))
    desk.answer()
    assert not desk.mask[5, 5]
    desk.controller.change_clicks(desk.controller.current.clicks.flip(0))
    desk.answer()
    assert not desk.mask[5, 9]
    desk.controller.undo()
    desk.controller.undo()
    desk.answer_all()
    assert desk.mask[5, 5]


def test_a_slider_that_is_dragged_is_one_step(desk):
    desk.click(5, 6)
    desk.answer()
    for threshold in (0.6, 0.7, 0.85):
        desk.controller.set_threshold(threshold)
    assert not desk.mask.any()
    desk.controller.undo()
    assert desk.controller.current.threshold == 0.5
    assert desk.mask.sum() == 9
    desk.controller.redo()
    assert desk.controller.current.threshold == 0.85


def test_what_is_drawn_by_hand_survives_every_click(desk):
    stroke, gap = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    stroke[15, 3:20], gap[5, 6] = True, True
    desk.click(5, 6)
    desk.answer()
    desk.controller.draw(BoxedMask.of(stroke))
    desk.controller.draw(None, BoxedMask.of(gap))
    for click in ((5, 6, True), (15, 4, False), (5, 7, True)):
        desk.click(*click)
        desk.answer()
        assert desk.mask[15, 3:20].all()
        assert not desk.mask[5, 6]
    desk.controller.commit()
    assert (desk.target.data[0] > 0).sum() == desk.target.data[0][15].astype(bool).sum() + 11


def test_an_object_can_be_drawn_by_hand_alone(desk):
    stroke = np.zeros(SHAPE, bool)
    stroke[15, 3:20] = True
    desk.controller.draw(BoxedMask.of(stroke))
    desk.controller.commit()
    assert np.array_equal(desk.target.data[0] == 1, stroke)


def test_editing_replaces_just_that_id(desk):
    committed(desk)
    committed(desk, 12, 12)
    before = desk.target.data.copy()
    desk.controller.edit(desk.target, 1)
    assert not (desk.target.data == 1).any(), "lifted while it is edited"
    assert desk.mask.sum() == 9, "its mask is there before any click"
    desk.click(5, 8)
    assert desk.jobs[-1].start.area == 9
    desk.answer()
    desk.controller.commit()
    assert (desk.target.data == 1).sum() == 15
    assert np.array_equal(desk.target.data == 2, before == 2)
    for _ in range(3):
        desk.controller.undo()
    assert np.array_equal(desk.target.data, before)


def test_clearing_puts_an_edited_object_back(desk):
    committed(desk)
    before = desk.target.data.copy()
    desk.controller.edit(desk.target, 1)
    desk.click(9, 9)
    desk.answer()
    desk.controller.clear()
    assert np.array_equal(desk.target.data, before)
    assert desk.controller.current.is_untouched
    desk.controller.undo()
    desk.answer_all()
    assert desk.controller.current.edited.label == 1
    assert len(desk.controller.current.clicks) == 1


@pytest.mark.parametrize("label", [0, 7])
def test_only_what_is_there_can_be_edited(desk, label):
    committed(desk)
    desk.controller.edit(desk.target, label)
    assert "click on one" in desk.said[-1]
    assert desk.controller.current.is_untouched


def test_an_unfinished_object_is_not_dropped_for_an_edit(desk):
    committed(desk)
    desk.click(15, 15)
    desk.controller.edit(desk.target, 1)
    assert "keep or discard the object at work" in desk.said[-1]
    assert len(desk.controller.current.clicks) == 1


def test_the_policy_decides_whose_the_overlap_is(desk):
    committed(desk)
    desk.controller.set_commit_as(CommitAs(policy="overwrite"))
    committed(desk, 5, 8)
    assert [(desk.target.data == label).sum() for label in (1, 2)] == [6, 9]
    desk.controller.undo()
    desk.controller.set_commit_as(CommitAs())
    desk.controller.commit()
    desk.answer()
    assert [(desk.target.data == label).sum() for label in (1, 2)] == [9, 6]


def test_a_chosen_id_and_the_id_of_a_class(desk):
    desk.controller.set_commit_as(CommitAs(label=7))
    committed(desk)
    desk.controller.set_commit_as(CommitAs(category=3, semantic=True))
    committed(desk, 12, 12)
    committed(desk, 12, 20)
    assert [(desk.target.data == label).sum() for label in (7, 3)] == [9, 18]
    facts = desk.controller.document.facts
    assert facts["labels", 3].category == 3
    assert facts["labels", 3].clicks == 2


def test_splitting_by_clicks(desk):
    desk.target.data[0, 4:9, 3:9] = 1
    desk.target.data[0, 4:9, 10:16] = 1
    desk.target.data[0, 6, 9] = 1
    desk.controller.edit(desk.target, 1)
    for col in (5, 12):
        desk.click(6, col)
        desk.answer()
    desk.controller.split()
    assert desk.target.data[0, 6, 5] == 1
    assert desk.target.data[0, 6, 12] == 2
    assert (desk.target.data == 1).sum() + (desk.target.data == 2).sum() == 61
    assert 29 < (desk.target.data == 2).sum() < 32


def test_splitting_wants_a_click_on_each_part(desk):
    committed(desk)
    desk.controller.split()
    assert "double-click on an object first" in desk.said[-1]
    desk.controller.edit(desk.target, 1)
    desk.click(5, 6)
    desk.answer()
    desk.controller.split()
    assert "1 click(s) on this object" in desk.said[-1]
    assert desk.controller.current.edited.label == 1


def test_full_labels_are_told_and_the_object_kept(desk):
    desk.target.data[2, 0, 0] = 40
    desk.click(5, 6)
    desk.answer()
    desk.controller.commit()
    assert desk.said[-1] == "the labels are full"
    assert len(desk.controller.current.clicks) == 1


def source_of(plane, array, limits):
    return PlaneSource(plane, DisplaySettings(limits), {plane.layer: (array,)})


def test_jobs_are_values():
    a, b = (
        MaskWanted("m", source_of(PLANES[0], STACK, (0.0, 1.0)), 1, Prompts.of([Click(1, 2)]))
        for _ in range(2)
    )
    assert a == b
    assert a != replace(b, source=source_of(PLANES[0], STACK.copy(), (0.0, 1.0)))
    assert a != replace(b, source=source_of(PLANES[0], STACK, (0.0, 2.0)))


def test_boxes_of_commits_are_tight(desk):
    committed(desk)
    (change,) = desk.controller.document.last_done.labels
    assert change.pixels[0].region == (slice(0, 1), slice(4, 7), slice(5, 8))


# Looking ahead


def test_a_look_ahead_shows_what_a_click_would_give_and_changes_nothing(desk):
    desk.controller.look_ahead(Click(5, 6))
    assert not desk.controller.busy
    desk.answer()
    assert desk.controller.hint.box == Box(4, 7, 5, 8)
    assert desk.controller.current.is_untouched
    assert desk.controller.document.last_done is None
    desk.controller.look_ahead(Click(5, 6))
    assert len(desk.jobs) == 1
    desk.controller.look_ahead(None)
    assert desk.controller.hint is None


def test_clicks_come_before_looks_ahead(desk):
    desk.controller.look_ahead(Click(5, 6))
    (look,) = desk.jobs
    desk.click(10, 20)
    desk.controller.look_ahead(Click(3, 3))
    assert len(desk.jobs) == 2
    desk.answer(look)
    assert desk.controller.hint is None
    desk.answer()
    assert desk.mask.sum() == 9
    desk.controller.look_ahead(Click(5, 6))
    desk.answer()
    assert desk.controller.hint.within(Box.whole(SHAPE)).sum() == 18
    desk.controller.undo()
    assert desk.controller.hint is None


def test_nothing_is_looked_ahead_outside_the_plane(desk):
    desk.controller.look_ahead(Click(-3, 6))
    desk.controller.look_ahead(Click(5, 30))
    assert not desk.jobs


def keep(desk, row, col):
    desk.click(row, col)
    desk.answer()
    desk.controller.commit()


def test_objects_near_the_first_click_are_its_neighbours(desk):
    keep(desk, 5, 6)
    keep(desk, 15, 25)
    desk.click(5, 9)
    (neighbour,) = desk.jobs[-1].neighbours
    assert neighbour == Click(5, 6, False)
    assert len(desk.jobs[-1].clicks) == 1, "the user does not see it"
    desk.answer()
    desk.click(14, 22)
    assert desk.jobs[-1].neighbours == desk.jobs[-2].neighbours, "they are those of the first click"
    desk.answer()
    desk.controller.clear()
    desk.click(15, 22)
    assert [click.pixel for click in desk.jobs[-1].neighbours] == [(15, 25)]


@pytest.mark.parametrize(
    "wish", [CommitAs(policy="overwrite"), CommitAs(category=1, semantic=True)]
)
def test_no_neighbours_where_pixels_may_be_taken_or_objects_are_not_told_apart(desk, wish):
    keep(desk, 5, 6)
    desk.controller.set_commit_as(wish)
    desk.click(5, 9)
    assert not desk.jobs[-1].neighbours


def test_an_edited_object_has_no_neighbours(desk):
    keep(desk, 5, 6)
    keep(desk, 5, 9)
    desk.controller.edit(desk.target, 2)
    desk.click(6, 9)
    assert not desk.jobs[-1].neighbours


def test_the_pixels_of_an_edited_object_stay_its_own(desk):
    """It is lifted from the labels, on whichever plane, and left as it was if it is discarded."""
    one, other = PLANES[:2]
    desk.target.data[1, 6:12, 5:12] = 5
    before = desk.target.data[1].copy()
    desk.show(other)
    desk.controller.edit(desk.target, 5)
    desk.show(one)
    desk.click(8, 8)
    desk.controller.commit()
    desk.answer_all()
    desk.controller.propagate(PropagationRange())
    desk.answer_all()
    desk.show(other)
    desk.controller.clear()
    assert desk.said[-1] == "Object 5 was left as it was."
    assert np.array_equal(desk.target.data[1] == 5, before == 5)


def test_another_channel_does_not_take_the_pixels_of_an_edited_object(desk):
    desk.target.data[0, 4:10, 4:10] = 5
    desk.controller.edit(desk.target, 5)
    desk.show(replace(PLANES[0], layer="another channel"))
    desk.controller.draw(BoxedMask.of(np.ones((6, 6), bool), (7, 7)))
    desk.controller.commit()
    assert "9 pixels" in desk.said[-1]
    assert np.count_nonzero(desk.target.data[0] == 6) == 27
    desk.controller.draw(BoxedMask.of(np.ones((2, 2), bool), (5, 5)))
    desk.controller.commit()
    assert "belongs to an object that is being edited" in desk.said[-1]
