"""Workers that die, without workers."""

from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from threading import Timer

import pytest

from napari_iafpn.evaluation.dispatch import Dispatcher
from napari_iafpn.evaluation.models import ModelFile
from napari_iafpn.evaluation.plan import ChosenImage, Unit
from napari_iafpn.evaluation.protocol import Protocol
from napari_iafpn.evaluation.workers import Machine, Outcome, WorkUnit
from napari_iafpn.inference import Cancelled

MODEL = ModelFile("tiny", Path("tiny.safetensors"), "ab12")


def unit(image: str) -> Unit:
    return Unit(MODEL, ChosenImage("cells", 0, image, (1,)), ((1, (None,)),))


def pack(unit: Unit) -> WorkUnit:
    return WorkUnit(unit, b"", 0, Protocol(), Machine(1, "cpu"))


class FakePool:
    """Breaks as a process pool does: with one process, all jobs under way are lost.

    ``deadly`` says how many times each image ends its process. What is under way ends together:
    at once where the pool is full, else, since no more may come, a little later.
    """

    deaths = (BrokenExecutor,)

    def __init__(self, capacity: int, deadly: dict[str, int]) -> None:
        self.capacity = capacity
        self.deadly = dict(deadly)
        self.broken = False
        self.under_way: dict[str, Future[Outcome]] = {}
        self.together: list[str] = []
        self.ended: list[bool] = []
        self.timer = Timer(0, self.end)

    def submit(self, job: WorkUnit) -> Future[Outcome]:
        if self.broken:
            raise BrokenExecutor
        future: Future[Outcome] = Future()
        self.under_way[job.unit.image.name] = future
        if len(self.under_way) == self.capacity:
            self.end()
        elif len(self.under_way) == 1:
            self.timer = Timer(0.2, self.end)
            self.timer.start()
        return future

    def end(self) -> None:
        self.timer.cancel()
        images, self.under_way = self.under_way, {}
        self.together.append("".join(images))
        deadly = [image for image in images if self.deadly.get(image, 0)]
        self.broken = bool(deadly)
        for image in deadly:
            self.deadly[image] -= 1
        for future in images.values():
            if deadly:
                future.set_exception(BrokenExecutor())
            else:
                future.set_result(Outcome((), ()))

    def renew(self) -> None:
        self.broken = False

    def close(self, *, at_once: bool) -> None:
        self.ended.append(at_once)


def images_of(pool: FakePool, images: str) -> tuple[str, str]:
    """Return the images that came to an end and those with a problem."""
    done, lost = [], []
    for finished, outcome in Dispatcher(pool, pack).run(map(unit, images), lambda: False):
        done.append(finished.image.name)
        lost += [problem.image for problem in outcome.problems]
    assert pool.ended == [False]
    return "".join(sorted(done)), "".join(lost)


def test_a_unit_that_was_lost_once_is_tried_again_alone() -> None:
    pool = FakePool(2, {"c": 1})
    assert images_of(pool, "abcdef") == ("abcdef", "")
    assert pool.together == ["ab", "cd", "c", "d", "ef"]


def test_a_unit_that_is_lost_twice_is_named_and_the_rest_goes_on() -> None:
    pool = FakePool(2, {"d": 9})
    assert images_of(pool, "abcdef") == ("abcdef", "d")
    assert pool.together == ["ab", "cd", "c", "d", "ef"]


def test_workers_that_never_work_are_not_the_images_fault() -> None:
    pool = FakePool(1, dict.fromkeys("abcdefgh", 9))
    with pytest.raises(ValueError, match="end before they finish anything"):
        images_of(pool, "abcdefgh")
    assert pool.ended == [True]
    assert "f" not in pool.together


def test_an_error_of_the_model_ends_the_run() -> None:
    class Refusing(FakePool):
        def submit(self, job: WorkUnit) -> Future[Outcome]:
            future: Future[Outcome] = Future()
            future.set_exception(ValueError("the model is damaged"))
            return future

    pool = Refusing(1, {})
    with pytest.raises(ValueError, match="the model is damaged"):
        images_of(pool, "ab")
    assert pool.ended == [True]


def test_cancelling_ends_what_is_under_way() -> None:
    pool = FakePool(1, {})
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        list(Dispatcher(pool, pack).run(map(unit, "abcdefgh"), lambda: next(asked)))
    assert pool.ended == [True]
    assert "h" not in pool.together
