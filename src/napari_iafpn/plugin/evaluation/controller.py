"""What the widget does, without a window."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal

from napari_iafpn.plugin.evaluation.request import Request, Source
from napari_iafpn.plugin.evaluation.runner import (
    Began,
    EvaluationCancelled,
    EvaluationFailed,
    Finished,
    Progressed,
    ReportSaved,
    Told,
)
from napari_iafpn.plugin.messages import Message, as_sentence

if TYPE_CHECKING:
    from napari_iafpn.evaluation import (
        AnnotatedSet,
        EvaluationProgress,
        ObjectResult,
        Results,
        Sample,
    )
    from napari_iafpn.plugin.evaluation.scores import ScoresSoFar, WorstObject


class Work(Protocol):
    """Does things elsewhere and tells `EvaluationController.receive`; see `Runner`."""

    def evaluate(self, request: Request) -> None:
        """Begin an evaluation."""

    def save(self, results: Results, annotated: AnnotatedSet, folder: Path) -> None:
        """Begin to write a report."""

    def cancel(self) -> None:
        """Stop."""


@dataclass(frozen=True, eq=False)
class Exhibit:
    """An evaluated object to look at."""

    source: Source
    sample: Sample
    result: ObjectResult


class EvaluationController:
    """Follows one evaluation after the other.

    Signals: ``said`` (a Message), ``changed`` (anything else that is shown), ``exhibited`` (an
    Exhibit).

    Parameters
    ----------
    work : Work
    background : callable
        Takes work and what to do with its result, or its error; see `BackgroundTasks`.
    """

    said = Signal(Message)
    changed = Signal()
    exhibited = Signal(Exhibit)

    def __init__(
        self,
        work: Work,
        background: Callable[[Callable[[], Exhibit], Callable[[Exhibit | Exception], None]], None],
    ) -> None:
        self._work, self._background = work, background
        self._wanted: WorstObject | None = None
        self._request: Request | None = None
        self._annotated: AnnotatedSet | None = None
        self._results: Results | None = None
        self.busy = self.saving = False
        self.progress: EvaluationProgress | None = None
        self.scores: ScoresSoFar | None = None

    # What the user asks for

    def start(self, request: Request) -> None:
        """Begin; the results before are dropped."""
        if self.busy:
            return
        self._request, self._annotated, self._results = request, None, None
        self.progress = self.scores = self._wanted = None
        self.busy = True
        self._say("Opening the data and the model…")
        self._work.evaluate(request)

    def cancel(self) -> None:
        """Stop; what is finished stays on show."""
        if self.can_cancel:
            self._say("Stopping…")
            self._work.cancel()

    def save(self, folder: Path) -> None:
        """Write the report into ``folder``, or into a new folder in it where it holds anything."""
        if self.can_save and self._results is not None and self._annotated is not None:
            try:
                folder = _free_folder(folder, str(self._results.provenance["started"]))
            except OSError as error:
                self._say(f"{folder} cannot be read ({error.strerror})", error=True)
                return
            self.busy = self.saving = True
            self._say("Writing the report…")
            self._work.save(self._results, self._annotated, folder)

    def show(self, row: WorstObject) -> None:
        """Show an object of the list in the viewer."""
        if self._annotated is None or self._request is None:
            return
        annotated, source, self._wanted = self._annotated, self._request.source, row

        def read() -> Exhibit:
            names = map(annotated.image_name, range(len(annotated)))
            sample = annotated.read(list(names).index(row.result.image))
            return Exhibit(source, sample, row.result)

        self._background(read, lambda found: self._exhibit(row, found))

    def _exhibit(self, row: WorstObject, found: Exhibit | Exception) -> None:
        """Show what was read, unless another object was chosen meanwhile."""
        if self._wanted is not row:
            return
        if isinstance(found, Exhibit):
            self.exhibited.emit(found)
        else:
            self._say(str(found), error=True)

    def abandon(self) -> None:
        """Forget what is under way; nobody will tell how it ended."""
        self._wanted = None
        if self.busy:
            self.busy = self.saving = False
            self._say(_stopped(self.progress))

    @property
    def can_cancel(self) -> bool:
        """Whether there is something that can be stopped."""
        return self.busy and not self.saving

    @property
    def can_save(self) -> bool:
        """Whether there is a report to write."""
        return self._results is not None and not self.busy

    # What the thread tells

    def receive(self, told: Told) -> None:
        """Take in news from the thread; what was on its way when it was abandoned is dropped."""
        if not self.busy:
            return
        if isinstance(told, Began):
            from napari_iafpn.plugin.evaluation.scores import ScoresSoFar

            self._annotated = told.annotated
            self.scores = ScoresSoFar(told.models, told.protocol)
            self._say("Starting…")
        elif isinstance(told, Progressed):
            self._proceed(told.progress)
        else:
            self.busy = self.saving = False
            self._end(told)

    def _proceed(self, progress: EvaluationProgress) -> None:
        self.progress = progress
        if self.scores is not None and progress.last is not None:
            results = (*self.scores.results, progress.last)
            self.scores = replace(self.scores, results=results)
        self._say(_left(progress))

    def _end(self, told: Told) -> None:
        if isinstance(told, Finished):
            self._results = told.results
            if self.scores is not None:
                self.scores = replace(self.scores, results=told.results.objects)
            self._say(_done(told.results))
        elif isinstance(told, EvaluationCancelled):
            self._say(_stopped(self.progress))
        elif isinstance(told, EvaluationFailed):
            self._say(as_sentence(told.sentence), error=True)
        elif isinstance(told, ReportSaved):
            self._say(f"The report is in {told.folder}; open report.html.")

    def _say(self, text: str, *, error: bool = False) -> None:
        self.said.emit(Message(text, error=error))
        self.changed.emit()


def time_left(seconds: float) -> str:
    """Say about how long it takes; nothing where that is not known."""
    if not 0 < seconds < math.inf:
        return ""
    if seconds < 50:
        return f"about {max(5, 5 * round(seconds / 5))} s left"
    if seconds < 5400:
        return f"about {max(1, round(seconds / 60))} min left"
    return f"about {seconds / 3600:.1f} h left"


def _left(progress: EvaluationProgress) -> str:
    counted = f"{progress.done} of {progress.total} objects"
    return ", ".join(filter(None, [counted, time_left(progress.seconds_left)])) + "."


def _done(results: Results) -> str:
    objects = len({(result.image, result.label) for result in results.objects})
    images = len({result.image for result in results.objects})
    text = f"Done: {objects} object{'s' * (objects != 1)} in {images} image{'s' * (images != 1)}."
    if results.problems:
        first = results.problems[0]
        text += f" {len(results.problems)} left out, first {first.place}: {first.sentence}."
    return text


def _stopped(progress: EvaluationProgress | None) -> str:
    if progress is None or not progress.done:
        return "Stopped."
    return f"Stopped after {progress.done} of {progress.total} objects; they are shown."


def _free_folder(folder: Path, started: str) -> Path:
    """Return the folder if it is empty or new, else a name in it that is not taken."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return folder
    stem = "evaluation " + started[:16].replace("T", " ").replace(":", ".")
    names = [stem, *(f"{stem} ({number})" for number in range(2, 1000))]
    return next(path for name in names if not (path := folder / name).exists())
