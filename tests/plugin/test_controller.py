"""The annotation without a window: a scripted worker and labels in a plain array."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.messages import (
    MaskFailed,
    MaskReady,
    MaskWanted,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelWanted,
)
from napari_iafpn.plugin.planes import PlaneKey, PlaneSource
from napari_iafpn.plugin.surroundings import Surroundings

SHAPE = (20, 30)
STACK = np.zeros((3, *SHAPE))
PLANES = [PlaneKey("image", (1, 2), (z,)) for z in range(3)]


@dataclass
class ArrayTarget:
    """A `LabelsTarget` in an array."""

    data: np.ndarray = field(default_factory=lambda: np.zeros(STACK.shape, int))

    def next_label(self, plane):
        return int(self.data.max()) + 1

    def write(self, patch):
        region = self.data[patch.plane.indices][patch.box.slices]
        free = patch.mask & (region == 0)
        if not free.any():
            raise ValueError("every pixel belongs to other objects")
        region[free] = patch.label
        return replace(patch, mask=free)

    def erase(self, patch):
        region = self.data[patch.plane.indices][patch.box.slices]
        region[patch.mask & (region == patch.label)] = 0


def predict(wanted):
    """A 3 x 3 square around each positive click."""
    mask = np.zeros(SHAPE, bool)
    for row, col in (click.pixel for click in wanted.clicks.positives):
        mask[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2] = True
    return Prediction.from_array(mask * np.float32(0.8), SHAPE)


class Desk:
    """A controller, what it submitted and what it said."""

    def __init__(self):
        self.jobs, self.stops, self.said = [], 0, []
        self.target = ArrayTarget()
        self.controller = AnnotationController(
            Surroundings(self.jobs.append, self.stop, self.source_of, lambda: self.target),
            "default",
        )
        self.controller.said.connect(lambda message: self.said.append(message.text))
        self.controller.plane_wanted.connect(self.show)
        self.show(PLANES[0])

    def source_of(self, plane):
        return PlaneSource(plane, STACK, (0.0, 1.0))

    def stop(self):
        self.stops += 1

    def show(self, plane):
        self.controller.show(plane, SHAPE)

    def click(self, row, col, positive=True):
        self.controller.add_click(Click(row, col, positive))

    def answer(self, job=None):
        """Report the prediction of a job, the newest by default."""
        job = job or self.jobs[-1]
        self.controller.receive(MaskReady(job, predict(job)))

    def answer_all(self):
        while self.controller.busy:
            self.answer()

    @property
    def mask(self):
        prediction = self.controller.prediction
        return np.zeros(SHAPE, bool) if prediction is None else prediction.mask()


@pytest.fixture
def desk():
    return Desk()


def test_a_click_asks_for_its_mask(desk):
    desk.click(5, 6)
    (job,) = desk.jobs
    assert job.clicks == ClickSequence.of([Click(5, 6)])
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


def test_another_click_calls_a_waiting_commit_off(desk):
    desk.click(5, 6)
    desk.controller.commit()
    desk.click(5, 8)
    desk.answer()
    assert not desk.target.data.any()
    assert len(desk.controller.current.clicks) == 2


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
        desk.controller.receive(MaskReady(job, replace(predict(job), notes=note)))
    assert important == [True, False, False]
    assert desk.said[-1].endswith(note[0])


def test_a_plane_keeps_its_object(desk):
    desk.click(5, 6)
    first = desk.jobs[-1]
    desk.show(PLANES[2])
    assert desk.controller.current.clicks == ClickSequence()
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
        (desk.controller.commit, "there is nothing to commit yet; click on an object first"),
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


def test_a_model_that_fails_ends_the_waiting(desk):
    desk.click(5, 6)
    desk.controller.receive(ModelFailed("default", "it is truncated"))
    assert not desk.controller.busy
    assert desk.said[-1] == "it is truncated"
    assert len(desk.controller.current.clicks) == 1


def test_a_plane_whose_image_is_gone(desk):
    def gone(plane):
        raise ValueError("the image is no longer open")

    around = Surroundings(desk.jobs.append, desk.stop, gone, lambda: desk.target)
    controller = AnnotationController(around, "default")
    said = []
    controller.said.connect(lambda message: said.append(message.text))
    controller.show(PLANES[0], SHAPE)
    controller.add_click(Click(5, 6))
    assert said == ["the image is no longer open"]
    assert len(controller.current.clicks) == 1


ACTIONS = st.one_of(
    st.tuples(st.just("click"), st.integers(0, 19), st.integers(0, 29), st.booleans()),
    st.tuples(st.just("move"), st.integers(0, 5), st.integers(0, 19), st.integers(0, 29)),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.just("clear")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("plane"), st.integers(0, 2)),
)


def act(desk, name, *values):
    controller = desk.controller
    clicks = controller.current.clicks
    if name == "click":
        desk.click(*values)
    elif name == "move" and values[0] < len(clicks):
        controller.change_clicks(clicks.move(*values))
    elif name == "remove" and values[0] < len(clicks):
        controller.change_clicks(clicks.remove(*values))
    elif name == "clear":
        controller.clear()
    elif name == "commit":
        controller.commit()
    elif name == "plane":
        desk.show(PLANES[values[0]])
    desk.answer_all()


def state(desk):
    """Labels, clicks of every plane, and the masks that are shown."""
    shown = desk.controller.plane
    planes = []
    for plane in PLANES:
        desk.show(plane)
        desk.answer_all()
        planes.append((desk.controller.current.clicks, desk.mask.tobytes()))
    desk.show(shown)
    return desk.target.data.tobytes(), planes


@settings(deadline=None, max_examples=60)
@given(st.lists(ACTIONS, max_size=25))
def test_undo_and_redo_are_exact(actions):
    desk = Desk()
    states = [state(desk)]
    for action in actions:
        act(desk, *action)
        if (now := state(desk)) != states[-1]:
            states.append(now)
    for expected in states[-2::-1]:
        assert desk.controller.can_undo
        desk.controller.undo()
        desk.answer_all()
        assert state(desk) == expected
    assert not desk.controller.can_undo
    for expected in states[1:]:
        assert desk.controller.can_redo
        desk.controller.redo()
        desk.answer_all()
        assert state(desk) == expected
    assert not desk.controller.can_redo


def test_jobs_are_values():
    a, b = (
        MaskWanted(
            "m", PlaneSource(PLANES[0], STACK, (0.0, 1.0)), 1, ClickSequence.of([Click(1, 2)])
        )
        for _ in range(2)
    )
    assert a == b
    assert a != replace(b, source=PlaneSource(PLANES[0], STACK.copy(), (0.0, 1.0)))
    assert a != replace(b, source=PlaneSource(PLANES[0], STACK, (0.0, 2.0)))


def test_boxes_of_commits_are_tight(desk):
    desk.click(5, 6)
    desk.answer()
    desk.controller.commit()
    patch = desk.controller._history.last_done.patch
    assert patch.box == Box(4, 7, 5, 8)
