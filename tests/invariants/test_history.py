"""Undo and replay: the state is a function of the initial mask and the clicks."""

import numpy as np
from hypothesis import HealthCheck, given, settings, strategies as st

from napari_iafpn.inference import ClickReplay, InteractiveSession, Predictor

ACTIONS = ["add", "move", "remove", "reset", "start_from", "undo", "redo"]


def act(session, action, numbers, mask):
    """Do one random action; return whether the history grew."""
    row, col, choice = numbers
    count = len(session.clicks)
    if action == "undo":
        session.undo()
        return False
    if action == "redo":
        session.redo()
        return False
    if action == "reset":
        session.reset()
    elif action == "start_from":
        session.start_from(mask)
    elif action == "move" and count:
        session.move_click(choice % count, row, col)
    elif action == "remove" and count:
        session.remove_click(choice % count)
    else:
        session.add_click(row, col, positive=choice % 3 > 0)
    return True


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(ACTIONS),
            st.tuples(st.integers(0, 79), st.integers(0, 95), st.integers(0, 9)),
        ),
        max_size=8,
    )
)
def test_undo_and_redo_restore_every_state_bit_for_bit(steps, tiny_cascade, disk_image):
    image, truth = disk_image
    session = InteractiveSession(Predictor(tiny_cascade, "cpu"), image)
    states, now = [(session.clicks, session.probability)], 0
    for action, numbers in steps:
        if act(session, action, numbers, truth):
            states[now + 1 :] = [(session.clicks, session.probability)]
            now += 1
        else:
            now = max(0, now - 1) if action == "undo" else min(len(states) - 1, now + 1)
        check(session, states[now])
    for state in reversed(states[:now]):
        session.undo()
        check(session, state)
    for state in states[1:]:
        session.redo()
        check(session, state)


def check(session, state):
    clicks, probability = state
    assert session.clicks == clicks
    np.testing.assert_array_equal(session.probability, probability)


def test_replaying_the_clicks_gives_the_same_bits(tiny_cascade, disk_image, rng):
    image, truth = disk_image
    predictor = Predictor(tiny_cascade, "cpu")
    session = InteractiveSession(predictor, image, initial=truth)
    for _ in range(4):
        session.add_click(rng.integers(80), rng.integers(96), positive=bool(rng.integers(2)))
    session.move_click(1, 5, 5)
    session.remove_click(0)
    session.undo()
    again = ClickReplay(predictor, image, initial=truth).predict(session.clicks)
    np.testing.assert_array_equal(again.probability, session.probability)
    assert again.roi == session.roi
