"""Where jobs are worked on: processes of this computer, or the workers of a Dask cluster."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from importlib import import_module
from typing import Any, Protocol as Interface

from napari_iafpn.evaluation.processes import WorkerContext, begin_worker
from napari_iafpn.evaluation.workers import Outcome, WorkUnit, work


class Workplace(Interface):
    """RunLengths jobs elsewhere."""

    @property
    def capacity(self) -> int:
        """Jobs to have under way at once."""

    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        """What a job raises where its process ended before it."""

    def submit(self, job: WorkUnit) -> Future[Outcome]:
        """Start a job; raises one of ``deaths`` where the processes have ended."""

    def renew(self) -> None:
        """Replace what died, while nothing is under way."""

    def close(self, *, at_once: bool) -> None:
        """End; ``at_once`` also what is under way."""


class LocalPool:
    """Processes of this computer; they end with this process, however it ends.

    Parameters
    ----------
    jobs : int
        Number of processes.
    program : bool
        See ``WorkerContext``.
    """

    deaths: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, jobs: int, *, program: bool = False) -> None:
        # No more under way than there are processes: a large job that waits in the pool's pipe
        # can block the end of a killed pool.
        self.capacity = jobs
        self._program = program
        self._context, self._executor = self._start()

    def _start(self) -> tuple[WorkerContext, Executor]:
        context = WorkerContext(program=self._program)
        executor = ProcessPoolExecutor(self.capacity, mp_context=context, initializer=begin_worker)
        return context, executor

    def submit(self, job: WorkUnit) -> Future[Outcome]:
        """Start a job in a process."""
        return self._executor.submit(work, job)

    def renew(self) -> None:
        """Start again with new processes."""
        self.close(at_once=True)
        self._context, self._executor = self._start()

    def close(self, *, at_once: bool) -> None:
        """End the processes."""
        if at_once:
            self._context.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)


class Cluster:
    """The workers of a Dask cluster, which replaces its dead ones itself.

    Parameters
    ----------
    address : str
        Of the scheduler, for example ``tcp://127.0.0.1:8786``.

    Raises
    ------
    ValueError
        Where the extra ``distributed`` is missing, or no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        try:
            distributed: Any = import_module("distributed")  # ships no type hints
        except ModuleNotFoundError as error:
            raise ValueError(
                f"a scheduler needs {error.name}, which is not installed; "
                "run: pip install 'napari-iafpn[distributed]'"
            ) from error
        self.deaths: tuple[type[BaseException], ...] = (distributed.KilledWorker,)
        try:
            self._client = distributed.Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"no Dask scheduler answers at {address!r}; check the address, "
                "it looks like tcp://127.0.0.1:8786"
            ) from error
        self._executor: Executor = self._client.get_executor(pure=False)
        # So many that no worker waits, and that a cluster which grows with its work does grow.
        self.capacity = max(32, 4 * sum(self._client.nthreads().values()))

    def submit(self, job: WorkUnit) -> Future[Outcome]:
        """Start a job on a worker."""
        return self._executor.submit(work, job)

    def renew(self) -> None:
        """Do nothing."""

    def close(self, *, at_once: bool) -> None:
        """Let the workers go; ``at_once`` drops what waits."""
        self._executor.shutdown(wait=not at_once)
        self._client.close()
