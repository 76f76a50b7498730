"""Where results go: checked before the work, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def check_output(
    path: Path, suffixes: Iterable[str], *, overwrite: bool, sources: Iterable[Path]
) -> None:
    """Raise ValueError unless a file can be written to ``path``.

    ``sources`` are what the command reads; none is replaced, whatever ``overwrite`` says.
    """
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"cannot write {path}; its name must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file")
    _check_place(path, overwrite=overwrite, sources=sources)


def check_labels(
    place: Path, format_name: str, *, overwrite: bool, sources: Iterable[Path]
) -> None:
    """Raise ValueError unless labels in a format can be written to ``place``, file or folder.

    ``sources`` are as in `check_output`; nor is a folder that holds one replaced.
    """
    from napari_iafpn.exchange import check_replaceable

    check_replaceable(place, format_name)
    _check_place(place, overwrite=overwrite, sources=sources)


def check_results(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Raise ValueError where a folder of results holds one of ``names`` already."""
    for name in names:
        if (folder / name).exists() and not overwrite:
            raise ValueError(
                f"{folder} holds {name} already; give another folder or add --overwrite"
            )


def _check_place(place: Path, *, overwrite: bool, sources: Iterable[Path]) -> None:
    if not place.parent.is_dir():
        raise ValueError(
            f"the folder {place.parent} of {place.name} does not exist; create it first"
        )
    if any(_holds(place, source) for source in sources):
        raise ValueError(f"{place} is read from; give the result another name")
    if place.exists() and not overwrite:
        raise ValueError(f"{place} exists already; give another name or add --overwrite")
    if not os.access(place.parent, os.W_OK):
        raise ValueError(f"the folder {place.parent} cannot be written to; choose another one")


def _holds(place: Path, source: Path) -> bool:
    """Tell whether a source lies at a place or inside it."""
    if not (place.exists() and source.exists()):
        return False
    return any(place.samefile(each) for each in (source, *source.resolve().parents))


def write_output(path: Path, payload: bytes) -> None:
    """Write a result atomically; a failure is a ValueError and leaves an older file as it was."""
    from napari_iafpn.networks import write_atomically

    try:
        write_atomically(path, payload)
    except OSError as error:
        raise ValueError(f"cannot write {path} ({error.strerror}); nothing was saved") from error
