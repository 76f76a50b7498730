"""One program at a time appends to a journal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

# Far behind the end: Windows forbids others to read locked bytes.
LOCKED_BYTE = 2**40


def lock(file: IO[bytes]) -> None:
    """Lock a file until it is closed; OSError where another program, or this one, has it."""
    if sys.platform == "win32":
        import msvcrt

        place = file.tell()
        file.seek(LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        finally:
            file.seek(place)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(path: Path) -> bool:
    """Tell whether a program has the file, as long as it runs."""
    try:
        with path.open("r+b") as file:
            lock(file)
    except OSError:
        return True
    return False
