"""Files of JSON lines that only ever grow: a checksum on every line, one writer at a time."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from napari_iafpn.sessions.locking import InUseError, WriterLock

MOST_BYTES = 2**29
"""A longer line is damaged."""
COPY_BYTES = 2**20
SEAL = re.compile(rb',"crc":"([0-9a-f]{8})"\}\n?\Z')
SEAL_BYTES = 19

State = tuple[int, int]
"""Size and time of change of a file: the same as long as nobody writes it."""


def sealed(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as a line whose last key is the CRC-32 of all before it.

    All of it is ASCII: names of files that are no Unicode survive.
    """
    body = json.dumps(entry, separators=(",", ":"), default=_plain).encode("ascii")[:-1]
    return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def parsed(line: bytes, *, old: bool = True) -> dict[str, Any] | None:
    """Return the entry of a line, None for a damaged one; it may lack nothing but its end.

    ``old`` lets lines without a checksum pass, which earlier versions wrote.
    """
    seal = SEAL.search(line, max(len(line) - SEAL_BYTES, 0))
    if seal is None and not old:
        return None
    if seal is not None and zlib.crc32(memoryview(line)[: seal.start()]) != int(seal[1], 16):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(entry, dict):
        return None
    entry.pop("crc", None)
    return entry


def is_sealed(line: bytes) -> bool:
    """Tell whether a line has a checksum, right or wrong."""
    return SEAL.search(line, max(len(line) - SEAL_BYTES, 0)) is not None


def _plain(value: Any) -> Any:
    """Return what a numpy scalar holds."""
    return value.item()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file.

    Attributes
    ----------
    number : int
        From 1 on.
    raw : bytes
        Empty where there are more than `MOST_BYTES`.
    entry : dict or None
        None where it is damaged.
    """

    number: int
    raw: bytes
    entry: dict[str, Any] | None

    @property
    def is_cut_off(self) -> bool:
        """Whether writing stopped in its middle."""
        return self.entry is None and self.raw[-1:] not in (b"", b"\n")


def lines_of(path: Path, wanted: Callable[[bytes], bool] = lambda _: True) -> Iterator[Line]:
    """Yield the lines of a file that are wanted, the damaged ones too; no other is parsed.

    Behind a line with a checksum one without is damaged.
    """
    old = True
    with path.open("rb") as file:
        for number, raw in enumerate(_raw_lines(file), 1):
            if wanted(raw):
                yield Line(number, raw, parsed(raw, old=old))
            old = old and not is_sealed(raw)


def _raw_lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MOST_BYTES):
        too_long = len(line) == MOST_BYTES and not line.endswith(b"\n")
        if not too_long:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(COPY_BYTES)
        yield b""


def state_of(file: IO[bytes]) -> State:
    """Return what changes with every write."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


class LineFile:
    """Appends lines to a file that nobody else appends to meanwhile; nothing is ever cut off.

    Parameters
    ----------
    path : Path
    tell : callable
        Told one sentence when another program deleted or changed the file while it was in use.
    """

    def __init__(self, path: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._tell = tell
        self._lock = WriterLock(path)
        self._file: IO[bytes] | None = None
        self._end = 0
        self._cut_off = False

    @property
    def is_open(self) -> bool:
        """Whether it is ours."""
        return self._file is not None

    @property
    def state(self) -> State:
        """Of the open file: compare it with what was read before it was ours."""
        assert self._file is not None
        return state_of(self._file)

    def open(self, *, wait: float = 0.0) -> None:
        """Make the file ours; it is created where it is not there.

        Raises
        ------
        InUseError
            Where somebody else writes it, ``wait`` seconds later too.
        OSError
            Where it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._open(self.path, "a+b", wait)

    def create(self) -> None:
        """Make a new file, with a number behind its name where that is taken.

        Raises
        ------
        OSError
            Where it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path in _names(self.path):
            with contextlib.suppress(FileExistsError, InUseError):
                self._open(path, "x+b")
                return

    def append(self, lines: bytes) -> None:
        """Write whole lines at the end; where that fails, nothing of them is left there."""
        self._look()
        file, end = self._file, self._end
        assert file is not None
        try:
            # What a crash cut off stays, as a line of its own.
            _write_all(file, b"\n" + lines if self._cut_off else lines)
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise
        finally:
            self._measure()

    def sync(self) -> None:
        """Make sure that the disk has everything."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.free()

    def _open(self, path: Path, mode: str, wait: float = 0.0) -> None:
        lock = WriterLock(path)
        lock.take(wait)
        try:
            file = path.open(mode, buffering=0)
        except OSError:
            lock.free()
            raise
        # At the end of the process somebody may still be writing; the system closes the file.
        weakref.finalize(self, file.close).atexit = False
        self.path, self._lock, self._file = path, lock, file
        self._measure()

    def _measure(self) -> None:
        """Note where the file ends, and whether with a whole line."""
        assert self._file is not None
        self._end = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(self._end - 1, 0))
        self._cut_off = self._file.read(1) not in (b"", b"\n")
        self._file.seek(self._end)

    def _look(self) -> None:
        """Notice what others did to the file."""
        assert self._file is not None
        ours = os.fstat(self._file.fileno())
        try:
            gone = not os.path.samestat(self.path.stat(), ours)
        except FileNotFoundError:
            gone = True
        if gone:
            self._write_anew(self._file)
        elif ours.st_size != self._end:
            self._measure()
            self._tell(
                f"another program changed {self.path} while it was in use; what is there is kept "
                "and goes on, but look whether something is missing"
            )

    def _write_anew(self, lost: IO[bytes]) -> None:
        """Copy all from the file that is no longer there, but still open, into a new one."""
        was = self.path
        self._lock.free()
        self.create()
        try:
            assert self._file is not None
            lost.seek(0)
            while part := lost.read(COPY_BYTES):
                _write_all(self._file, part)
        except OSError:
            self.close()
            self.path.unlink()
            self.path, self._file = was, lost
            raise
        lost.close()
        self._measure()
        self._tell(
            f"{was} was deleted or replaced while it was in use; all of it is in {self.path}"
        )


def _names(path: Path) -> Iterator[Path]:
    """Yield the path, and such with a number behind the name, as far as they are free."""
    found = re.fullmatch(r"(.*?)((?:\.iafpn)?\.[^.]*)?", path.name)
    assert found is not None
    stem, suffix = found[1], found[2] or ""
    for number in itertools.count(1):
        free = path if number == 1 else path.with_name(f"{stem} {number}{suffix}")
        if not free.exists():
            yield free


def _write_all(file: IO[bytes], lines: bytes) -> None:
    """Write all; a nearly full disk takes a part of it first."""
    rest = memoryview(lines)
    while rest:
        rest = rest[file.write(rest) :]
