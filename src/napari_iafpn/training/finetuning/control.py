"""Between a run and whoever started it: events go out, commands come in, time is kept."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from napari_iafpn.training.finetuning.events import Command, Event, Phase, Step
from napari_iafpn.training.run import RunProgress

LOOK_AGAIN = 0.1
"""Seconds between two looks at the command during a pause."""
TIMED = 8
"""Steps that are timed before the number of steps is fixed."""
RECENT = 40
"""Steps whose mean is the pace: the simulated clicks make some take three times as long."""
CHECK_EVERY = 20
SLEPT, SLEPT_STEPS = 60.0, 20
"""A step that takes longer than so many seconds and usual steps was interrupted: on Windows clocks
go on while the computer sleeps."""
DRIFT = 0.1
"""The number of steps is fixed anew where the time would end this much earlier or later."""


@dataclass
class Clock:
    """Counts the seconds of a run; a pause does not count, its earlier parts do.

    Attributes
    ----------
    budget : float
        Seconds that were given.
    earlier : float
        Seconds that were used before this state.
    now : callable
        Seconds of a clock that never goes back; every duration of the run is taken from it.
    """

    budget: float
    earlier: float = 0.0
    now: Callable[[], float] = time.monotonic
    _start: float = field(init=False)
    _paused: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._start = self.now()

    @property
    def used(self) -> float:
        """Seconds so far."""
        return self.earlier + self.now() - self._start - self._paused

    @property
    def left(self) -> float:
        """Seconds until the time is over, at least 0."""
        return max(0.0, self.budget - self.used)

    def leave_out(self, seconds: float) -> None:
        """Let a pause of so many seconds not count."""
        self._paused += seconds


class Stopped(Exception):  # noqa: N818 - what happened, not what went wrong
    """The command was to stop."""


class RunControl:
    """Reports events and obeys commands.

    Parameters
    ----------
    report : callable
        Is told every event.
    control : callable
        Says what to do now.
    clock : Clock
    """

    def __init__(
        self, report: Callable[[Event], None], control: Callable[[], Command], clock: Clock
    ) -> None:
        self.tell = report
        self.command = control
        self.clock = clock
        self._phase = ("reading", "Reading the labels.")

    def begin(self, name: str, sentence: str) -> None:
        """Tell that another part of the work begins."""
        self._phase = (name, sentence)
        self.tell(Phase(name, sentence, self.clock.left))

    def ask(self) -> None:
        """Wait as long as the command is to pause; raise ``Stopped`` when it is to stop."""
        if self.command() is Command.PAUSE:
            self.tell(Phase("paused", "Paused; the time stands still.", self.clock.left))
            start = self.clock.now()
            while self.command() is Command.PAUSE:
                time.sleep(LOOK_AGAIN)
            self.clock.leave_out(self.clock.now() - start)
            self.begin(*self._phase)
        if self.command() is Command.STOP:
            raise Stopped


@dataclass(frozen=True)
class LevelPlan:
    """How long a level is trained and when clicks are counted.

    Attributes
    ----------
    end : float
        When everything of the level is over, on the clock's scale.
    measurement : float
        Seconds of one count.
    shares : tuple of float
        Shares of the steps after which clicks are counted; the last is 1.
    """

    end: float
    measurement: float
    shares: tuple[float, ...]

    def seconds_for_steps(self, used: float, measured: int) -> float:
        """Return the seconds that remain for steps when ``measured`` counts are done."""
        return self.end - used - self.measurement * (len(self.shares) - measured)

    def steps(self, step: int, pace: float, used: float, measured: int) -> int:
        """Return the number of steps that the level should have, more than ``step``."""
        return max(step + 1, step + round(self.seconds_for_steps(used, measured) / pace))


@dataclass
class TimeBudget:
    """The control of one stretch of a level's training.

    Attributes
    ----------
    control : RunControl
    plan : LevelPlan
    measured : int
        Counts that are done.
    pace : float
        Seconds per step; 0 where it is not known yet.
    remember : callable
        Called where the loop has just saved its state.
    save_every : int
    reason : {"", "command", "plan", "measure", "time"}
        Why the stretch ended before the last step.
    """

    control: RunControl
    plan: LevelPlan
    measured: int
    pace: float
    remember: Callable[[], None]
    save_every: int
    reason: str = ""
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.control.clock.now()

    def __call__(self, progress: RunProgress) -> bool:
        """Tell the step and return whether the stretch goes on."""
        now = self.control.clock.now()
        self._take(now - self._last)
        self._last = now
        known = progress.steps if self.pace else 0
        self.control.tell(
            Step(progress.stage, progress.step, known, progress.loss, self.control.clock.left)
        )
        if progress.step % self.save_every == 0:
            self.remember()
        self.reason = "" if progress.step == progress.steps else self._reason(progress)
        return not self.reason

    def _take(self, seconds: float) -> None:
        """Time a step; while the computer slept, the time stood still."""
        usual = statistics.median(self._seconds) if self._seconds else math.inf
        if seconds > max(SLEPT, SLEPT_STEPS * usual):
            self.control.clock.leave_out(seconds - usual)
        else:
            self._seconds.append(seconds)

    def _reason(self, progress: RunProgress) -> str:
        if self.control.command() is not Command.GO:
            return "command"
        left = self.plan.seconds_for_steps(self.control.clock.used, self.measured)
        if left <= 0:
            return "time"
        if not self.pace:
            return self._timed(TIMED)
        if progress.step >= round(self.plan.shares[self.measured] * progress.steps):
            return "measure"
        if progress.step % CHECK_EVERY or len(self._seconds) < CHECK_EVERY:
            return ""
        needed = self._mean() * (progress.steps - progress.step)
        return self._timed(CHECK_EVERY) if abs(needed - left) > DRIFT * left else ""

    def _timed(self, enough: int) -> str:
        if len(self._seconds) < enough:
            return ""
        self.pace = self._mean()
        return "plan"

    def _mean(self) -> float:
        return sum(self._seconds) / len(self._seconds)
