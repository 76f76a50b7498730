"""What the worker has to do, as the GUI thread knows it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from napari_iafpn.plugin.messages import Job, MaskWanted, ModelWanted, PropagationWanted


class Activity(Enum):
    """What the worker does at the moment."""

    IDLE = "idle"
    LOADING = "loading"
    PREDICTING = "predicting"
    PROPAGATING = "propagating"


ACTIVITIES = {
    type(None): Activity.IDLE,
    ModelWanted: Activity.LOADING,
    MaskWanted: Activity.PREDICTING,
    PropagationWanted: Activity.PROPAGATING,
}


class WorkerJobs:
    """The one job of the worker; a newer one replaces it.

    Parameters
    ----------
    submit, stop : callable
        The worker's; see `Ports`.
    """

    def __init__(self, submit: Callable[[Job], None], stop: Callable[[], None]) -> None:
        self._submit = submit
        self._stop = stop
        self._job: Job | None = None

    @property
    def job(self) -> Job | None:
        """What the worker is to do, None: nothing that is waited for."""
        return self._job

    @property
    def activity(self) -> Activity:
        """What that is."""
        return ACTIVITIES[type(self._job)]

    def send(self, job: Job) -> None:
        """Let the worker do ``job``, unless that is what it does."""
        if job != self._job:
            self._job = job
            self._submit(job)

    def send_aside(self, job: Job) -> None:
        """Let the worker do what nobody waits for."""
        self._submit(job)

    def settle(self, job: Job) -> bool:
        """Note that ``job`` is over; tell whether it was the newest."""
        newest = job == self._job
        if newest:
            self._job = None
        return newest

    def stop(self) -> None:
        """Call off what the worker does."""
        self._job = None
        self._stop()
