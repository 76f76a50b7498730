"""An object that goes on to other planes: one step, or nothing at all; without a window."""

import threading
from queue import Queue

import numpy as np
import pytest
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.messages import (
    MaskReady,
    PlaneReached,
    PropagationFailed,
    PropagationOver,
    PropagationWanted,
)
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.propagating import BACKWARDS, BOTH, FORWARDS, PropagationRange, slider_axes
from napari_iafpn.plugin.worker import PredictionWorker
from napari_iafpn.sessions import DisplaySettings, PlaneKey, Step
from napari_iafpn.sessions.journal import JournalWriter
from napari_iafpn.sessions.pixels import OVERWRITE, PixelChange, region_of
from napari_iafpn.sessions.provenance import LabelsProvenance
from napari_iafpn.sessions.reading import read_session
from napari_iafpn.sessions.steps import LabelsChange

PLANES, SHAPE = 10, (60, 90)
KEYS = [PlaneKey("image", (1, 2), (z,)) for z in range(PLANES)]


def square(z):
    """Where the object is on a plane: it moves to the right and is not in the last two."""
    mask = np.zeros(SHAPE, bool)
    if z < PLANES - 2:
        mask[20:40, 10 + 4 * z : 30 + 4 * z] = True
    return mask


STACK = np.stack([square(z) for z in range(PLANES)]).astype(np.float32)


class SeesTheBright:
    """Finds the bright parts under the positive clicks."""

    device = "here"

    def __init__(self):
        self.gate, self.reached = threading.Event(), threading.Event()
        self.gate.set()

    def predict(self, plane, clicks, previous=None, *, view=None):
        self.reached.set()
        assert self.gate.wait(5)
        bright = np.asarray(plane.read(view, view.shape))[0] > 0.5
        parts, _ = ndimage.label(bright)
        mask = np.zeros(plane.shape, np.float32)
        for row, col in (click.pixel for click in clicks.positives):
            part = parts[row - view.row_start, col - view.col_start]
            mask[view.slices][(parts == part) & bright] = 0.9
        return Prediction.from_array(mask, plane.shape)


class FailingStore:
    """A stack whose plane 7 cannot be read."""

    shape, dtype = STACK.shape, STACK.dtype

    def __getitem__(self, key):
        if np.arange(PLANES)[key[0]].max() == 7:
            raise OSError("the disk is gone")
        return STACK[key]


@pytest.fixture
def sitting(new_desk):
    """A desk with a stack, whose worker is a real one that answers when it is asked to."""

    class Sitting(new_desk):
        array = STACK

        def __init__(self):
            super().__init__()
            self.target.data = np.zeros(STACK.shape, np.int32)
            self.target.region_on = lambda plane, _: region_of(plane, Box.whole(SHAPE))
            self.reports, self.predictor = Queue(), SeesTheBright()
            self.worker = PredictionWorker(self.reports.put, lambda _: self.predictor)
            self.show(KEYS[0])

        def submit(self, job):
            self.worker.submit(job)

        def stop(self):
            self.worker.stop()

        def show(self, plane):
            self.controller.show(plane, SHAPE)

        def source_of(self, plane):
            return PlaneSource(plane, DisplaySettings((0.0, 1.0)), {plane.layer: (self.array,)})

        def until(self, kind=object):
            """Take reports until one of a kind is taken."""
            while True:
                report = self.reports.get(timeout=60)
                self.controller.receive(report)
                if isinstance(report, kind):
                    return report

        def commit(self, z=0):
            self.show(KEYS[z])
            self.click(30, 20 + 4 * z)
            self.controller.commit()
            self.until(MaskReady)

        def propagate(self, *along):
            self.controller.propagate(PropagationRange(0, *along))
            self.until((PropagationOver, PropagationFailed))

        @property
        def data(self):
            return self.target.data

    made = Sitting()
    yield made
    made.predictor.gate.set()
    made.worker.close(5)


def is_square(data, planes, label=1):
    return [z for z in range(PLANES) if np.array_equal(data[z] == label, square(z))] >= list(planes)


def has(sitting, label=1):
    return [z for z in range(PLANES) if (sitting.data[z] == label).any()]


def test_the_object_goes_on_to_where_it_is_lost(sitting):
    sitting.commit()
    sitting.propagate()
    assert has(sitting) == list(range(8))
    assert all(np.array_equal(sitting.data[z] == 1, square(z)) for z in range(8))
    assert "Plane 3 of 9 …" in sitting.said
    assert sitting.said[-1] == (
        "Object 1 was propagated to planes 1 to 7. Stopped at plane 8: the object is no longer "
        "there. If it goes on, keep it there as number 1 and propagate again."
    )
    assert not sitting.controller.busy
    assert sitting.controller.plane == KEYS[0]


def test_one_undo_takes_every_plane_back(sitting):
    sitting.data[5, 20:40, 30:60] = 9
    sitting.commit()
    before = sitting.data.tobytes()
    sitting.propagate()
    after = sitting.data.tobytes()
    assert after != before
    sitting.controller.undo()
    assert sitting.data.tobytes() == before
    sitting.controller.redo()
    assert sitting.data.tobytes() == after


@pytest.mark.parametrize(
    ("along", "planes"),
    [
        ((FORWARDS, 0), [4, 5, 6, 7]),
        ((FORWARDS, 2), [4, 5, 6]),
        ((BACKWARDS, 0), [0, 1, 2, 3, 4]),
        ((BACKWARDS, 1), [3, 4]),
        ((BOTH, 2), [2, 3, 4, 5, 6]),
    ],
)
def test_directions_and_numbers_of_planes(sitting, along, planes):
    sitting.commit(4)
    sitting.propagate(*along)
    assert has(sitting) == planes
    assert all(np.array_equal(sitting.data[z] == 1, square(z)) for z in planes)


def test_the_object_at_work_is_committed_first_and_waited_for(sitting):
    sitting.click(30, 20)
    sitting.controller.propagate(PropagationRange())
    assert not sitting.data.any()
    sitting.until(PropagationOver)
    assert has(sitting) == list(range(8))
    assert [step.kind for step in sitting.controller.document.steps] == [
        "click",
        "commit",
        "propagate",
    ]


def test_the_last_object_of_the_plane_goes_on(sitting):
    sitting.commit()
    sitting.propagate(FORWARDS, 3)
    sitting.show(KEYS[3])
    sitting.propagate(FORWARDS, 1)
    assert has(sitting) == [0, 1, 2, 3, 4]


def test_others_keep_their_pixels_unless_asked(sitting):
    other = np.s_[2, 20:30, 10:50]
    sitting.data[other] = 9
    sitting.commit()
    sitting.propagate(FORWARDS, 3)
    assert has(sitting, 10) == [0, 1, 2, 3]
    assert (sitting.data[other] == 9).all()
    assert np.array_equal(sitting.data[2] == 10, square(2) & (sitting.data[2] != 9))
    sitting.controller.set_commit_as(CommitAs(policy=OVERWRITE))
    sitting.propagate(FORWARDS, 3)
    assert np.array_equal(sitting.data[2] == 10, square(2))


def test_a_correction_replaces_the_planes_behind_it_and_no_other(sitting):
    sitting.commit()
    sitting.propagate()
    right = sitting.data.copy()
    region = (slice(3, 8), slice(0, 60), slice(0, 90))
    wrong = right[region].copy()
    wrong[:, 30:] = 0
    wrong[1:, 50:55, 5:9] = 1
    change = PixelChange.of(region, right[region], wrong)
    sitting.controller.do(Step("paint", KEYS[0], labels=(LabelsChange("labels", (change,)),)))
    start = sitting.data[:3].tobytes()
    sitting.show(KEYS[3])
    sitting.controller.edit(sitting.target, 1)
    assert has(sitting) == [0, 1, 2, 4, 5, 6, 7], "only the pixels of this plane are lifted"
    # Corrected by hand, as by clicks, the object of this plane is right again.
    sitting.click(30, 35)
    sitting.controller.commit()
    sitting.until(MaskReady)
    assert np.array_equal(sitting.data[3] == 1, square(3))
    sitting.propagate()
    assert np.array_equal(sitting.data, right)
    assert sitting.data[:3].tobytes() == start


def test_under_the_number_of_a_class_its_other_objects_stay(sitting):
    others = np.s_[:5, 50:58, 70:80]
    sitting.data[others] = 1
    sitting.controller.set_commit_as(CommitAs(semantic=True, category=1))
    sitting.commit()
    before = sitting.data.tobytes()
    wanted = sitting.controller.editor.follow(KEYS[0], PropagationRange(), "", semantic=True)
    assert np.array_equal(wanted.start.within(Box.whole(SHAPE)), square(0)), "the others stay there"
    sitting.propagate(FORWARDS, 3)
    sitting.show(KEYS[3])
    sitting.propagate(FORWARDS, 1)
    assert (sitting.data[others] == 1).all()
    sitting.data[others] = 0
    assert all(np.array_equal(sitting.data[z] == 1, square(z)) for z in range(5))
    assert not sitting.data[5:].any()
    sitting.data[others] = 1
    sitting.controller.undo()
    sitting.controller.undo()
    assert sitting.data.tobytes() == before


def test_an_object_that_is_being_edited_on_the_way_is_left_alone(sitting):
    sitting.commit()
    sitting.propagate(FORWARDS, 4)
    sitting.show(KEYS[2])
    sitting.controller.edit(sitting.target, 1)
    sitting.show(KEYS[0])
    before = sitting.data.tobytes()
    sitting.controller.propagate(PropagationRange())
    assert "is being edited on plane 2" in sitting.said[-1]
    assert sitting.data.tobytes() == before


def test_cancelling_keeps_what_was_reached(sitting):
    sitting.commit()
    sitting.controller.propagate(PropagationRange())
    while sitting.until(PlaneReached).plane != KEYS[3]:
        pass
    before = sitting.controller.document.last_done
    sitting.controller.cancel()
    assert has(sitting) == [0, 1, 2, 3]
    assert sitting.said[-1] == (
        "Stopped. Object 1 was propagated to planes 1 to 3. Undo takes them back."
    )
    assert not sitting.controller.busy
    while not sitting.reports.empty():
        sitting.controller.receive(sitting.reports.get())
    assert has(sitting) == [0, 1, 2, 3], "reports that come late change nothing"
    sitting.controller.undo()
    assert has(sitting) == [0]
    assert sitting.controller.document.last_done is before


@pytest.mark.parametrize("what", ["click", "undo", "brush", "model"])
def test_whatever_else_the_user_does_calls_it_off(sitting, what):
    sitting.commit()
    before = sitting.data.tobytes()
    sitting.controller.propagate(PropagationRange())
    sitting.until(PlaneReached)
    if what == "click":
        sitting.click(50, 80)
    elif what == "undo":
        sitting.controller.undo()
    elif what == "brush":
        sitting.controller.edit(sitting.target, 1)
        sitting.controller.clear()
    else:
        sitting.controller.use_model("other")
    assert "Propagation cancelled; nothing was changed." in sitting.said
    sitting.worker.close(5)
    while not sitting.reports.empty():
        sitting.controller.receive(sitting.reports.get())
    assert sitting.data.tobytes() == before


def test_looking_at_other_planes_does_not_disturb_it(sitting):
    sitting.show(KEYS[6])
    sitting.click(10, 10)
    sitting.until(MaskReady)
    sitting.commit()
    sitting.predictor.gate.clear()
    sitting.controller.propagate(PropagationRange(planes=3))
    sitting.show(KEYS[6])
    sitting.show(KEYS[5])
    sitting.predictor.gate.set()
    sitting.until(PropagationOver)
    assert has(sitting) == [0, 1, 2, 3]
    assert sitting.controller.plane == KEYS[5]


def test_a_plane_that_cannot_be_read_changes_nothing(sitting):
    type(sitting).array = FailingStore()
    sitting.commit()
    before = sitting.data.tobytes()
    sitting.propagate()
    assert "the image could not be read" in sitting.said[-1]
    assert sitting.data.tobytes() == before
    assert sitting.controller.document.last_done.kind == "commit"
    assert not sitting.controller.busy


def test_labels_that_cannot_be_written_are_told(sitting):
    sitting.commit()
    before = sitting.data.tobytes()

    def fail(changes):
        raise ValueError("the labels cannot be written")

    sitting.target.apply = fail
    sitting.propagate()
    assert sitting.said[-1] == "the labels cannot be written"
    assert sitting.data.tobytes() == before
    assert sitting.controller.document.last_done.kind == "commit"


@pytest.mark.parametrize("semantic", [False, True])
def test_the_journal_has_it(sitting, tmp_path, semantic):
    writer = JournalWriter(tmp_path / "s.iafpn.jsonl", print)
    about = LabelsProvenance.of("labels", "Objects", "image", sitting.data)
    writer.append(lambda: {"entry": "labels", **vars(about)})
    sitting.controller.document.tell_to(writer.record)
    sitting.controller.set_commit_as(CommitAs(semantic=semantic, category=1))
    sitting.commit(2)
    sitting.propagate(BOTH, 2)
    assert writer.close(20)
    session = read_session(writer.path)
    assert not session.damage
    assert np.array_equal(session.labels_of("labels").data, sitting.data)
    step, again = sitting.controller.document.last_done, session.document.last_done
    assert (again.kind, again.commit, again.propagation) == (
        "propagate",
        step.commit,
        step.propagation,
    )
    assert again.propagation.routes == ((3, 4), (1, 0))
    assert again.propagation.joins == semantic
    session.document.undo()
    assert [z for z in range(PLANES) if session.labels_of("labels").data[z].any()] == [2]


def test_there_is_something_to_propagate_and_somewhere_to_go(sitting):
    sitting.controller.propagate(PropagationRange())
    assert "no object was kept on this plane yet" in sitting.said[-1]
    sitting.commit()
    sitting.controller.propagate(PropagationRange(direction=BACKWARDS))
    assert "this is the first plane" in sitting.said[-1]
    with pytest.raises(ValueError, match="one plane only"):
        PropagationRange().propagation(PlaneKey("image", (0, 1)), SHAPE, 0.5)


def test_the_slider_can_be_chosen():
    plane, shape = PlaneKey("image", (2, 3), (1, 4)), (3, 6, 20, 30)
    assert slider_axes(plane, shape) == (1, 0)
    assert slider_axes(plane, (1, 6, 20, 30)) == (1,)
    assert PropagationRange().propagation(plane, shape, 0.5).routes == ((5,),)
    going = PropagationRange(0, BOTH).propagation(plane, shape, 0.5)
    assert (going.axis, going.routes) == (0, ((2,), (0,)))
    assert going.reaches(plane, PlaneKey("image", (2, 3), (2, 4)))
    assert not going.reaches(plane, PlaneKey("image", (2, 3), (2, 5)))
    assert not going.reaches(plane, PlaneKey("image", (1, 3), (2, 4)))


def test_the_job_names_its_plane(sitting):
    sitting.commit()
    wanted = sitting.controller.editor.follow(KEYS[0], PropagationRange(), "default")
    assert isinstance(wanted, PropagationWanted)
    assert wanted.plane == KEYS[0]
