"""An object on its way to other planes: where it is to go, how far it came, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.jobs import WorkerJobs
from napari_iafpn.plugin.messages import (
    Message,
    PlaneReached,
    PropagationFailed,
    PropagationReport,
    PropagationWanted,
)
from napari_iafpn.sessions import PlaneKey, Propagation

if TYPE_CHECKING:
    from napari_iafpn.plugin.editor import CommitAs, Editor

FORWARDS, BACKWARDS, BOTH = DIRECTIONS = ("forwards", "backwards", "both")
"""Towards higher indices, lower ones, or first the one and then the other."""


@dataclass(frozen=True)
class PropagationRange:
    """Where objects are to be propagated.

    Attributes
    ----------
    axis : int or None
        The data axis; None: the first of `slider_axes`.
    direction : {"forwards", "backwards", "both"}
    planes : int
        How many planes in each direction; 0: to the end.
    """

    axis: int | None = None
    direction: str = FORWARDS
    planes: int = 0

    def propagation(self, plane: PlaneKey, shape: Sequence[int], threshold: float) -> Propagation:
        """Return the planes to visit from ``plane`` of an image of ``shape``.

        Raises
        ------
        ValueError
            Where there are none.
        """
        axes = slider_axes(plane, shape)
        if not axes:
            raise ValueError("this image has one plane only; open a stack to propagate an object")
        axis = self.axis if self.axis in axes else axes[0]
        here, most = plane.index_along(axis), self.planes or shape[axis]
        ahead = tuple(range(here + 1, min(shape[axis], here + 1 + most)))
        behind = tuple(range(here - 1, max(-1, here - 1 - most), -1))
        ways = {FORWARDS: (ahead,), BACKWARDS: (behind,), BOTH: (ahead, behind)}
        routes = tuple(route for route in ways[self.direction] if route)
        if not routes:
            raise ValueError(
                f"this is the {'last' if self.direction == FORWARDS else 'first'} plane; "
                "propagate the other way"
            )
        return Propagation(axis, routes, threshold)


def slider_axes(plane: PlaneKey, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the data axes along which an image of ``shape`` has more planes; the last first.

    In images with time and depth the depth is the last one.
    """
    return tuple(axis for axis in reversed(plane.other_axes) if shape[axis] > 1)


class PropagationProgress:
    """The planes that a propagation has reached.

    Parameters
    ----------
    wanted : PropagationWanted
    """

    def __init__(self, wanted: PropagationWanted) -> None:
        self.wanted = wanted
        self.masks: dict[PlaneKey, BoxedMask] = {}
        self._visited = 0
        self._reached: list[list[int]] = [[] for _ in wanted.propagation.routes]
        self._doubts: list[str] = []

    def take(self, report: PlaneReached) -> str:
        """Keep what a plane gave; return how far it is."""
        routes, index = self.wanted.propagation.routes, self._index(report.plane)
        self._visited += 1
        if report.mask is None:
            self._doubts.append(
                f"Stopped at plane {index}: {report.doubt}. If it goes on, keep it there as number "
                f"{self.wanted.label} and propagate again."
            )
            # The rest of its route is not visited any more.
            self._visited += len(routes[report.route]) - routes[report.route].index(index) - 1
        else:
            self.masks[report.plane] = report.mask
            self._reached[report.route].append(index)
        return self.progress

    @property
    def progress(self) -> str:
        """How many planes of how many were visited."""
        total = sum(map(len, self.wanted.propagation.routes))
        return f"Plane {self._visited} of {total} …"

    @property
    def done(self) -> Propagation:
        """The part of the way that led anywhere."""
        routes = tuple(tuple(route) for route in self._reached if route)
        return replace(self.wanted.propagation, routes=routes)

    def summary(self, *, stopped: bool = False) -> str:
        """Return how far it came, and why no farther."""
        count, label = len(self.masks), self.wanted.label
        if not count:
            said = [f"Object {label} was propagated to no other plane."]
        else:
            planes = sorted(index for route in self._reached for index in route)
            ends = f"plane {planes[0]}" if count == 1 else f"planes {planes[0]} to {planes[-1]}"
            said = [f"Object {label} was propagated to {ends}."]
        if stopped:
            said.insert(0, "Stopped.")
        if stopped and count:
            said.append("Undo takes them back.")
        return " ".join([*said, *self._doubts])

    @property
    def is_in_doubt(self) -> bool:
        """Whether the object was lost somewhere."""
        return bool(self._doubts)

    def _index(self, plane: PlaneKey) -> int:
        return plane.index_along(self.wanted.propagation.axis)


class Propagator:
    """Takes objects to other planes, one at a time; nothing is changed before one is there.

    Parameters
    ----------
    editor : Editor
    jobs : WorkerJobs
    say : callable
        Told messages for the user.
    """

    def __init__(self, editor: Editor, jobs: WorkerJobs, say: Callable[[Message], None]) -> None:
        self._editor = editor
        self._jobs = jobs
        self._say = say
        self._progress: PropagationProgress | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether an object is on its way."""
        return self._progress is not None and self._jobs.job is self._progress.wanted

    def start(self, wanted: PropagationWanted) -> None:
        """Let the worker follow an object."""
        self._progress = PropagationProgress(wanted)
        self._jobs.send(wanted)
        self._say(Message(self._progress.progress))

    def take(self, report: PropagationReport, wish: CommitAs) -> bool:
        """Note how far it is, and write all that was found at the end; tell whether it ended.

        Reports of what was called off are dropped.
        """
        progress = self._progress
        if progress is None or not self.is_under_way or report.wanted is not progress.wanted:
            return False
        if isinstance(report, PlaneReached):
            self._say(Message(progress.take(report)))
            return False
        self._jobs.settle(report.wanted)
        if isinstance(report, PropagationFailed):
            self._say(Message(report.sentence, error=True))
        else:
            self._write(progress, wish)
        return True

    def stop(self, wish: CommitAs) -> None:
        """Go no farther, and keep the planes that were reached."""
        assert self._progress is not None
        self._jobs.stop()
        self._write(self._progress, wish, stopped=True)

    def call_off(self) -> None:
        """Drop what is on its way; something else happens."""
        if self.is_under_way:
            self._jobs.stop()
            self._say(Message("Propagation cancelled; nothing was changed."))

    def _write(
        self, progress: PropagationProgress, wish: CommitAs, *, stopped: bool = False
    ) -> None:
        """Write what was found, as one step, and tell where it ended and why."""
        self._editor.propagate(progress.wanted, progress.done, progress.masks, wish)
        self._say(Message(progress.summary(stopped=stopped), error=progress.is_in_doubt))
