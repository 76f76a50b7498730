"""The model files of an evaluation and what they are called in its report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelFile:
    """A model file, its name in the report, and the SHA-256 of its content."""

    name: str
    path: Path
    sha256: str


def find_models(models: Sequence[str]) -> tuple[ModelFile, ...]:
    """Find the files of installed names or paths and check their headers.

    A file is called by its stem, with as many of its folders as tell it from the others.

    Raises
    ------
    ValueError
        Where a model is not there, given twice, or no model of this package.
    """
    from napari_iafpn.networks import find_model
    from napari_iafpn.networks.checkpoint import read_config

    paths = [find_model(model).resolve() for model in models]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(f"the model {twice} is given twice; give each model once")
    for path in paths:
        read_config(path)
    return tuple(
        ModelFile(name, path, file_sha256(path))
        for name, path in zip(_names(paths), paths, strict=True)
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that differ, without suffix."""
    depth = 1
    while True:
        names = ["/".join(path.with_suffix("").parts[-depth:]) for path in paths]
        if len(set(names)) == len(names) or depth >= max(len(path.parts) for path in paths):
            return names if len(set(names)) == len(names) else [str(path) for path in paths]
        depth += 1
