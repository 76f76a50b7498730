"""Worker processes: how they start, and that they end with their parent.

Nothing heavy is imported here: this is the first that a new process imports, and until it has it
would answer Ctrl+C with a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import Lock, Thread
from typing import Any

_starting = Lock()


class WorkerProcess(SpawnProcess):
    """A new process that does not run the program of its parent again.

    A spawned process first imports the parent's main module. In napari that is all of napari, and
    a user's script without ``if __name__ == "__main__"`` would start over in each process.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - overrides
        with _hidden_program():
            return SpawnProcess._Popen(process_obj)


class WorkerContext(SpawnContext):
    """Starts processes and remembers them.

    Parameters
    ----------
    program : bool
        Let the processes import the program: needed for what is defined in it.
    """

    def __init__(self, *, program: bool = False) -> None:
        super().__init__()
        self._kind = SpawnProcess if program else WorkerProcess
        self._processes: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        """Make a process; the pool starts it."""
        process = self._kind(*args, **kwargs)
        self._processes.append(process)
        return process

    def kill(self) -> None:
        """End all processes at once."""
        for process in self._processes:
            if process.is_alive():
                process.kill()


def begin_worker() -> None:
    """Leave Ctrl+C to the parent, and end when it ends, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _hidden_program() -> Iterator[None]:
    """Hide where the main module comes from while a process is started."""
    program = sys.modules["__main__"]
    with _starting:
        hidden = {name: vars(program).get(name) for name in ("__spec__", "__file__")}
        try:
            for name in hidden:
                setattr(program, name, None)
            yield
        finally:
            for name, value in hidden.items():
                setattr(program, name, value)
