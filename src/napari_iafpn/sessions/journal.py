"""The journal of a session: one JSON object a line, appended as things happen."""

from __future__ import annotations

import contextlib
import errno
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from napari_iafpn.sessions.codec import step_to_json
from napari_iafpn.sessions.document import DO
from napari_iafpn.sessions.lines import MOST_BYTES, LineFile, sealed
from napari_iafpn.sessions.object_codec import found_to_json
from napari_iafpn.sessions.proposals import FoundObject
from napari_iafpn.sessions.steps import Step

FORMAT = 3
SUFFIX = ".iafpn.jsonl"
SYNC_SECONDS = 1.0
RETRY_SECONDS = 5.0

HOPELESS = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)

Entry = Callable[[], dict[str, Any]]


class JournalWriter:
    """Appends entries in a thread of its own; nobody waits for the disk.

    Every line is handed to the system at once, so it outlives the process, and is flushed to the
    disk within a second, so all but the last second outlives the machine. What cannot be written
    waits and is tried again, whatever went wrong. The thread exists while there is something to
    do.

    Parameters
    ----------
    path : Path
        Created, with its folder, at the first entry; with a number where it is there already.
    failed : callable
        Told one sentence when writing begins to fail, when an entry cannot be written at all, and
        when somebody else changed the file; called in the thread.
    file : LineFile, optional
        An existing journal that is open, instead: it is continued.
    """

    def __init__(
        self, path: Path, failed: Callable[[str], None], *, file: LineFile | None = None
    ) -> None:
        self._failed = failed
        self._file = file or LineFile(path, self._tell)
        self._entries: deque[Entry] = deque()
        self._slow: deque[Iterator[dict[str, Any]]] = deque()
        self._line = b""
        self._news = Condition()
        self._thread: Thread | None = None
        self._syncing: Thread | None = None
        self._unsynced = False
        self._synced = 0.0
        self._asked = self._answered = 0
        self._closing = False
        self.trouble = ""
        """Why writing fails at present; empty where it does not."""
        self.is_hopeless = False
        """Whether it fails since the file may not be written at all."""
        if file is None:
            self.append(_first_entry)

    @property
    def path(self) -> Path:
        """Where the journal is."""
        return self._file.path

    @property
    def waiting(self) -> int:
        """Number of entries that are not written."""
        return len(self._entries) + len(self._slow) + bool(self._line)

    def append(self, entry: Entry) -> None:
        """Append what ``entry`` returns; it is called in the thread and must be about values."""
        with self._news:
            self._entries.append(entry)
            self._go_on()

    def append_slowly(self, entries: Iterator[dict[str, Any]]) -> None:
        """Append many entries, each when nothing else waits; made in the thread, one by one."""
        with self._news:
            self._slow.append(entries)
            self._go_on()

    def record(self, verb: str, step: Step, going_on: bool) -> None:
        """Append a change of a document, see `Document`."""
        at = round(time.time(), 3)

        def entry() -> dict[str, Any]:
            told = {"entry": verb, "at": at, "step": step.number}
            if verb != DO:
                return told
            more = {"going_on": True} if going_on else {}
            return {**told, "after": step.after, "kind": step.kind, **more, **step_to_json(step)}

        self.append(entry)

    def record_found(self, found: Sequence[FoundObject], replaced: Sequence[int]) -> None:
        """Append what was found, see `Document`."""
        at = round(time.time(), 3)

        def entry() -> dict[str, Any]:
            proposals = [found_to_json(each) for each in found]
            return {"entry": "found", "at": at, "found": proposals, "replaced": list(replaced)}

        self.append(entry)

    def flush(self, timeout: float | None = None) -> bool:
        """Write what waits, trying once; tell whether all was written in time.

        The thread is over afterwards, unless something waits for a better time.
        """
        thread, over = None, False
        with self._news:
            if self.waiting or self._thread is not None:
                self._asked += 1
                number = self._asked
                self._go_on()
                thread = self._thread
                self._news.wait_for(lambda: self._answered >= number, timeout)
                over = self._thread is None
        if over and thread is not None:
            thread.join(timeout)
        return not self.waiting

    def close(self, timeout: float | None = None) -> bool:
        """Write what waits and let go of the file; tell whether all was written in time.

        If it was not, that is tried on and on, as long as the process lives; but not where only
        somebody else can help, see `is_hopeless`.
        """
        self._closing = True
        written = self.flush(timeout)
        with self._news:
            if self._thread is None:
                self._file.close()
        return written

    def _go_on(self) -> None:
        """Wake the thread, or begin it, also where it died; the lock is held."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, name="napari-iafpn journal", daemon=True)
            self._thread.start()
        self._news.notify_all()

    # In the thread

    def _work(self) -> None:
        """Write until nothing is left to do; no error ends it before."""
        over = False
        while not over:
            asked = self._wait()
            try:
                self._write_waiting()
                self._sync(now=asked > self._answered)
            except BaseException as error:  # noqa: BLE001  nothing may end the saving
                self._complain(error)
            over = self._answer(asked)

    def _wait(self) -> int:
        """Wait for something to do; return the number of the last one who wants it done now."""
        with self._news:
            pause = RETRY_SECONDS if self.trouble else SYNC_SECONDS
            self._news.wait_for(
                lambda: self._asked > self._answered or (self.waiting and not self.trouble), pause
            )
            return self._asked

    def _answer(self, asked: int) -> bool:
        """Tell who waits that it was tried; return whether the thread is over."""
        with self._news:
            hurry, self._answered = asked > self._answered, asked
            syncing = self._syncing is not None and self._syncing.is_alive()
            over = not (self.waiting or self._unsynced or syncing)
            over = over or (hurry and self.is_hopeless)
            if over:
                self._thread = None
                if self._closing:
                    self._file.close()
            self._news.notify_all()
            return over

    def _write_waiting(self) -> None:
        while self.waiting:
            if not self._line:
                self._prepare_line()
            if self._line:
                if not self._file.is_open:
                    self._file.create()
                self._file.append(self._line)
                self._line, self._unsynced = b"", True
                self.trouble, self.is_hopeless = "", False
            self._sync(now=False)

    def _prepare_line(self) -> None:
        """Make the next entry a line; one that has time only where no other waits."""
        urgent = bool(self._entries)
        try:
            entry = self._entries[0]() if urgent else next(self._slow[0], None)
            line = b"" if entry is None else sealed(entry)
            if len(line) > MOST_BYTES:
                raise ValueError(f"it has {len(line)} bytes")
        except BaseException as error:  # noqa: BLE001  stores of images raise anything
            entry, why = None, f"{type(error).__name__}: {error}"
            line = sealed({"entry": "lost", "why": why})
            self._tell(
                f"something you did cannot be written to the session {self.path} ({why}); save "
                "the labels"
            )
        self._line = line
        if urgent:
            self._entries.popleft()
        elif entry is None:
            self._slow.popleft()

    def _sync(self, *, now: bool) -> None:
        """Flush to the disk: beside the writing, which a slow disk must not hold up, or now."""
        if now and self._syncing is not None:
            self._syncing.join()
        if self._unsynced and now:
            self._sync_file()
        elif self._unsynced and time.monotonic() - self._synced > SYNC_SECONDS:
            self._synced = time.monotonic()
            self._syncing = Thread(target=self._sync_file, name="napari-iafpn sync", daemon=True)
            self._syncing.start()

    def _sync_file(self) -> None:
        self._unsynced = False
        try:
            self._file.sync()
        except (OSError, ValueError) as error:  # it may be closed or written anew meanwhile
            self._unsynced = True
            self._complain(error)
        else:
            self.trouble = self.trouble if self.waiting else ""

    def _complain(self, error: BaseException) -> None:
        if not self.trouble:
            strerror = error.strerror if isinstance(error, OSError) else ""
            self.trouble = strerror or f"{type(error).__name__}: {error}"
            self.is_hopeless = isinstance(error, HOPELESS) or (
                isinstance(error, OSError) and error.errno == errno.EROFS
            )
            self._tell(
                f"the session cannot be saved in {self.path} ({self.trouble}); your work goes on "
                "and is written as soon as that is possible: free some space, or save the labels "
                "elsewhere"
            )

    def _tell(self, sentence: str) -> None:
        with contextlib.suppress(Exception):  # who is told may be gone
            self._failed(sentence)


def _first_entry() -> dict[str, Any]:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {"entry": "session", "format": FORMAT, "created": created}
