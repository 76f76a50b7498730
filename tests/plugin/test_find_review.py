"""The answers to proposals, without a window: a scripted worker and labels in a plain array."""

from dataclasses import replace

import numpy as np
import pytest

from napari_iafpn.finding import Proposal
from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.find import request
from napari_iafpn.plugin.find.messages import ProposalFound, SearchOver
from napari_iafpn.plugin.find.request import FindPorts, wanted_now
from napari_iafpn.plugin.find.review import Review
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import Document, FoundObject, ObjectStats, PlaneKey

SHAPE = (20, 30)
PLANE = PlaneKey("image", (1, 2), (0,))
CORNERS = [(2, 2), (10, 10), (2, 20)]


def proposal(number, category=0):
    row, col = CORNERS[number - 1]
    mask = BoxedMask.of(np.ones((4, 4), bool), (row, col))
    clicks = Prompts.of([Click(row + 1, col + 1)])
    return FoundObject(number, PLANE, mask, clicks, 0.6 + 0.1 * number, category)


@pytest.fixture
def review(desk):
    ports = FindPorts(
        lambda _: None,
        lambda: None,
        desk.source_of,
        lambda _: desk.target,
        lambda: Box.whole(SHAPE),
    )
    made = Review(desk.controller, ports)
    made.said.connect(lambda message: desk.said.append(message.text))
    return made


def propose(desk, *categories):
    found = [proposal(number, category) for number, category in enumerate(categories, 1)]
    desk.controller.document.discover(found)


def ids(desk):
    return [int(desk.target.data[0, row + 1, col + 1]) for row, col in CORNERS]


def test_without_a_class_each_proposal_gets_an_id_of_its_own(desk, review):
    desk.controller.set_commit_as(CommitAs(semantic=True))
    propose(desk, 0, 2, 0)
    review.accept_above(0.5)
    assert sorted(ids(desk)) == [2, 3, 4], "those without a class never get the number of one"
    assert ids(desk)[1] == 2
    assert not review.queue
    desk.controller.undo()
    assert not desk.target.data.any()


def test_proposals_of_a_class_get_its_number(desk, review):
    desk.controller.set_commit_as(CommitAs(semantic=True, category=3))
    propose(desk, 0, 2, 0)
    review.accept_above(0.5)
    assert ids(desk) == [3, 2, 3]


@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_what_is_pressed_while_a_correction_is_accepted_answers_the_next(desk, review, answer):
    propose(desk, 0, 0, 0)
    assert review.open_at(Click(3, 3))
    desk.click(7, 7)
    review.accept()
    getattr(review, answer)()
    assert not desk.target.data.any(), "the mask of the correction is waited for"
    desk.answer_all()
    assert ids(desk) == [1, 2 * (answer == "accept"), 0]
    assert [each.number for each in review.queue] == [3]
    assert review.at.number == 3
    for _ in range(2):
        desk.controller.undo()
    assert [each.number for each in review.queue] == [2, 3]
    assert desk.controller.current.opened.proposal == 1


def test_a_correction_that_cannot_be_kept_stays_at_hand(desk, review):
    propose(desk, 0, 0)
    assert review.open_at(Click(3, 3))
    desk.target.data[:] = 9
    review.accept()
    assert "belongs to other objects already" in desk.said[-1]
    assert desk.controller.current.opened.proposal == 1


class CountingStore:
    """Labels on a disk, so to say, that tell how often they are read."""

    def __init__(self, data):
        self.data, self.reads = data, 0
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, key):
        self.reads += 1
        return self.data[key]

    def __setitem__(self, key, values):
        self.data[key] = values

    def max(self):
        return self.data.max()


def numbers(review):
    return [each.number for each in review.queue]


def test_labels_are_read_again_only_where_they_changed(desk, review):
    store = desk.target.data = CountingStore(np.zeros((3, *SHAPE), np.int32))
    propose(desk, 0, 0, 0)
    assert numbers(review) == [1, 2, 3]
    assert store.reads == 3

    def reads_of(act):
        """How often labels are read when the views ask again after an act."""
        act()
        before = store.reads
        assert review.queue
        return store.reads - before

    assert reads_of(lambda: desk.click(17, 3)) == 0
    desk.answer_all()
    assert reads_of(lambda: desk.controller.set_threshold(0.6)) == 0
    desk.answer_all()
    assert reads_of(desk.controller.clear) == 0
    desk.click(12, 12)
    desk.answer_all()
    assert reads_of(desk.controller.commit) == 1, "the one beneath the object"
    assert numbers(review) == [1, 3]
    assert reads_of(desk.controller.undo) == 1
    assert numbers(review) == [1, 2, 3]
    assert reads_of(desk.controller.redo) == 1
    assert numbers(review) == [1, 3]
    before = store.reads
    review.reject()
    assert numbers(review) == [3]
    assert store.reads == before


def test_what_is_left_belongs_to_the_labels_that_are_chosen(desk, review):
    propose(desk, 0, 0, 0)
    assert numbers(review) == [1, 2, 3]
    desk.target = type(desk.target)(id="others")
    desk.target.data[0, 10:14, 10:14] = 5
    assert numbers(review) == [1, 3]
    desk.target.data[0, 2:6, 2:6] = 5  # by a script, which tells nobody
    review.next()
    review.reject()
    assert numbers(review) == [3]


def test_the_proposal_in_white_is_answered_also_while_another_one_is_open(desk, review):
    propose(desk, 0, 0, 0)
    assert review.open_at(Click(3, 3))
    review.next()
    assert review.at.number == 2
    review.reject()
    verdict = desk.controller.document.proposals.verdict
    assert [verdict(number) for number in (1, 2, 3)] == ["taken", "rejected", "open"]
    assert desk.controller.current.opened.proposal == 1


def searched(desk, review, *, everywhere=True):
    """Press Find similar and return what is searched for."""
    found = []
    review._ports = replace(review._ports, search=found.append)
    review.find(everywhere=everywhere)
    review.stop()
    return found[-1]


def keep(desk, row, col):
    desk.controller.draw(BoxedMask.of(np.ones((4, 4), bool), (row - 1, col - 1)))
    desk.controller.commit()


def test_the_place_of_an_object_that_is_edited_is_not_free(desk, review):
    """It is lifted from the labels, and is put back where its correction is dropped."""
    for row, col in ((3, 3), (11, 11), (15, 25)):
        keep(desk, row, col)
    propose(desk, 0, 0, 0)
    assert [each.number for each in review.queue] == [3]
    desk.controller.edit(desk.target, 1)
    assert [each.number for each in review.queue] == [3]
    wanted = searched(desk, review)
    assert any(mask.contains(Click(3, 3)) for mask in wanted.committed)
    review.accept_above(0.0)
    desk.controller.clear()
    assert desk.target.data[0, 3, 3] == 1


def test_an_object_that_is_edited_keeps_its_pixels(desk, review):
    desk.target.data[0, 2:3, 2:6] = desk.target.data[0, 10:14, 10:14] = 1
    propose(desk, 0)
    desk.controller.edit(desk.target, 1)
    review.accept_above(0.0)
    desk.controller.clear()
    assert (desk.target.data == 1).sum() == 20
    assert (desk.target.data == 2).sum() == 12


def test_what_was_rejected_counts_on_its_own_plane(desk, review):
    """Also where the exemplars are on another plane, whose rejected places are free here."""
    for row, col in ((3, 3), (15, 25)):
        keep(desk, row, col)
    here = replace(PLANE, index=(1,))
    there = proposal(2)
    elsewhere = replace(proposal(1), number=2, plane=here, mask=proposal(3).mask)
    desk.controller.document.discover([replace(there, number=1), elsewhere])
    review.next()
    review.reject()
    desk.show(here)
    review.next()
    review.reject()
    (kind,) = searched(desk, review).kinds
    assert [mask.box for mask in kind.unlike] == [elsewhere.mask.box]
    desk.show(PLANE)
    (kind,) = searched(desk, review).kinds
    assert [mask.box for mask in kind.unlike] == [there.mask.box]


def test_what_was_rejected_is_avoided_whatever_its_class(desk, review):
    """It teaches its own class; what has none teaches every one."""
    for label, (row, col) in enumerate([(8, 2), (8, 20)], 1):
        desk.target.data[0, row : row + 4, col : col + 4] = label
        desk.controller.document.facts["labels", label] = ObjectStats(label)
    propose(desk, 0, 1, 2)
    for _ in CORNERS:
        review.reject()
    wanted = searched(desk, review)
    none, first, second = (proposal(number).mask for number in (1, 2, 3))
    assert set(wanted.rejected) == {none, first, second}
    taught = {kind.category: {*kind.unlike} & {*wanted.rejected} for kind in wanted.kinds}
    assert taught == {1: {none, first}, 2: {none, second}}


def test_what_is_too_small_or_in_pieces_stops_no_search(desk, review):
    facts, data = desk.controller.document.facts, desk.target.data
    data[0, 2:5, 2:5] = data[0, 8:11, 2:5] = 3  # two specks
    with pytest.raises(ValueError, match=r"object 3 has 9 pixel\(s\) in one piece"):
        wanted_now(desk.controller, review._ports, everywhere=True)
    data[0, 2:6, 20:24] = 1
    facts["labels", 1] = ObjectStats(1)
    facts["labels", 3] = ObjectStats(2)
    wanted = searched(desk, review)
    assert [(kind.category, len(kind.exemplars)) for kind in wanted.kinds] == [(1, 1)]
    assert wanted.troubles == ("object 3 has 9 pixel(s) in one piece; give objects of at least 16",)
    facts["labels", 3] = ObjectStats(1)
    wanted = searched(desk, review)
    assert [(kind.category, len(kind.exemplars)) for kind in wanted.kinds] == [(1, 1)]
    assert not wanted.troubles
    del facts["labels", 1]
    assert {kind.category for kind in searched(desk, review).kinds} == {0}, "others than your own"


def test_what_is_too_small_on_one_plane_leaves_another_to_learn_from(desk, review):
    keep(desk, 3, 3)
    desk.show(replace(PLANE, index=(1,)))
    desk.target.data[1, 3, 3] = 9
    assert searched(desk, review).shown_in.key == PLANE


def test_exemplars_come_from_the_last_plane_that_has_any(desk, review):
    keep(desk, 3, 3)
    desk.show(replace(PLANE, index=(1,)))
    keep(desk, 11, 11)
    desk.target.data[1] = 0
    desk.show(replace(PLANE, index=(2,)))
    wanted = searched(desk, review)
    assert wanted.kinds[0].exemplars[0].contains(Click(3, 3))
    assert wanted.shown_in.key == PLANE


def test_on_a_large_plane_objects_out_of_sight_show_what_to_look_for(desk, review, monkeypatch):
    """And one that the edge of what is read cuts off does so as a whole."""
    monkeypatch.setattr(request, "QUICK_PIXELS", 100)
    keep(desk, 3, 3)
    keep(desk, 11, 11)
    found = []
    seen = Box(8, 13, 20, 30)
    review._ports = replace(review._ports, search=found.append, visible=lambda: seen)
    review.find()
    review.stop()
    assert {mask.box for mask in found[0].kinds[0].exemplars} == {
        Box(2, 6, 2, 6),
        Box(10, 14, 10, 14),
    }
    review._ports = replace(review._ports, visible=lambda: Box(8, 12, 6, 12))  # reads to row 13
    review.find()
    assert {mask.area for mask in found[1].kinds[0].exemplars} == {16}


@pytest.mark.parametrize("semantic", [False, True])
def test_on_a_large_plane_each_object_shows_once_and_whole(desk, review, monkeypatch, semantic):
    """One that was corrected, too, and on whatever plane of a stack it lies."""
    monkeypatch.setattr(request, "QUICK_PIXELS", 100)
    desk.controller.set_commit_as(CommitAs(semantic=semantic, category=1))
    keep(desk, 3, 3)
    desk.controller.edit(desk.target, 1)
    desk.controller.draw(BoxedMask.of(np.ones((4, 2), bool), (2, 6)))
    desk.controller.commit()
    for plane in (PLANE, replace(PLANE, index=(1,))):
        desk.show(plane)
        for seen in (Box(14, 20, 20, 30), Box(0, 5, 0, 5)):
            review._ports = replace(review._ports, visible=lambda seen=seen: seen)
            (kind,) = searched(desk, review, everywhere=False).kinds
            assert [mask.box for mask in kind.exemplars] == [Box(2, 6, 2, 8)]


def test_in_a_class_map_each_id_is_a_class_whoever_drew_it(desk, review):
    for row, col, label in [(1, 1, 1), (1, 10, 1), (8, 1, 2), (8, 12, 2)]:
        desk.target.data[0, row : row + 5, col : col + 5] = label
    desk.controller.set_commit_as(CommitAs(semantic=True, category=2))

    def kinds():
        return {k.category: len(k.exemplars) for k in searched(desk, review).kinds}

    assert kinds() == {2: 2, 1: 2}
    desk.controller.document.facts["labels", 1] = ObjectStats(clicks=2)  # it was corrected
    assert kinds() == {2: 2, 1: 2}
    desk.controller.set_commit_as(CommitAs(semantic=True))
    assert kinds() == {0: 2, 2: 2}, "what was kept without a class has none"


def test_a_proposal_gives_way_where_its_middle_is_searched(desk, review):
    keep(desk, 15, 25)
    propose(desk, 0, 0)  # rows 2 to 5, and 10 to 13
    found = []
    seen = Box(0, 12, 0, 30)
    review._ports = replace(review._ports, search=found.append, visible=lambda: seen)
    review.find()
    assert found[0].replaced == (1,)
    assert proposal(2).mask in found[0].committed, "what waits beside it is not found again"


@pytest.fixture
def search(desk, review):
    """Press Find similar; report what is found, and that all was searched."""
    asked = []
    review._ports = replace(review._ports, search=asked.append)
    keep(desk, 16, 4)

    def run(*masks, troubles=(), is_over=True):
        review.find(everywhere=True)
        for mask in masks:
            found = Proposal(mask, (Click(mask.box.row_start, mask.box.col_start),), 0.9)
            review.receive(ProposalFound(asked[-1], 0, found))
        if is_over:
            review.receive(SearchOver(asked[-1], troubles))

    return run


def test_what_was_not_searched_again_stays(desk, review, search):
    propose(desk, 0, 0, 0)
    search(proposal(2).mask, is_over=False)
    assert set(numbers(review)) == {1, 3, 4}, "after a crash, say"
    review.stop()
    assert set(numbers(review)) == {1, 3, 4}
    search(proposal(3).mask, troubles=("no such model",))
    assert set(numbers(review)) == {1, 4, 5}
    search(proposal(1).mask)
    assert set(numbers(review)) == {6}


def test_what_is_answered_while_it_is_searched_again_is_answered(desk, review, search):
    propose(desk, 0, 0)
    search(is_over=False)
    review.reject()
    review.receive(
        ProposalFound(review._wanted, 0, Proposal(proposal(1).mask, (Click(3, 3),), 0.9))
    )
    assert numbers(review) == [2]


def test_no_place_has_an_old_and_a_new_proposal(desk, review, search):
    propose(desk, 0)
    review.accept()
    desk.controller.undo()
    search(proposal(1).mask)
    assert numbers(review) == [2]
    desk.controller.redo()
    assert not review.queue
    desk.controller.undo()
    assert numbers(review) == [2]


def test_resuming_a_session_stops_the_search(desk, review, search):
    propose(desk, 0, 0)
    search(is_over=False)
    review.next()
    wanted = review._wanted
    resumed = Document(lambda _: desk.target)
    resumed.discover([replace(proposal(3), number=1), replace(proposal(2), number=2)])
    desk.controller.adopt(resumed)
    assert not review.is_searching
    assert review.at is None
    review.receive(ProposalFound(wanted, 0, Proposal(proposal(1).mask, (Click(3, 3),), 0.9)))
    assert [each.mask for each in review.queue] == [proposal(2).mask, proposal(3).mask]


def test_of_two_at_one_place_the_surer_is_accepted(desk, review):
    again = replace(proposal(2), mask=proposal(1).mask)
    desk.controller.document.discover([proposal(1), again, proposal(3)])
    review.accept_above(0.0)
    written = set(np.unique(desk.target.data)) - {0}
    assert written == {label for _, label in desk.controller.document.facts} == {1, 2}
    verdict = desk.controller.document.proposals.verdict
    assert [verdict(number) for number in (1, 2, 3)] == ["open", "accepted", "accepted"]
    assert not review.queue


def test_a_proposal_without_its_click_costs_no_click(desk, review):
    propose(desk, 0)
    assert review.open_at(Click(3, 3))
    desk.controller.change_clicks(Prompts())
    desk.controller.draw(BoxedMask.of(np.ones((4, 4), bool), (2, 2)))
    desk.controller.commit()
    (facts,) = desk.controller.document.facts.values()
    assert facts.clicks == 0


@pytest.mark.parametrize(("count", "last"), [(1, True), (2, False)])
def test_several_proposals_of_a_class_are_no_one_object(desk, review, count, last):
    """To propagate, say: an accepted proposal alone is what came to the plane last."""
    desk.controller.set_commit_as(CommitAs(semantic=True, category=3))
    propose(desk, *[0] * count)
    review.accept_above(0.0)
    step = desk.controller.document.steps[-1]
    assert len(step.facts) == 1
    assert (step.kept_on(PLANE) is not None) == last
