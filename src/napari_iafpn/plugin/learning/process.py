"""The process in which a model learns from objects, or is tried on others."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from napari_iafpn.plugin.docking import BackgroundTasks
from napari_iafpn.plugin.learning.objects import KeptObject, write_kept
from napari_iafpn.plugin.training.process import TrainingProcess
from napari_iafpn.plugin.user_paths import MODEL_SUFFIX
from napari_iafpn.training.finetuning import Done, Failed, Step, event_from_json

logger = logging.getLogger(__name__)

OBJECTS, SINCE = "objects", "since"


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
        self._background = BackgroundTasks("napari-iafpn learning")
        self._process = TrainingProcess(self._receive, self._finish, grace=0)
        self._home: TemporaryDirectory[str] | None = None
        self._run: object | None = None  # the one under way
        self._end: Done | Failed | None = None
        self._paused = False

    @property
    def id(self) -> int:
        """What the system calls the process; 0 where there is none."""
        return self._process.id

    def learn(self, objects: Sequence[KeptObject], start: str) -> None:
        """Let the model ``start`` learn from objects."""
        self._begin(OBJECTS, objects, ["--start", start])

    def try_on(self, objects: Sequence[KeptObject], start: str, against: str) -> None:
        """Count the clicks of what was learned, and of the model in use, on objects since then."""
        self._begin(SINCE, objects, ["--start", start, "--against", against])

    def pace(self) -> None:
        """Let the process wait or go on, whichever it is time for."""
        if self._process.running and (wait := self._must_wait()) is not self._paused:
            self._paused = wait
            self._process.send("pause" if wait else "resume")

    def kill(self) -> None:
        """Drop the run."""
        self._run = None
        self._process.kill()

    def close(self) -> None:
        """Finish everything."""
        self.kill()
        if self._home is not None:
            self._home.cleanup()
            self._home = None

    def _begin(self, part: str, objects: Sequence[KeptObject], options: Sequence[str]) -> None:
        if self._home is None:
            self._home = TemporaryDirectory(prefix="napari-iafpn-", ignore_cleanup_errors=True)
        home, run = Path(self._home.name), object()
        self._run, self._end, self._paused = run, None, False
        output = home / f"candidate{MODEL_SUFFIX}"
        arguments = ["adapt", "--objects", str(home / OBJECTS), "--output", str(output)]
        if part == SINCE:
            arguments += ["--since", str(home / SINCE)]

        def write() -> None:
            shutil.rmtree(home / part, ignore_errors=True)
            if part == OBJECTS:
                output.unlink(missing_ok=True)
            write_kept(home / part, objects)

        def then(written: Exception | None) -> None:
            if run is not self._run:  # it was dropped meanwhile
                return
            if written is not None:
                self._end = Failed(str(written))
                self._finish(-1, "")
            else:
                self._process.start([*arguments, *options, *self.options], home)
                self.pace()

        self._background(write, then)

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
