"""The process in which a model learns from objects, or is tried on others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from napari_iafpn.plugin.docking import BackgroundTasks
from napari_iafpn.plugin.learning.objects import KeptObject
from napari_iafpn.plugin.training.process import TrainingProcess
from napari_iafpn.plugin.user_paths import MODEL_SUFFIX
from napari_iafpn.training.finetuning import Done, Failed, Step, event_from_json

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import Sample

logger = logging.getLogger(__name__)

CANDIDATE = f"candidate{MODEL_SUFFIX}"


class AdaptationProcess:
    """Writes objects down in a thread and starts a process on them, one run at a time.

    Nothing waits for it, and it can be killed at any time.

    Parameters
    ----------
    must_wait : callable
        Whether it shall not compute now.
    on_step : callable
        Is told the number of the step and of all steps.
    on_end : callable
        Is told what came of a run that was not killed; the sentence of a ``Failed`` is empty where
        nobody knows why.
    """

    def __init__(
        self,
        must_wait: Callable[[], bool],
        on_step: Callable[[int, int], None],
        on_end: Callable[[Done | Failed], None],
    ) -> None:
        self.options: Sequence[str] = ()
        self._must_wait, self._on_step, self._on_end = must_wait, on_step, on_end
        self.background = BackgroundTasks("napari-iafpn learning")
        self._process = TrainingProcess(self._receive, self._finish, grace=0)
        self._learned: TemporaryDirectory[str] | None = None  # objects, and the candidate
        self._run: object | None = None  # the one under way
        self._end: Done | Failed | None = None
        self._paused, self._closed, self._objects, self._parts = False, False, "", 0

    @property
    def id(self) -> int:
        """What the system calls the process; 0 where there is none."""
        return self._process.id

    def learn(
        self, objects: Sequence[KeptObject | Sample], start: str, *, goes_on: bool = False
    ) -> None:
        """Let the model ``start``, or what it has learned last, learn from objects."""
        if not goes_on:
            self._forget()
        self._parts += 1  # a run that was dropped may still be writing
        self._objects = f"objects{self._parts}"
        further = ["--further", CANDIDATE] if self._learned is not None else []
        self._begin(self._objects, objects, ["--start", start, *further])

    def try_on(self, objects: Sequence[KeptObject | Sample], start: str, against: str) -> None:
        """Count the clicks of what was learned, and of the model in use, on objects since then."""
        self._parts += 1
        part = f"since{self._parts}"
        self._begin(part, objects, ["--start", start, "--against", against, "--since", part])

    def pace(self) -> None:
        """Let the process wait or go on, whichever it is time for."""
        if self._process.running and (wait := self._must_wait()) is not self._paused:
            self._paused = wait
            self._process.send("pause" if wait else "resume")

    def kill(self) -> None:
        """Drop the run."""
        self._run = None
        if not self._closed:
            self._process.kill()

    def close(self) -> None:
        """Finish everything."""
        self.kill()
        if not self._closed:
            self._closed = True
            self._process.release()
        self._forget()

    def _forget(self) -> None:
        if self._learned is not None:
            self._learned.cleanup()
            self._learned = None

    def _begin(
        self, part: str, objects: Sequence[KeptObject | Sample], options: Sequence[str]
    ) -> None:
        from napari_iafpn.training.adaptation import write_objects

        run, folder = object(), self._learned
        self._run, self._end, self._paused = run, None, False

        def write() -> TemporaryDirectory[str] | None:
            samples = [each.sample() if isinstance(each, KeptObject) else each for each in objects]
            if run is not self._run:  # it was dropped meanwhile
                return None
            home = folder or TemporaryDirectory(prefix="napari-iafpn-", ignore_cleanup_errors=True)
            try:
                write_objects(Path(home.name) / part, samples)
            except OSError:
                if folder is None:
                    home.cleanup()
                raise
            return home

        def then(written: TemporaryDirectory[str] | Exception | None) -> None:
            if run is not self._run:  # then nobody needs what it wrote
                if folder is None and written is not None and not isinstance(written, Exception):
                    written.cleanup()
            elif written is not None and not isinstance(written, Exception):
                self._learned, home = written, Path(written.name)
                given = [str(home / w) if w in (part, CANDIDATE) else w for w in options]
                there = ["--objects", str(home / self._objects), "--output", str(home / CANDIDATE)]
                self._process.start(["adapt", *there, *given, *self.options], home)
                self.pace()
            else:
                self._end = Failed(str(written))
                self._finish(-1, "")

        self.background(write, then)

    def _receive(self, line: str) -> None:
        try:
            event = event_from_json(line)
        except ValueError:
            logger.debug("the learning says: %s", line)
            return
        if isinstance(event, Step):
            self._on_step(event.step, event.steps)
        elif isinstance(event, Done | Failed):
            self._end = event
        self.pace()

    def _finish(self, code: int, error: str) -> None:
        """Take in that the process has ended, in whatever way."""
        if self._run is None:
            return
        self._run, end = None, self._end
        if not isinstance(end, Done) or end.stopped:
            logger.warning("the learning ended with %s: %s", code, end or error)
            end = end if isinstance(end, Failed) else Failed("")
        self._on_end(end)
