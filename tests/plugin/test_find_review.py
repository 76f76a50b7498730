"""The answers to proposals, without a window: a scripted worker and labels in a plain array."""

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.find.request import FindPorts
from napari_iafpn.plugin.find.review import Review
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import FoundObject, PlaneKey

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
