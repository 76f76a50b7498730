"""What the widget does, without a window."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from psygnal import Signal
from qtpy.QtCore import QLockFile

from napari_iafpn.plugin.messages import Message, as_sentence
from napari_iafpn.plugin.training.history import TrainingHistory
from napari_iafpn.plugin.training.job import LOCK, Job, clear
from napari_iafpn.plugin.training.sources import Source
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.training.finetuning import (
    Done,
    Failed,
    FinetuneRequest,
    event_from_json,
    outputs_of,
)

logger = logging.getLogger(__name__)


class Process(Protocol):
    """A process that tells `TrainingController.receive` and ``receive_end``."""

    def start(self, arguments: Sequence[str], folder: Path) -> None:
        """Start it."""

    def send(self, word: str) -> None:
        """Send a line to it."""

    def close(self) -> None:
        """Let it save and end."""


Then = Callable[[Any], None]


class State(Enum):
    """What is going on."""

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True)
class Wish:
    """What the user set."""

    source: Source
    output: Path
    model: str = "default"
    minutes: float = 20.0
    level: str = "both"
    device: str = "auto"


class TrainingController:
    """Follows one training after the other.

    Signals: ``said`` (a Message), ``changed`` (anything else that is shown).

    Parameters
    ----------
    paths : UserPaths
    background : callable
        Takes work and what to do with its result, or its error; see `BackgroundTasks`.
    """

    said = Signal(Message)
    changed = Signal()

    def __init__(
        self, paths: UserPaths, background: Callable[[Callable[[], object], Then], None]
    ) -> None:
        self.paths = paths
        self.process: Process | None = None
        self.state = State.IDLE
        self.job: Job | None = None
        self.history: TrainingHistory | None = None
        self.paused = False
        self._background = background
        self._lock: QLockFile | None = None
        self._closed = False

    # What the user asks for

    def start(self, wish: Wish) -> None:
        """Begin a training."""
        if self.busy:
            return
        there = [path for path in outputs_of(wish.output) if path.exists()]
        if there:
            self._say(f"{there[0].name} exists already; give the model another name.", bad=True)
            return
        if any(job.request.output == wish.output for job in self.paths.unfinished()):
            self._say(
                f"An unfinished training makes {wish.output.name} already; continue or delete it, "
                "or give the model another name.",
                bad=True,
            )
            return
        self.state, self.job, self.paused = State.PREPARING, None, False
        self.history = TrainingHistory(wish.minutes, phase="Writing the annotated images.")
        self._say("")
        self._background(lambda: make_job(wish, self.paths), self._begin)

    def go_on_with(self, job: Job) -> None:
        """Go on with a training that was stopped or left."""
        if not self.busy:
            self._begin(job)

    def pause(self, *, on: bool = True) -> None:
        """Let the training wait, or go on; the time that was given stands still meanwhile."""
        if self.state is State.RUNNING and self.process is not None:
            self.paused = on
            self.process.send("pause" if on else "resume")
            self._say("Pausing after this step…" if on else "")

    def stop(self) -> None:
        """End the training and keep the best model so far."""
        if self.state is State.RUNNING and self.process is not None:
            self.state, self.paused = State.STOPPING, False
            self.process.send("stop")
            self._say("Stopping after this step; the best model so far is kept…")

    def leave(self) -> None:
        """Go back to the settings."""
        if not self.busy:
            self.state, self.job, self.history = State.IDLE, None, None
            self._say("")

    def delete(self, job: Job) -> None:
        """Delete an unfinished training; its model, if there is one, stays."""
        lock = _lock(job)
        if lock is None:
            self._say(f"{job.name} is in training in another window: stop it there.", bad=True)
            return
        lock.unlock()
        job.delete()
        self._say(f"The unfinished training of {job.name} is deleted.")

    def close(self) -> None:
        """Let the process save and end; nothing is shown any more."""
        self._closed = True
        self.said.disconnect()
        self.changed.disconnect()
        if self.process is not None:
            self.process.close()

    @property
    def busy(self) -> bool:
        """Whether a training is under way."""
        return self.state in (State.PREPARING, State.RUNNING, State.STOPPING)

    @property
    def model(self) -> str:
        """The file of the new model; empty where there is none."""
        end = self.history.end if self.history is not None else None
        return end.model if isinstance(end, Done) else ""

    @property
    def can_go_on(self) -> bool:
        """Whether the training on show has ended before its time."""
        return self.state is State.ENDED and self.job is not None and self.job.folder.is_dir()

    # What the process tells

    def receive(self, line: str) -> None:
        """Take in a line of the standard output."""
        try:
            event = event_from_json(line)
        except ValueError:
            logger.debug("the training says: %s", line)
            return
        if self.history is None or self.job is None:
            return
        self.history.add(event)
        self._log(line)
        if isinstance(event, Done | Failed):
            self._say(as_sentence(event.sentence), bad=isinstance(event, Failed))
        else:
            self._clear_when_heard()
            self.changed.emit()

    def receive_end(self, code: int, last_error: str) -> None:
        """Take in that the process has ended."""
        if self.state in (State.IDLE, State.ENDED):
            return
        self.state, self.paused = State.ENDED, False
        end = self.history.end if self.history is not None else None
        self._release()
        if end is None:
            logger.error("the training ended with %s: %s", code, last_error)
            self._say(
                "The training ended unexpectedly. Continue goes on from what was saved.",
                bad=True,
            )
            return
        if self._is_over(end) and self.job is not None:
            self.job.delete()
            if isinstance(end, Failed):  # back to the settings, with the sentence
                self.state, self.job, self.history = State.IDLE, None, None
        self.changed.emit()

    # Its course

    def _begin(self, job: object) -> None:
        """Start the process of a job, or say why there is none."""
        if not isinstance(job, Job):
            self.state, self.history = State.IDLE, None
            self._say(as_sentence(str(job)), bad=True)
            return
        lock = None if self._closed else _lock(job)
        if lock is None or self.process is None:
            self.state = State.IDLE
            self._say(f"{job.name} is in training in another window: stop it there.", bad=True)
            return
        self._lock, self.job, self.paused = lock, job, False
        self.history = job.history()
        self.history.end = None
        self.history.phase = "Starting."
        self.state = State.RUNNING
        self._say("")
        self.process.start(job.arguments, job.folder)

    def _clear_when_heard(self) -> None:
        """Take "Pausing…" back once it has."""
        if self.history is not None and self.history.paused and self.paused:
            self.said.emit(Message(""))

    def _is_over(self, end: Done | Failed) -> bool:
        """Whether nothing is left to go on with."""
        if isinstance(end, Done):
            return not end.stopped
        return self.history is None or not self.history.begun

    def _log(self, line: str) -> None:
        try:
            if self.job is not None:
                self.job.log(line)
        except OSError as error:  # the curve of a later window will lack a point
            logger.debug("an event was not kept", exc_info=error)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.said.emit(Message(text, error=bad))
        self.changed.emit()


def make_job(wish: Wish, paths: UserPaths) -> Job:
    """Write what a training needs into a new folder; that takes a while for large layers.

    Raises
    ------
    ValueError, OSError
        One sentence; nothing is left behind.
    """
    wish.output.parent.mkdir(parents=True, exist_ok=True)
    folder = paths.new_folder(wish.output.stem)
    try:
        images, labels = wish.source.prepare(folder)
        request = FinetuneRequest(
            images=images,
            labels=labels,
            output=wish.output,
            model=wish.model,
            minutes=wish.minutes,
            level=wish.level,
            device=wish.device,
        )
        job = Job(folder, request)
        job.save()
    except (ValueError, OSError):
        clear(folder)
        raise
    return job


def _lock(job: Job) -> QLockFile | None:
    """Reserve a job for this window; None where another one has it."""
    lock = QLockFile(str(job.folder / LOCK))
    lock.setStaleLockTime(0)
    return lock if lock.tryLock(0) else None
