"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_file(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Let ``fill`` write a file beside its place, then move it there.

    Raises
    ------
    ValueError
        Where the disk or a permission is in the way; an older file is as it was.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file")
    temporary = _beside(path)
    with _plain_errors(path):
        try:
            with temporary.open("xb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_folder(
    path: Path, fill: Callable[[Path], object], *, replaceable: Callable[[Path], bool]
) -> None:
    """Let ``fill`` write into a new folder beside its place, then move it there.

    ``replaceable`` tells whether a folder at ``path`` is a result of this kind. Raises as
    `write_file` does, and where something else is at ``path``: that is never deleted.
    """
    check_folder(path, replaceable)
    temporary, older = _beside(path), _beside(path)
    with _plain_errors(path):
        try:
            temporary.mkdir()
            fill(temporary)
            if path.exists():
                os.replace(path, older)
            try:
                os.replace(temporary, path)
            except OSError:
                if older.exists():
                    os.replace(older, path)
                raise
        finally:
            for folder in (temporary, older):
                shutil.rmtree(folder, ignore_errors=True)


def check_folder(path: Path, replaceable: Callable[[Path], bool]) -> None:
    """Raise ValueError where ``path`` is something that a result must not replace."""
    if path.is_dir() and any(path.iterdir()) and not replaceable(path):
        raise ValueError(
            f"the folder {path} holds other files, which are not replaced; give another name"
        )
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file, and the result is a folder; give another name")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"cannot write {path} ({reason}); nothing was saved") from error
