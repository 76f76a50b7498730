"""The state of a run on disk: written whole or not at all, read without unpickling objects."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from napari_iafpn.networks import write_atomically

STATE = "state.pt"
KEYS = {"cascade", "optimizer", "stage", "step", "recipe", "best", "average"}


def holds_run(output: Path) -> bool:
    """Tell whether a folder holds the state of a run."""
    return (output / STATE).is_file()


def save_state(output: Path, values: dict[str, Any]) -> None:
    """Replace the state of the run in ``output``."""
    payload = io.BytesIO()
    torch.save(values, payload)
    with disk_sentences(output):
        write_atomically(output / STATE, payload.getvalue())


def load_state(output: Path, digest: str) -> dict[str, Any]:
    """Read the state of a run of the recipe ``digest``.

    Raises
    ------
    ValueError
        Where the file is damaged or of another recipe.
    """
    path = output / STATE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged or no state of a run; start again in another folder"
        ) from error
    if not isinstance(state, dict) or not set(state) >= KEYS:
        raise ValueError(f"{path} is no state of a run; start again in another folder")
    if state["recipe"] != digest:
        raise ValueError(
            f"{output} holds a run of another recipe; choose a new output folder or the old recipe"
        )
    return state


@contextmanager
def disk_sentences(output: Path) -> Iterator[None]:
    """Say what to do where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise ValueError(
            f"the disk of {output} is full; the last good state is kept: free some space and resume"
        ) from error
