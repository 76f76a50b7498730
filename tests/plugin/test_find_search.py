"""A search in the worker's thread: clicks come first, it goes on, it ends when it is dropped."""

from dataclasses import replace
from queue import Queue

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.find.exemplars import MOST, kinds_of, objects_in
from napari_iafpn.plugin.find.messages import Kind, ProposalFound, SearchOver, SearchWanted
from napari_iafpn.plugin.messages import MaskReady, MaskWanted, ModelFailed
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.worker import PredictionWorker
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import DisplaySettings, ObjectStats, PlaneKey

SHAPE = (160, 200)
PLACES = [(row, col) for row in range(20, 160, 40) for col in range(20, 200, 40)]
PLANE = PlaneKey("image", (0, 1))


def disk(row, col, radius=9):
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


@pytest.fixture
def source():
    image = np.full(SHAPE, 50, np.uint8)
    for place in PLACES:
        image[disk(*place)] = 200
    return PlaneSource(PLANE, DisplaySettings((0.0, 255.0)), {"image": (image,)})


@pytest.fixture
def wanted(source):
    exemplars = tuple(BoxedMask.of(disk(*place)) for place in PLACES[:3])
    return SearchWanted("model", source, Box.whole(SHAPE), (Kind(0, exemplars),), exemplars[:1])


@pytest.fixture
def reports():
    return Queue()


@pytest.fixture
def worker(drawer, reports):
    made = PredictionWorker(reports.put, lambda _: drawer)
    yield made
    made.close(10)


def until(reports, kind):
    taken = []
    while not taken or not isinstance(taken[-1], kind):
        taken.append(reports.get(timeout=60))
    return taken


def test_all_is_found_and_told_one_by_one(worker, wanted, reports):
    worker.search(wanted)
    taken = until(reports, SearchOver)
    assert not taken[-1].troubles
    assert sum(isinstance(each, ProposalFound) for each in taken) == len(PLACES) - 3


def test_a_click_comes_before_candidates_and_the_search_goes_on(
    worker, wanted, reports, source, drawer
):
    plain = type(drawer).predict_each
    click = MaskWanted("model", source, 1, Prompts.of([Click(140, 140)]))
    asked = []

    class Submitting(type(drawer)):
        def predict_each(self, plane, batch, views, sizes=None):
            asked.append(sizes)
            if len(asked) == 8:  # the user clicks in the middle of a batch
                worker.submit(click)
            return plain(self, plane, batch, views, sizes)

        def predict(self, plane, clicks, previous=None, *, view=None):
            answered.append(len(asked))
            return plain(self, plane, [list(clicks)], [Box.whole(plane.shape)])[0]

    answered = []
    drawer.__class__ = Submitting
    drawer.device = "cpu"  # where candidates are drawn one by one
    worker.search(wanted)
    taken = until(reports, SearchOver)
    assert [each.wanted for each in taken if isinstance(each, MaskReady)] == [click]
    assert answered == [8], "before the next candidate"
    assert sum(isinstance(each, ProposalFound) for each in taken) == len(PLACES) - 3


def test_a_search_that_is_dropped_says_nothing_more(worker, wanted, reports, source):
    worker.search(wanted)
    until(reports, ProposalFound)
    worker.stop_search()
    while not reports.empty():
        reports.get()
    worker.submit(MaskWanted("model", source, 1, Prompts.of([Click(140, 140)])))
    assert len(until(reports, MaskReady)) == 1
    again = SearchWanted(wanted.model, source, Box(0, 80, 0, 200), wanted.kinds)
    worker.search(again)
    assert all(each.wanted is again for each in until(reports, SearchOver))


def test_closing_in_the_middle_ends_the_thread(worker, wanted, reports):
    worker.search(wanted)
    until(reports, ProposalFound)
    worker.close(20)
    assert worker._thread is None


def test_what_goes_wrong_is_one_sentence(reports, wanted):
    class Broken:
        device = "cpu"

        def features(self, *_):
            raise RuntimeError("the device is gone")

    worker = PredictionWorker(reports.put, lambda _: Broken())
    worker.search(wanted)
    (trouble,) = until(reports, SearchOver)[-1].troubles
    assert "\n" not in trouble
    worker.close(10)


def test_a_class_that_cannot_be_searched_is_told_at_the_end(worker, wanted, reports):
    worker.search(replace(wanted, troubles=("object 9 is small",)))
    taken = until(reports, SearchOver)
    assert len(taken) > 1
    assert taken[-1].troubles == ("object 9 is small",)


def test_a_model_that_cannot_be_loaded(reports, wanted):
    def load(_):
        raise ValueError("no such model")

    worker = PredictionWorker(reports.put, load)
    worker.search(wanted)
    taken = until(reports, SearchOver)
    assert any(isinstance(each, ModelFailed) for each in taken)
    assert taken[-1].troubles
    worker.close(10)


# Which objects show what is looked for


def test_objects_are_read_by_id_and_of_a_class_by_piece():
    labels = np.zeros((3, *SHAPE), np.int64)
    for place, label in zip(PLACES[:3], (7, 2**40, 7), strict=True):
        labels[1][disk(*place)] = label
    plane, box = PlaneKey("image", (1, 2), (1,)), Box(10, 150, 5, 190)
    found = objects_in(labels, plane, box)
    assert set(found.boxed_masks) == {7, 2**40}
    assert found.boxed_masks[2**40][0].within(Box.whole(SHAPE)).sum() == disk(*PLACES[1]).sum()
    assert len(objects_in(labels, plane, box, semantic=True).boxed_masks[7]) == 2
    assert not objects_in(labels, PlaneKey("image", (1, 2), (0,)), box).boxed_masks


def test_objects_of_all_shapes_are_read(rng):
    labels = rng.choice([0, 0, 3, 5, 2**40], (17, 23))
    labels[4:9, 6:] = labels[12:, 0] = 8
    for box in (Box(0, 17, 0, 23), Box(3, 14, 5, 22), Box(4, 5, 0, 23), Box(0, 17, 2, 3)):
        found = objects_in(labels, PLANE, box)
        part, corner = labels[box.slices], (box.row_start, box.col_start)
        assert found.boxed_masks == {
            int(label): (BoxedMask.of(part == label, corner),)
            for label in np.unique(part[part > 0])
        }
        assert found.pixels == BoxedMask.of(part != 0, corner)


def test_the_user_s_own_work_counts_first():
    labels = np.zeros(SHAPE, np.int32)
    for label, place in enumerate(PLACES, 1):
        labels[disk(*place)] = label
    labels[0, :3] = 99
    objects = objects_in(labels, PLANE, Box.whole(SHAPE))
    (kind,) = kinds_of(objects, {})
    assert len(kind.exemplars) == min(MOST, len(PLACES)), "tiny ones tell nothing"
    facts = {
        2: ObjectStats(found=True),
        3: ObjectStats(),
        4: ObjectStats(category=1),
        5: ObjectStats(category=1),
    }
    first, second = kinds_of(objects, facts, first=1)
    assert (first.category, second.category) == (1, 0)
    assert first.exemplars == (objects.boxed_masks[5][0], objects.boxed_masks[4][0])
    assert second.exemplars == (objects.boxed_masks[3][0], objects.boxed_masks[2][0])
    assert first.unlike == second.exemplars
    assert not kinds_of(objects_in(labels * 0, PLANE, Box.whole(SHAPE)), {})
