"""Where the files of a benchmark lie, said in a sentence where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def need_folders(folder: Path, *parts: str) -> None:
    """Check that ``folder`` holds the folders ``parts``.

    Raises
    ------
    ValueError
        That says which are missing and what is there.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; check the path")
    missing = [part for part in parts if not (folder / part).is_dir()]
    if missing:
        wanted = " and ".join(f"{part}/" for part in parts)
        raise ValueError(
            f"{folder} has no {missing[0]}/; expected {wanted} in it, and found {_content(folder)}"
        )


def find_root(folder: Path, parts: Sequence[str], below: Sequence[str]) -> Path:
    """Return ``folder``, or the first of its folders ``below``, that holds all ``parts``.

    Archives unpack into folders of their own; either may be given.
    """
    roots = [folder, *(folder / inner for inner in below)]
    for root in roots:
        if all((root / part).exists() for part in parts):
            return root
    looked = ", ".join(str(root) for root in roots)
    raise ValueError(
        f"expected {', '.join(parts)} in one folder, and found them neither together nor at all "
        f"in {looked}; give the folder that holds them"
        if len(roots) > 1
        else f"expected {', '.join(parts)} in {folder}, and found {_content(folder)}"
    )


def read_list(path: Path) -> list[str]:
    """Read the names in a text file, one a line; empty lines and lines with ``#`` are left out.

    Raises
    ------
    ValueError
        Where there is no such file or no name in it.
    """
    if not path.is_file():
        raise ValueError(f"there is no list {path}; it names the images, one a line")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise ValueError(f"the list {path} is empty; it names the images, one a line")
    return names


def _content(folder: Path) -> str:
    """Say in a few words what a folder holds."""
    if not folder.is_dir():
        return "no such folder"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) or "nothing") + more
