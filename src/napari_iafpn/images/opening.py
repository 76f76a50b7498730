"""What all readers say about files that are absent, damaged, absurd or need a missing package."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import psutil
from PIL.Image import DecompressionBombError

MEMORY_SHARE = 0.5
"""What is read from one file fills at most this share of the computer's memory."""

_DAMAGED = "its content is damaged, cut short or of another kind"
_CLAUSES: tuple[tuple[type[Exception], str], ...] = (
    (MemoryError, "it needs more memory than there is"),
    (DecompressionBombError, "it has more pixels than such files may have; save it as TIFF"),
    (RecursionError, "it is nested too deeply"),
    (UnicodeDecodeError, "it is no text in UTF-8"),
    (TimeoutError, "there was no answer in time"),
    (ConnectionError, "the connection broke"),
    (FileNotFoundError, "a part of it is not there"),
)
_OF_THE_EXTRA = ("h5py", "pycocotools", "roifile", "zarr")
_CODEC = re.compile(r"requires the '(\w+)' package")  # tifffile's words


class UnreadableError(ValueError):
    """A file cannot be read; the text is a whole sentence, with its name and what to do."""


class MissingPackageError(UnreadableError):
    """A format needs a package that is not installed."""


class UnfitError(ValueError):
    """What this package itself objects to in a file: a clause, which `opening` completes."""


@contextmanager
def opening(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong while ``path`` is read into one sentence.

    Inside, the libraries that read are called, and this package raises `UnfitError` where it
    objects. The text of any other error is not shown, as it is not meant for users; it stays the
    cause.

    Parameters
    ----------
    path : Path
        File or folder.
    what : str
        What it should have been, such as ``an archive of ImageJ ROIs``.

    Raises
    ------
    UnreadableError
    """
    try:
        if not path.exists():
            raise UnreadableError(f"there is no file at {path}; {_look_alike(path)}")
        yield
    except UnreadableError:
        raise
    # Readers raise whatever their authors and the codecs below them do.
    except Exception as error:
        package = _missing_package(error)
        if package:
            raise MissingPackageError(missing_sentence(str(path), package)) from error
        advice = "correct it" if isinstance(error, UnfitError) else "get the file again"
        raise UnreadableError(
            f"{path} cannot be read as {what} ({reason_of(error)}); {advice} or give another one"
        ) from error


def reason_of(error: BaseException) -> str:
    """Return why reading failed as a clause in plain words, whatever library failed."""
    if isinstance(error, UnfitError):
        return str(error)
    if package := _missing_package(error):
        return f"{package} is not installed"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON from line {error.lineno} on"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return next((clause for kind, clause in _CLAUSES if isinstance(error, kind)), _DAMAGED)


def check_size(shape: tuple[int, ...], dtype: Any) -> None:
    """Check that an array fits into the memory, before it is read or made.

    Raises
    ------
    UnfitError
        Where it would fill more than `MEMORY_SHARE` of the memory, or ``shape`` is none.
    """
    if any(size < 0 for size in shape):
        raise UnfitError(f"it claims the size {sizes(shape)}")
    wanted = math.prod(map(int, shape)) * np.dtype(dtype).itemsize
    limit = int(psutil.virtual_memory().total * MEMORY_SHARE)
    if wanted > limit:
        raise UnfitError(
            f"it claims {sizes(shape)} values, which are {_gibibytes(wanted)}; at most "
            f"{_gibibytes(limit)}, {MEMORY_SHARE:.0%} of this computer's memory, are read at once"
        )


def sizes(shape: tuple[int, ...]) -> str:
    """Return a shape in words, such as ``3 x 512 x 512``."""
    return " x ".join(map(str, shape)) or "a single number"


def _gibibytes(count: int) -> str:
    return f"{count // 2**30:,} GiB" if count >= 10 * 2**30 else f"{count / 2**30:.1f} GiB"


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
        package = error.name or package  # of a module, the package that it is in
        raise MissingPackageError(missing_sentence(what, package, several=True)) from error


def missing_sentence(what: str, package: str, *, several: bool = False) -> str:
    """Return the sentence about a package that is not installed; ``several``: ``what`` is."""
    install = "'napari-iafpn[formats]'" if package in _OF_THE_EXTRA else package
    return (
        f"{what} need{'' if several else 's'} {package}, which is not installed; "
        f"run: pip install {install}"
    )


def _missing_package(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return error.name or ""
    found = _CODEC.search(str(error))
    return found[1] if found else ""


def same_name(name: str) -> str:
    """Return what is equal for names that look the same, or differ in capital letters only.

    An accent may be one character with its letter or follow it, depending on who wrote the name.
    """
    return unicodedata.normalize("NFC", name.casefold())


def _look_alike(path: Path) -> str:
    """Say what to do about an absent file; name the one beside that looks the same."""
    beside = path.parent.iterdir() if path.parent.is_dir() else iter(())
    for other in sorted(beside):
        if same_name(other.name) == same_name(path.name):
            differs = (
                "how its accents are written"
                if other.name.casefold() != path.name.casefold()
                else "capital letters"
            )
            return f"{other.name} is there, which differs in {differs}; rename one of them"
    return "check the path"
