"""The time that was given and what is left of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Counts the seconds of a run; a pause does not count, earlier sittings of the run do.

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
