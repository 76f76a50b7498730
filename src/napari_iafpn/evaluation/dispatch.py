"""Hand units to workers, take what they finish, and get over workers that die."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING

from napari_iafpn.evaluation.plan import Unit, stop_if
from napari_iafpn.evaluation.results import Problem
from napari_iafpn.evaluation.workers import Outcome, WorkUnit

if TYPE_CHECKING:
    from napari_iafpn.evaluation.pool import Workplace

ASK_SECONDS = 0.1
"""How often the caller is asked whether to stop."""

HOPELESS = 3
"""So many units lost before the first success: it is not the images."""


class Dispatcher:
    """Works through units at a workplace.

    Where a process ends before its unit does (it was killed, or memory ran out), it is not known
    whose fault it was. So each unit that was under way is tried once more, alone, and one that
    ends its process again becomes a problem.

    Parameters
    ----------
    workplace : Workplace
        Closed at the end of ``run``.
    pack : callable
        Makes the job of a unit just before it starts.
    """

    def __init__(self, workplace: Workplace, pack: Callable[[Unit], WorkUnit]) -> None:
        self._workplace = workplace
        self._pack = pack
        self._waiting: deque[Unit] = deque()
        self._suspects: deque[Unit] = deque()
        self._running: dict[Future[Outcome], WorkUnit] = {}
        self._dead: list[WorkUnit] = []
        self._retried: set[Unit] = set()
        self._finished = False

    def run(
        self, units: Iterable[Unit], cancelled: Callable[[], bool]
    ) -> Generator[tuple[Unit, Outcome], None, None]:
        """Yield each unit's outcome as soon as it is there, in no certain order.

        Raises
        ------
        Cancelled
            When ``cancelled``, which is asked several times a second, returns True.
        ValueError
            Where a model or the device cannot be used.
        """
        self._waiting.extend(units)
        at_once = True
        try:
            while self._waiting or self._suspects or self._running or self._dead:
                if self._dead and not self._running:
                    yield from self._bury()
                self._start()
                done, _ = wait(self._running, ASK_SECONDS, FIRST_COMPLETED)
                stop_if(cancelled)
                for future in [future for future in self._running if future in done]:
                    yield from self._take(future)
            at_once = False
        finally:
            self._workplace.close(at_once=at_once)

    def _start(self) -> None:
        """Start what there is room for; nothing while dead processes are to be replaced."""
        queue = self._suspects or self._waiting
        room = 1 if self._suspects or self._retried_runs() else self._workplace.capacity
        while queue and len(self._running) < room and not self._dead:
            unit = queue.popleft()
            job = self._pack(unit)
            try:
                self._running[self._workplace.submit(job)] = job
            except self._workplace.deaths:
                self._dead.append(job)
            if queue is self._suspects:
                self._retried.add(unit)

    def _retried_runs(self) -> bool:
        return any(job.unit in self._retried for job in self._running.values())

    def _take(self, future: Future[Outcome]) -> Iterator[tuple[Unit, Outcome]]:
        job = self._running.pop(future)
        try:
            outcome = future.result()
        except self._workplace.deaths:
            self._dead.append(job)
            return
        self._finished = True
        yield job.unit, outcome

    def _bury(self) -> Iterator[tuple[Unit, Outcome]]:
        """Replace the dead processes; suspect their units, or give them up."""
        dead, self._dead = self._dead, []
        self._workplace.renew()
        for job in dead:
            if job.unit not in self._retried:
                self._suspects.append(job.unit)
            elif not self._finished and len(self._retried) >= HOPELESS:
                raise ValueError(
                    "the worker processes end before they finish anything; free memory, "
                    "use fewer jobs, and see whether `napari-iafpn doctor` works"
                )
            else:
                yield job.unit, Outcome((), tuple(_lost(job)))


def _lost(job: WorkUnit) -> Iterator[Problem]:
    why = (
        "the process that worked on it ended twice, probably for want of memory; use fewer jobs "
        "or a smaller image"
    )
    for label, _ in job.unit.tasks:
        yield Problem(job.unit.image.set, job.unit.image.name, label, why)
