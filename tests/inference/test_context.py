"""What is done already keeps its pixels, and helps where the network runs into it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Prediction
from napari_iafpn.inference.context import Context, ContextReplay
from napari_iafpn.sessions import Cutout

SHAPE = (40, 100)
WHOLE = Box.whole(SHAPE)


@dataclass
class Halves:
    """Draws rows 10 to 30, from column 0 or behind the last negative click to ``stop``."""

    stop: int
    asked: list[tuple[Click, ...]] = field(default_factory=list)

    def predict(self, plane, clicks: Iterable[Click], previous=None, *, view=None) -> Prediction:
        clicks = tuple(clicks)
        self.asked.append(clicks)
        start = max((int(c.col) + 15 for c in clicks if not c.positive), default=0)
        probability = np.zeros(SHAPE, np.float32)
        probability[10:30, start : self.stop] = 0.9
        return Prediction.from_array(probability, SHAPE, view)


def cutout(left: int, right: int) -> Cutout:
    mask = np.zeros(SHAPE, bool)
    mask[10:30, left:right] = True
    found = Cutout.of(mask)
    assert found is not None
    return found


@pytest.fixture
def context() -> Context:
    context = Context(SHAPE)
    context.add(cutout(0, 30))
    return context


def replay(predictor: Halves, context: Context) -> ContextReplay:
    return ContextReplay(predictor, Plane(np.zeros(SHAPE, np.uint8)), context, WHOLE)


def test_nothing_is_on_what_is_done(context: Context) -> None:
    found = replay(Halves(60), context).predict(ClickSequence.of([Click(20, 50)]))
    assert not (found.mask() & context.taken).any()
    assert found.mask()[20, 50]


def test_neighbours_are_shown_where_the_network_runs_into_them(context: Context) -> None:
    predictor = Halves(60)
    found = replay(predictor, context).predict(ClickSequence.of([Click(20, 50)]))
    assert [len(clicks) for clicks in predictor.asked] == [1, 2]
    hidden, own = predictor.asked[1]
    assert not hidden.positive
    assert context.taken[hidden.pixel]
    assert own == Click(20, 50)
    assert found.mask().any(axis=0).argmax() == 30


def test_no_neighbour_is_shown_where_it_does_not(context: Context) -> None:
    predictor = Halves(31)
    alone = Context(SHAPE)
    alone.add(cutout(60, 90))
    replay(predictor, alone).predict(ClickSequence.of([Click(20, 10)]))
    assert [len(clicks) for clicks in predictor.asked] == [1]


def test_a_click_on_what_is_done_sets_it_free(context: Context) -> None:
    predictor = Halves(60)
    found = replay(predictor, context).predict(ClickSequence.of([Click(20, 10)]))
    assert found.mask()[10:30, :30].all()
    assert [len(clicks) for clicks in predictor.asked] == [1]


def test_the_next_click_goes_on_from_the_last_mask(context: Context) -> None:
    predictor = Halves(60)
    clicks = ClickSequence.of([Click(20, 50), Click(20, 55)])
    going = replay(predictor, context)
    first = going.predict(clicks.prefix(1))
    assert going.predict(clicks.prefix(1)) is first
    going.predict(clicks)
    with pytest.raises(ValueError, match="do not go on from those before"):
        going.predict(ClickSequence.of([Click(1, 1), Click(2, 2), Click(3, 3)]))


def test_at_most_the_nearest_four() -> None:
    context = Context(SHAPE)
    for left in range(0, 90, 10):
        context.add(cutout(left, left + 6))
    shown = context.negatives(Click(20, 48), WHOLE)
    assert [click.col for click in shown] == sorted(
        (click.col for click in shown), key=lambda col: -abs(col - 48)
    )
    assert 1 <= len(shown) <= 4
    assert max(abs(click.col - 48) for click in shown) <= 1.5 * 20


def test_a_pixel_stays_with_the_first_object(context: Context) -> None:
    context.add(cutout(20, 50))
    assert (context.numbers[20, :30] == 1).all()
    assert (context.numbers[20, 30:50] == 2).all()
    before = context.numbers.copy()
    context.add(cutout(5, 25))  # nothing of it is free
    assert (context.numbers == before).all()
