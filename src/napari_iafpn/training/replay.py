"""The small bundled set of the original kinds, which guards a retraining against forgetting."""

from __future__ import annotations

from pathlib import Path

from napari_iafpn.evaluation.readers import FolderSet

FOLDER = Path(__file__).parent / "replay_set"
WHAT = "bundled replay set: nuclei, particles, axons, pets"
LICENCE = "CC0, MIT, CC BY-SA 4.0"


def replay_training() -> FolderSet:
    """Return the images that are mixed into a retraining."""
    return FolderSet.open(FOLDER / "training", "replay")


def replay_held_out() -> FolderSet:
    """Return the images on which forgetting is watched."""
    return FolderSet.open(FOLDER / "held_out", "replay")
