"""Between the run and whoever started it: events go out, commands come in, time is kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from napari_iafpn.training.finetuning.clock import Clock
from napari_iafpn.training.finetuning.events import Command, Event, Phase

LOOK_AGAIN = 0.1
"""Seconds between two looks at the command during a pause."""


class Stopped(Exception):  # noqa: N818 - what happened, not what went wrong
    """The command was to stop."""


class Desk:
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
