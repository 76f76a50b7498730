"""The state of a run on disk: written whole or not at all, read without unpickling objects."""

from __future__ import annotations

import errno
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from napari_iafpn.networks import write_atomically
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.torch_files import read_torch_file
from napari_iafpn.sessions.locking import InUseError, WriterLock, lock_file
from napari_iafpn.training.recipe import STAGES

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
    """Read the state of a run of the recipe whose ``run_digest`` is given.

    Raises
    ------
    ValueError
        Where the file is damaged or of another recipe.
    """
    path = output / STATE
    try:
        state: Any = read_torch_file(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged or no state of a run; start again in another folder"
        ) from error
    if not _is_state(state):
        raise ValueError(f"{path} is no state of a run; start again in another folder")
    if state["recipe"] != digest:
        raise ValueError(
            f"{output} holds a run of another recipe; choose a new output folder, or the old "
            "recipe with no other change than to learning rates, weight_decay and clip"
        )
    found: dict[str, Any] = state
    return found


def restore(cascade: Cascade, state: dict[str, Any]) -> None:
    """Give the networks the weights of a state; ValueError where they are others."""
    try:
        cascade.load_state_dict(state["cascade"])
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(
            "the networks in the state of this run are not those of its recipe; start again in "
            "another folder"
        ) from error


def _is_state(state: Any) -> bool:
    return (
        isinstance(state, dict)
        and set(state) >= KEYS
        and state["stage"] in STAGES
        and type(state["step"]) is int
        and state["step"] >= 0
    )


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep everybody else from training in a folder, which is there only if it gets a file.

    Raises
    ------
    ValueError
        Where another program does.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / "run"
    lock = WriterLock(run)
    try:
        lock.take()
    except InUseError as error:
        raise ValueError(
            f"another program is training in {folder}; wait until it is over, or choose another "
            "folder"
        ) from error
    try:
        yield
    finally:
        lock.free()
        if is_new and folder.is_dir() and set(folder.iterdir()) <= {lock_file(run)}:
            shutil.rmtree(folder, ignore_errors=True)


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
