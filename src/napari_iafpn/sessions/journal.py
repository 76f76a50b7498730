"""The journal of a session: one JSON object a line, appended as things happen."""

from __future__ import annotations

import contextlib
import json
import os
import time
import weakref
from collections import deque
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from threading import Condition, Thread
from typing import IO, Any

from napari_iafpn.sessions.codec import step_to_json
from napari_iafpn.sessions.document import DO
from napari_iafpn.sessions.locking import lock
from napari_iafpn.sessions.steps import Step

FORMAT = 1
SUFFIX = ".iafpn.jsonl"
SYNC_SECONDS = 1.0
RETRY_SECONDS = 5.0

Entry = Callable[[], dict[str, Any]]


class JournalWriter:
    """Appends entries in a thread of its own; nobody waits for the disk.

    Every line is handed to the system at once, so it outlives the process, and is flushed to the
    disk within a second, so all but the last second outlives the machine. What cannot be written
    waits and is tried again. The thread exists while there is something to do.

    Parameters
    ----------
    path : Path
        Created, with its folder, at the first entry. An existing journal is continued.
    failed : callable
        Told one sentence when writing begins to fail; called in the thread.
    end : int, optional
        Where the last whole entry of an existing journal ends, in bytes; the rest is cut off.
    """

    def __init__(
        self, path: Path, failed: Callable[[str], None], *, end: int | None = None
    ) -> None:
        self.path = path
        self._failed = failed
        self._end = 0 if end is None else end
        self._file: IO[bytes] | None = None
        self._entries: deque[Entry] = deque()
        self._lines: deque[bytes] = deque()
        self._news = Condition()
        self._thread: Thread | None = None
        self._hurry = False
        self._in_trouble = False
        if end is None:
            self.append(_first_entry)

    def append(self, entry: Entry) -> None:
        """Append what ``entry`` returns; it is called in the thread and must be about values."""
        with self._news:
            self._entries.append(entry)
            self._go_on()

    def record(self, verb: str, step: Step, going_on: bool) -> None:
        """Append a change of a document, see `Document`."""
        at = round(time.time(), 3)

        def entry() -> dict[str, Any]:
            if verb != DO:
                return {"entry": verb, "at": at}
            more = {"going_on": True} if going_on else {}
            return {"entry": verb, "at": at, "kind": step.kind, **more, **step_to_json(step)}

        self.append(entry)

    def flush(self, timeout: float | None = None) -> bool:
        """Write what waits and end the thread; tell whether all was written in time."""
        with self._news:
            if self._lines or self._thread is not None:
                self._hurry = True
                self._go_on()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self._lines and not self._entries

    def close(self, timeout: float | None = None) -> bool:
        """Write what waits and let go of the file; tell whether all was written in time."""
        written = self.flush(timeout)
        if self._file is not None and self._thread is None:
            self._file.close()
            self._file = None
        return written

    def _go_on(self) -> None:
        """Wake the thread, or begin it; the lock is held."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="napari-iafpn journal", daemon=True)
            self._thread.start()
        self._news.notify_all()

    # In the thread

    def _work(self) -> None:
        written = synced = time.monotonic()
        while True:
            with self._news:
                pause = RETRY_SECONDS if self._in_trouble else SYNC_SECONDS
                self._news.wait_for(lambda: self._entries or self._hurry, pause)
                entries, hurry = list(self._entries), self._hurry
            self._encode(entries)
            if self._write():
                written = time.monotonic()
            now = time.monotonic()
            if written > synced and (hurry or now - synced >= SYNC_SECONDS):
                self._sync()
                synced = now
            with self._news:
                idle = not self._entries and (not self._lines or hurry)
                if idle and synced >= written:
                    self._thread, self._hurry = None, False
                    return

    def _encode(self, entries: list[Entry]) -> None:
        for entry in entries:
            try:
                values = entry()
            except Exception as error:  # noqa: BLE001  stores of images raise anything
                values = {"entry": "lost", "why": f"{type(error).__name__}: {error}"}
            text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
            self._lines.append(text.encode() + b"\n")
            with self._news:
                self._entries.popleft()

    def _write(self) -> bool:
        """Write the lines that wait; where that fails, cut the file back to its last whole line."""
        wrote = False
        try:
            while self._lines:
                if self._file is None:
                    self._file = self._opened()
                _write_all(self._file, self._lines[0])
                self._end += len(self._lines.popleft())
                wrote = True
        except OSError as error:
            self._repair()
            self._complain(error)
        else:
            self._in_trouble = False
        return wrote

    def _opened(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("r+b" if self.path.exists() else "x+b", buffering=0)
        # At the end of the process the thread may still be at work; the system closes the file.
        weakref.finalize(self, file.close).atexit = False
        try:
            lock(file)
            file.truncate(self._end)
            file.seek(self._end)
        except OSError:
            file.close()
            raise
        return file

    def _repair(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
                self._file.seek(self._end)

    def _sync(self) -> None:
        try:
            if self._file is not None:
                os.fsync(self._file.fileno())
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._in_trouble:
            self._in_trouble = True
            self._failed(
                f"the session cannot be saved in {self.path} ({error.strerror or error}); your "
                "work goes on and is written as soon as that is possible: free some space, or save "
                "the labels elsewhere"
            )


def _first_entry() -> dict[str, Any]:
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"entry": "session", "format": FORMAT, "created": created}


def _write_all(file: IO[bytes], line: bytes) -> None:
    """Write a whole line; a nearly full disk takes a part of it first."""
    rest = memoryview(line)
    while rest:
        rest = rest[file.write(rest) :]
