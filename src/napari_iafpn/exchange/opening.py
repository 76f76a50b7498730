"""What all readers say about files that are absent, damaged or need a missing package."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

_DAMAGED = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def opening(path: Path, what: str) -> Iterator[None]:
    """Turn errors of parsing ``path`` into one sentence; ``what`` is what it should have been."""
    if not path.exists():
        raise ValueError(f"there is no file at {path}; check the path")
    try:
        yield
    except MissingPackageError:
        raise
    except _DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{path} cannot be read as {what} ({reason}); get the file again or give another one"
        ) from error


class MissingPackageError(ValueError):
    """A format needs a package that is not installed."""


def needed(package: str, what: str) -> ModuleType:
    """Import an optional package.

    Raises
    ------
    MissingPackageError
        Where it is not installed; ``what`` names the files that need it.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{what} need {package}, which is not installed; "
            "run: pip install 'napari-iafpn[formats]'"
        ) from error
