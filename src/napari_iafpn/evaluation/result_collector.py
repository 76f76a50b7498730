"""What an evaluation has so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from napari_iafpn.evaluation.plan import Key, Plan, Unit, key_of
from napari_iafpn.evaluation.results import EvaluationProgress, Problem, Results

if TYPE_CHECKING:
    from napari_iafpn.evaluation.journal import Journal
    from napari_iafpn.evaluation.protocol import ObjectResult
    from napari_iafpn.evaluation.workers import Outcome


class ResultCollector:
    """Counts what is finished, keeps it in the journal and tells the progress.

    Parameters
    ----------
    keys : sequence of Key
        What there is to do, in the order of the results.
    journal : Journal, optional
        What an earlier run left in it is done already.
    report : callable
    strict : bool
        Raise ValueError at the first problem.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        journal: Journal[ObjectResult] | None,
        report: Callable[[EvaluationProgress], None],
        *,
        strict: bool,
    ) -> None:
        wanted = set(keys)
        finished = () if journal is None else journal.finished
        self._keys, self._journal, self._report, self._strict = keys, journal, report, strict
        self.results = {key: done for done in finished if (key := key_of(done)) in wanted}
        self._problems: dict[Problem, None] = {}
        self._before = self._done = len(self.results)
        self._start = time.monotonic()

    def take(self, unit: Unit, outcome: Outcome) -> None:
        """Add what became of a unit of work."""
        if self._journal is not None:
            self._journal.append(outcome.objects, outcome.problems)
        for result in outcome.objects:
            self.results[key_of(result)] = result
            self._done += 1
            self.tell(result)
        self.note(outcome.problems)
        failed = unit.size - len(outcome.objects)
        if failed:
            self._done += failed
            self.tell()

    def note(self, problems: Iterable[Problem]) -> None:
        """Add problems, each once."""
        for problem in problems:
            self._problems[problem] = None
            if self._strict:
                raise ValueError(str(problem))

    def tell(self, last: ObjectResult | None = None) -> None:
        """Report the progress."""
        here, left = self._done - self._before, len(self._keys) - self._done
        pace = (time.monotonic() - self._start) / here if here else math.inf
        self._report(
            EvaluationProgress(self._done, len(self._keys), pace * left if left else 0.0, last)
        )

    def finish(self, plan: Plan, provenance: dict[str, Any]) -> Results:
        """Return everything in its order; ValueError where no object could be evaluated."""
        place = {(image.set, image.name): number for number, image in enumerate(plan.images)}
        problems = sorted(
            self._problems,
            # Images that could not even be listed are in no place; they come first.
            key=lambda problem: (
                place.get((problem.set, problem.image), -1),
                problem.label is not None,
                problem.label or 0,
            ),
        )
        if not self.results:
            raise ValueError(
                f"none of {len(self._keys)} object(s) could be evaluated; {problems[0]}"
                if problems
                else "there is no object to evaluate; the labels of all images are empty"
            )
        objects = (self.results[key] for key in self._keys if key in self.results)
        return Results(tuple(objects), tuple(problems), provenance)
