"""Decides after every step whether a level's training goes on, and how many steps fit the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from napari_iafpn.training.finetuning.desk import Desk
from napari_iafpn.training.finetuning.events import Command, Step
from napari_iafpn.training.run import Progress

TIMED = 8
"""Steps that are timed before the number of steps is fixed."""
RECENT = 40
"""Steps whose mean is the pace: the simulated clicks make some take three times as long."""
CHECK_EVERY = 20
DRIFT = 0.1
"""The number of steps is fixed anew where the time would end this much earlier or later."""


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
    desk, plan
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

    desk: Desk
    plan: LevelPlan
    measured: int
    pace: float
    remember: Callable[[], None]
    save_every: int
    reason: str = ""
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.desk.clock.now()

    def __call__(self, progress: Progress) -> bool:
        """Tell the step and return whether the stretch goes on."""
        now = self.desk.clock.now()
        self._seconds.append(now - self._last)
        self._last = now
        known = progress.steps if self.pace else 0
        self.desk.tell(
            Step(progress.stage, progress.step, known, progress.loss, self.desk.clock.left)
        )
        if progress.step % self.save_every == 0:
            self.remember()
        self.reason = "" if progress.step == progress.steps else self._reason(progress)
        return not self.reason

    def _reason(self, progress: Progress) -> str:
        if self.desk.command() is not Command.GO:
            return "command"
        left = self.plan.seconds_for_steps(self.desk.clock.used, self.measured)
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
