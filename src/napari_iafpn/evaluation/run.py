"""Evaluate models on annotated sets: plan, work in processes, keep what is finished."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iafpn.evaluation.dispatch import Dispatcher
from napari_iafpn.evaluation.journal import Journal
from napari_iafpn.evaluation.models import find_models
from napari_iafpn.evaluation.plan import Unit, make_plan, result_keys, units_left
from napari_iafpn.evaluation.pool import Cluster, LocalPool, Workplace
from napari_iafpn.evaluation.protocol import Protocol
from napari_iafpn.evaluation.provenance import make_header, make_provenance, now
from napari_iafpn.evaluation.readers.sets import caveats_of
from napari_iafpn.evaluation.result_collector import ResultCollector
from napari_iafpn.evaluation.results import EvaluationProgress, ObjectResult, Problem, Results
from napari_iafpn.evaluation.workers import Machine, WorkUnit, make_job

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import AnnotatedSet

MOST_AT_ONCE = 1024
"""Processes and their threads: more are a slip, and starting them would end in no memory."""

__all__ = ["Evaluation", "EvaluationProgress", "Problem", "Results", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """Which models are evaluated on which sets, and how."""

    sets: tuple[AnnotatedSet, ...]
    models: tuple[str, ...] = ("default",)
    """Names of installed models, or model files."""
    protocol: Protocol = field(default_factory=Protocol)
    view_scales: tuple[float | None, ...] = (None,)
    """What the model is shown: None, the whole image; K, K times the longer side of the object."""
    limit: int | None = None
    """At most so many objects of each set, the same for every model and view."""
    seed: int = 0
    """Chooses the objects where there is a limit."""
    strict: bool = False
    """Stop at the first problem."""
    jobs: int = 1
    """Processes; without influence on the results."""
    threads: int = 1
    """Threads of each process; they change the rounding of sums, so rarely also a mask."""
    device: str = "auto"
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers are used in place of processes."""

    def __post_init__(self) -> None:
        if not self.sets or not self.models or not self.view_scales:
            raise ValueError("nothing to evaluate; give at least one set, one model and one view")
        _check_unique("set", [annotated.name for annotated in self.sets])
        _check_unique("view scale", [scale or "whole" for scale in self.view_scales])
        for scale in self.view_scales:
            if scale is not None and not 1 <= scale < math.inf:
                raise ValueError(
                    f"view scale {scale:g} does not show the whole object; give a number of at "
                    "least 1"
                )
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}; give a whole number from 1 on")
        for name in ("jobs", "threads"):
            if not 1 <= (value := getattr(self, name)) <= MOST_AT_ONCE:
                raise ValueError(f"{name} is {value}; give at least 1 and at most {MOST_AT_ONCE}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; give a whole number from 0 on")


def _check_unique(what: str, given: Sequence[object]) -> None:
    twice = [value for value in given if given.count(value) > 1]
    if twice:
        raise ValueError(f"the {what} {twice[0]!r} is given twice; give another name or leave it")


def evaluate(
    evaluation: Evaluation,
    output: Path | None = None,
    *,
    report: Callable[[EvaluationProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Results:
    """Let the simulated user click on every chosen object with every model in every view.

    Parameters
    ----------
    evaluation : Evaluation
    output : Path, optional
        Folder where each finished object is kept at once. With the results of an interrupted
        run in it, only what is missing is computed. Default: nothing is kept.
    report : callable, optional
        Told the progress at the start and after each object, in this thread.
    cancelled : callable, optional
        Asked several times a second, in this thread, whether to stop.

    Raises
    ------
    ValueError
        Where a set, model or option is unusable, the folder is in use for something else, every
        object failed, or, with ``strict``, at the first problem.
    OSError
        Where the folder cannot be written; what is finished is kept.
    Cancelled
        When ``cancelled`` returned True; what is finished is kept.
    """
    report = report or (lambda _: None)
    cancelled = cancelled or (lambda: False)
    models = find_models(evaluation.models)
    header = make_header(evaluation, models)
    started = now()
    with ExitStack() as stack:
        journal = None if output is None else Journal(output, header, started, ObjectResult)
        if journal is not None:
            stack.enter_context(journal)
            started = journal.started
        plan = make_plan(evaluation.sets, evaluation.limit, evaluation.seed, cancelled)
        keys = result_keys(plan, models, evaluation.view_scales)
        collector = ResultCollector(keys, journal, report, strict=evaluation.strict)
        collector.note(plan.problems)
        collector.tell()
        units = list(units_left(plan, models, evaluation.view_scales, collector.results))
        if units:
            dispatcher = Dispatcher(_workplace(evaluation, len(units)), _packer(evaluation))
            outcomes = stack.enter_context(closing(dispatcher.run(units, cancelled)))
            for unit, outcome in outcomes:
                collector.take(unit, outcome)
    results = collector.finish(plan, make_provenance(evaluation, header, plan, started))
    caveats = caveats_of(evaluation.sets)
    return replace(results, notes=(*caveats, *(journal.notes if journal is not None else ())))


def _workplace(evaluation: Evaluation, units: int) -> Workplace:
    if evaluation.scheduler is not None:
        return Cluster(evaluation.scheduler)
    # A set that is defined in the program itself can only be unpickled by who imports it.
    program = any(type(annotated).__module__ == "__main__" for annotated in evaluation.sets)
    return LocalPool(min(evaluation.jobs, units), program=program)


def _packer(evaluation: Evaluation) -> Callable[[Unit], WorkUnit]:
    sets = {annotated.name: annotated for annotated in evaluation.sets}
    machine = Machine(evaluation.threads, evaluation.device)
    return lambda unit: make_job(unit, sets[unit.image.set], evaluation.protocol, machine)
