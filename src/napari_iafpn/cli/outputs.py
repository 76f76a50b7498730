"""Where results go: checked before the work, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def check_output(path: Path, suffixes: Iterable[str], *, overwrite: bool, source: Path) -> None:
    """Raise ValueError unless a result can be written to ``path``.

    ``source`` is the image itself, which is never replaced.
    """
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"cannot write {path}; its name must end in {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent} of {path.name} does not exist; create it first")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file")
    if path.exists() and source.exists() and path.samefile(source):
        raise ValueError(f"{path} is the image itself; give the result another name")
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already; give another name or add --overwrite")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"the folder {path.parent} cannot be written to; choose another one")


def write_output(path: Path, payload: bytes) -> None:
    """Write a result atomically; a failure is a ValueError and leaves an older file as it was."""
    from napari_iafpn.networks import write_atomically

    try:
        write_atomically(path, payload)
    except OSError as error:
        raise ValueError(f"cannot write {path} ({error.strerror}); nothing was saved") from error
