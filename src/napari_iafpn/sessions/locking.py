"""One program at a time, and one window of it, writes a file."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

POLL_SECONDS = 0.05
SESSIONS, LOCKS = "sessions", ".locks"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
"""What network drives answer that know no locks."""


class InUseError(OSError):
    """Another program, or another window of this one, writes the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EBUSY, f"another window or program is writing {path.name}")


class WriterLock:
    """The right to write a file; it ends with the process, however that ends.

    It belongs to the name, not to the file, so it outlives that the file is deleted or replaced.
    On drives without locks a mark with the owner's process number takes its place.

    Parameters
    ----------
    path : Path
        The file; its lock is another file, see `lock_file`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: BaseFileLock | None = None

    def take(self, wait: float = 0.0) -> None:
        """Take it; wait so many seconds for it.

        Raises
        ------
        InUseError
            Where somebody else has it.
        OSError
            Where the folder cannot be written.
        """
        name = lock_file(self._path)
        name.parent.mkdir(parents=True, exist_ok=True)
        # A thread takes it that may be another than the one that lets it go.
        lock: BaseFileLock = FileLock(name, thread_local=False)
        try:
            try:
                lock.acquire(timeout=wait, poll_interval=POLL_SECONDS)
            except (OSError, NotImplementedError) as error:
                if isinstance(error, OSError) and error.errno not in NO_LOCKS:
                    raise
                lock = SoftFileLock(name, thread_local=False)
                lock.acquire(timeout=wait, poll_interval=POLL_SECONDS)
        except Timeout as error:
            raise InUseError(self._path) from error
        self._lock = lock

    def free(self) -> None:
        """Let it go."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._lock.release(force=True)
            self._lock = None


def lock_file(path: Path) -> Path:
    """Return where the lock of a file is: hidden beside it.

    Those of sessions are in a folder of their own: among sessions lie only sessions.
    """
    name = f".{path.name}.lock"
    if path.parent.name == SESSIONS:
        return path.parent.with_name(LOCKS) / name
    return path.with_name(name)


def is_locked(path: Path) -> bool:
    """Tell whether somebody writes a file; leaves nothing behind."""
    if not lock_file(path).exists():
        return False
    lock = WriterLock(path)
    try:
        lock.take()
    except OSError:
        return True
    lock.free()
    return False
