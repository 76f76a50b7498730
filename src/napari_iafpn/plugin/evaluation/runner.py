"""The thread of an evaluation, and what it tells."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from napari_iafpn.plugin.evaluation.request import Request

if TYPE_CHECKING:
    from napari_iafpn.evaluation import AnnotatedSet, EvaluationProgress, Protocol, Results

logger = logging.getLogger(__name__)

THREAD = "napari-iafpn-evaluation"


@dataclass(frozen=True)
class Began:
    """The data are open and the models found; ``models`` are their names in the results."""

    annotated: AnnotatedSet
    models: tuple[str, ...]
    protocol: Protocol


@dataclass(frozen=True)
class Progressed:
    """Another object is finished, or the objects are counted."""

    progress: EvaluationProgress


@dataclass(frozen=True)
class Finished:
    """Everything is evaluated."""

    results: Results


@dataclass(frozen=True)
class EvaluationCancelled:
    """The user cancelled, and every process has ended."""


@dataclass(frozen=True)
class EvaluationFailed:
    """It did not work; ``sentence`` says why."""

    sentence: str


@dataclass(frozen=True)
class ReportSaved:
    """The report lies in ``folder``."""

    folder: Path


Told = Began | Progressed | Finished | EvaluationCancelled | EvaluationFailed | ReportSaved
Tell = Callable[[Told], None]
Cancelled = Callable[[], bool]


def evaluate_request(request: Request, tell: Tell, cancelled: Cancelled) -> None:
    """Open the data and evaluate; raises what the engine raises."""
    from napari_iafpn.evaluation import evaluate
    from napari_iafpn.evaluation.models import find_models

    annotated = request.source.open()
    evaluation = request.evaluation(annotated)
    models = find_models(evaluation.models)
    tell(Began(annotated, tuple(model.name for model in models), evaluation.protocol))
    results = evaluate(
        evaluation, report=lambda progress: tell(Progressed(progress)), cancelled=cancelled
    )
    tell(Finished(results))


class Runner:
    """Does one thing at a time in a thread, which exists only while there is something to do.

    Parameters
    ----------
    report : callable
        Called in the thread with all that there is to tell.
    """

    def __init__(self, report: Tell) -> None:
        self._report = report
        self._lock = Lock()
        self._cancelled = Event()
        self._thread: Thread | None = None

    def evaluate(self, request: Request) -> None:
        """Begin an evaluation."""
        self._start(lambda tell, cancelled: evaluate_request(request, tell, cancelled))

    def save(self, results: Results, annotated: AnnotatedSet, folder: Path) -> None:
        """Begin to write a report."""

        def write(tell: Tell, _cancelled: Cancelled) -> None:
            from napari_iafpn.evaluation import write_report

            write_report(results, (annotated,), folder)
            tell(ReportSaved(folder))

        self._start(write)

    def cancel(self) -> None:
        """Ask the thread to stop; it tells when it has."""
        self._cancelled.set()

    def close(self, timeout: float | None = None) -> None:
        """Stop, tell nothing any more, and wait up to ``timeout`` seconds for the end."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._cancelled.set()
        if thread is not None:
            thread.join(timeout)

    def _start(self, work: Callable[[Tell, Cancelled], None]) -> None:
        self.close(0)
        cancelled = Event()
        with self._lock:
            self._cancelled = cancelled
            thread = Thread(target=lambda: self._work(thread, cancelled, work), name=THREAD)
            thread.daemon = True
            self._thread = thread
        thread.start()

    def _work(
        self, thread: Thread, cancelled: Event, work: Callable[[Tell, Cancelled], None]
    ) -> None:
        def tell(told: Told) -> None:
            with self._lock:
                if self._thread is thread:
                    self._report(told)

        from napari_iafpn.inference import Cancelled as Interrupted

        try:
            work(tell, cancelled.is_set)
        except Interrupted:
            tell(EvaluationCancelled())
        except (ValueError, OSError) as error:
            tell(EvaluationFailed(" ".join(str(error).split())))
        except Exception as error:  # the end of the thread's stack
            logger.debug("the evaluation failed", exc_info=error)
            tell(
                EvaluationFailed(
                    f"something went wrong ({type(error).__name__}: {error}); try again"
                )
            )
