"""What the user does, one thing after the other, also while a commit waits for its mask."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from napari_iafpn.prompts import Prompt, Prompts
from napari_iafpn.sessions import PlaneKey


@dataclass(frozen=True)
class Place:
    """A displayed plane and its (H, W) in pixels; no plane: nothing is displayed."""

    plane: PlaneKey | None = None
    shape: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Turn:
    """One thing that the user does.

    Attributes
    ----------
    place : Place
        Where it was done.
    act : callable
    prompt : Prompt, optional
        What it adds to the object there.
    finishes : bool
        Whether another object begins there after it.
    """

    place: Place
    act: Callable[[], None]
    prompt: Prompt | None = None
    finishes: bool = False


class Turns:
    """Takes turns in their order: what follows a turn that waits for a mask waits with it.

    So quick hands get what slow ones get.

    Parameters
    ----------
    perform : callable
        Acts, and tells what goes wrong.
    is_ready : callable
        Whether the mask on a plane is that of its clicks.
    """

    def __init__(
        self, perform: Callable[[Turn], None], is_ready: Callable[[PlaneKey], bool]
    ) -> None:
        self._perform = perform
        self._is_ready = is_ready
        self._queue: deque[Turn] = deque()
        self._waiting: Turn | None = None
        self.is_running = False

    @property
    def plane(self) -> PlaneKey | None:
        """The plane whose mask is waited for."""
        return None if self._waiting is None else self._waiting.place.plane

    @property
    def has_more(self) -> bool:
        """Whether turns are to come."""
        return bool(self._queue)

    def take(self, turn: Turn) -> None:
        """Perform a turn now or after those before it; what a turn calls is a part of it."""
        if self.is_running:
            turn.act()
        else:
            self._queue.append(turn)
            self.go_on()

    def when_ready(self, turn: Turn) -> None:
        """Perform a turn before all others, as soon as the mask on its plane is ready."""
        self._waiting = turn

    def go_on(self) -> None:
        """Perform what can be performed by now."""
        if self.is_running:
            return
        self.is_running = True
        try:
            while (turn := self._next()) is not None:
                self._perform(turn)
        finally:
            self.is_running = False

    def drop(self) -> int:
        """Forget what waits; return how many turns were to come after it."""
        count = len(self._queue)
        self._waiting = None
        self._queue.clear()
        return count

    def clicks_on(self, plane: PlaneKey, now: Prompts) -> Prompts:
        """Return the clicks of a plane's object, ``now``, as they will be after all turns."""
        waiting = () if self._waiting is None else (self._waiting,)
        for turn in (*waiting, *self._queue):
            if turn.place.plane == plane:
                now = Prompts() if turn.finishes else now
                now = now if turn.prompt is None else now.add(turn.prompt)
        return now

    def _next(self) -> Turn | None:
        if self._waiting is None:
            return self._queue.popleft() if self._queue else None
        if self.plane is not None and not self._is_ready(self.plane):
            return None
        turn, self._waiting = self._waiting, None
        return turn
