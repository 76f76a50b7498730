"""Proposals: the answers are steps, nothing of them is lost, a corrected one is replayed."""

from dataclasses import replace

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import ClickReplay, Prediction, Predictor
from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import DisplaySettings, FoundObject, Step
from napari_iafpn.sessions.effort import effort_of
from napari_iafpn.sessions.proposals import ACCEPTED, OPEN, REJECTED, REPLACED, TAKEN
from napari_iafpn.sessions.reading import read_session
from napari_iafpn.sessions.replay import replay
from napari_iafpn.sessions.reviewing import accept_step, close_step, open_step, reject_step


def found(sitting, number, row, quality=0.9, side=5):
    """Return a square that was found."""
    mask = BoxedMask.of(np.ones((side, side), bool), (row, 10))
    clicks = Prompts.of([Click(row + 2, 12)])
    return FoundObject(number, sitting.plane, mask, clicks, quality)


@pytest.fixture
def reviewed(sitting):
    """A sitting with an object, whose journal knows of proposals from the start."""
    sitting.document.tell_to(sitting.writer.record, sitting.writer.record_found)
    sitting.square(50, 60, 1)
    sitting.document.discover([found(sitting, n, 8 * n, 0.5 + n / 10) for n in (1, 2, 3, 4)])
    return sitting


def accept(sitting, *numbers):
    document = sitting.document
    objects = {label: [document.proposals[number]] for label, number in enumerate(numbers, 2)}
    document.do(accept_step(sitting.plane, sitting.target, objects, document.facts))


def verdicts(document):
    return [document.proposals.verdict(number) for number in (1, 2, 3, 4)]


def test_the_most_doubtful_comes_first_and_nothing_is_in_the_labels(reviewed):
    before = reviewed.target.data.copy()
    assert [each.number for each in reviewed.document.proposals.of(reviewed.plane)] == [1, 2, 3, 4]
    assert not reviewed.document.proposals.of(replace(reviewed.plane, layer="other"))
    reviewed.document.do(reject_step(reviewed.plane, [reviewed.document.proposals[1]]))
    assert np.array_equal(reviewed.target.data, before)
    assert [each.number for each in reviewed.document.proposals.of(reviewed.plane)] == [2, 3, 4]


def test_a_batch_is_one_step_and_comes_again(reviewed):
    document, before = reviewed.document, reviewed.target.data.copy()
    accept(reviewed, 1, 2, 3)
    after = reviewed.target.data.copy()
    assert set(np.unique(after)) == {0, 1, 2, 3, 4}
    assert document.facts["labels", 2].found
    assert document.facts["labels", 2].quality == 0.6
    assert not document.facts["labels", 1].found
    document.undo()
    assert np.array_equal(reviewed.target.data, before)
    assert verdicts(document) == [OPEN] * 4
    assert set(document.facts) == {("labels", 1)}
    document.redo()
    assert np.array_equal(reviewed.target.data, after)
    assert verdicts(document) == [ACCEPTED] * 3 + [OPEN]


def test_pixels_of_others_stay_theirs_and_a_covered_one_is_told(reviewed):
    reviewed.target.data[8:11, 10:15] = 9
    accept(reviewed, 1)
    assert (reviewed.target.data[8:11, 10:15] == 9).all()
    assert (reviewed.target.data[11:13, 10:15] == 2).all()
    reviewed.target.data[16:21, 10:15] = 9
    with pytest.raises(ValueError, match="belongs to other objects already"):
        accept(reviewed, 3, 2)
    assert verdicts(reviewed.document) == [ACCEPTED, OPEN, OPEN, OPEN]


def test_a_session_comes_back_with_its_queue(reviewed):
    document = reviewed.document
    accept(reviewed, 1, 2)
    document.do(reject_step(reviewed.plane, [document.proposals[3]]))
    document.undo()
    document.discover([found(reviewed, 7, 40)], replaced=[4])
    document.do(open_step(reviewed.current, document.next_object(), document.proposals[3]))
    assert reviewed.writer.close(20)
    session = read_session(reviewed.path)
    assert not session.damage
    again = session.document
    assert again.proposals._found == document.proposals._found
    assert verdicts(again) == verdicts(document) == [ACCEPTED, ACCEPTED, TAKEN, REPLACED]
    assert again.facts == document.facts
    assert again.objects == document.objects
    assert again.proposals.next_number() > 7
    again.undo()
    again.undo()
    assert verdicts(again) == [OPEN, OPEN, OPEN, REPLACED]


def test_an_answer_to_a_lost_proposal_changes_nothing_else(reviewed):
    accept(reviewed, 1)
    reviewed.writer.close(20)
    lines = reviewed.path.read_bytes().splitlines(keepends=True)
    reviewed.path.write_bytes(b"".join(line for line in lines if b'"entry":"found"' not in line))
    session = read_session(reviewed.path)
    assert np.array_equal(session.labels_of("labels").data, reviewed.target.data)
    assert not session.document.proposals.of(reviewed.plane)


@pytest.mark.parametrize(
    "damage",
    [(b'"open","accepted"', b'"open","liked"'), (b'"found":true', b'"found":3')],
)
def test_verdicts_that_cannot_be_are_damage(reviewed, damage):
    accept(reviewed, 1)
    reviewed.writer.close(20)
    head, sep, last = reviewed.path.read_bytes().rstrip(b"\n").rpartition(b"\n")
    # Lines of the first version have no checksum.
    changed = last[: last.rindex(b',"crc"')].replace(*damage) + b"}"
    lines = [line[: line.rindex(b',"crc"')] + b"}" for line in head.split(b"\n")]
    assert changed not in last
    reviewed.path.write_bytes(sep.join([*lines, changed]) + b"\n")
    assert "lost" in read_session(reviewed.path).damage


def test_an_opened_proposal_is_put_back_or_rejected(reviewed):
    document = reviewed.document
    document.do(open_step(reviewed.current, document.next_object(), document.proposals[2]))
    now = reviewed.current
    assert now.mask(None) == document.proposals[2].mask
    assert now.clicks == document.proposals[2].clicks
    assert not now.asks
    with pytest.raises(ValueError, match="keep or discard the object at work"):
        open_step(now, document.next_object(), document.proposals[1])
    document.do(close_step(reviewed.plane, now, document.next_object()))
    assert verdicts(document) == [OPEN] * 4
    assert reviewed.current.is_untouched
    document.undo()
    document.do(close_step(reviewed.plane, reviewed.current, document.next_object(), REJECTED))
    assert verdicts(document) == [OPEN, REJECTED, OPEN, OPEN]
    document.undo()
    assert reviewed.current == now


def test_a_corrected_proposal_is_replayed(sitting, tiny_cascade, disk_image):
    """Its first clicks are answered by the mask that was found; only later ones are predicted."""
    predictor = Predictor(tiny_cascade, "cpu")
    image = np.ascontiguousarray(disk_image[0][:60, :80])
    document = sitting.document
    document.tell_to(sitting.writer.record, sitting.writer.record_found)
    document.discover([found(sitting, 4, 45), found(sitting, 9, 20, side=20)])
    document.do(open_step(sitting.current, document.next_object(), document.proposals[9]))
    plane = DisplaySettings((0.0, 255.0)).open(sitting.plane, {"image": [image]})
    assert replay_of(predictor, plane, sitting.current).roi_mask().sum() == 400
    sitting.click(35, 40)
    assert sitting.current.asks
    mask = sitting.current.mask(replay_of(predictor, plane, sitting.current))
    canvas = mask.within(Box.whole(image.shape))
    sitting.commit(canvas, 5, "tiny")
    accept(sitting, 4)
    sitting.writer.close(20)
    session = read_session(sitting.path)
    done = replay(session, {"image": image}, lambda _: predictor)
    assert done.commits == 1
    assert not done.differing
    assert (done.labels["labels"] == 5).sum() == (canvas & (sitting.target.data == 5)).sum()
    assert (done.labels["labels"] == 2).any()


def replay_of(predictor, plane, now):
    start = Prediction.from_mask(now.start, plane.shape)
    clicks = ClickReplay(predictor, plane, initial=start, view=now.view, answered=now.answered)
    return clicks.predict(now.clicks)


def test_undone_answers_leave_the_newer_proposals(reviewed):
    """A search is no step: undo goes past it."""
    document = reviewed.document
    accept(reviewed, 1)
    document.discover([found(reviewed, 5, 40)], replaced=[2, 3, 4])
    document.undo()
    assert [each.number for each in document.proposals.of(reviewed.plane)] == [1, 5]
    assert isinstance(document.redo(), Step)
    assert [each.number for each in document.proposals.of(reviewed.plane)] == [5]


def test_a_report_tells_found_objects_from_clicked_ones(reviewed):
    accept(reviewed, 1, 2)
    reviewed.writer.close(20)
    told = [(e.id, e.found, e.clicks, e.quality) for e in effort_of(read_session(reviewed.path))]
    assert told == [(1, False, 1, None), (2, True, 0, 0.6), (3, True, 0, 0.7)]


def test_one_accepted_proposal_is_what_was_kept_last_several_are_not(reviewed):
    accept(reviewed, 1)
    (step,) = reviewed.document.steps[-1:]
    assert step.kept_on(reviewed.plane) == ("labels", 2, 0.5)
    assert step.kept_on(replace(reviewed.plane, layer="other")) is None
    reviewed.document.undo()
    accept(reviewed, 1, 2)
    assert reviewed.document.steps[-1].kept_on(reviewed.plane) is None
