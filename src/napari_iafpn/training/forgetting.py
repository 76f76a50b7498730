"""What guards a retraining against forgetting: old samples mixed in, and the old weights.

Weights that were trained on few images forget other kinds of objects; a mean of both sets of
weights forgets much less and gains nearly as much (Wortsman et al., "Robust fine-tuning of
zero-shot models", CVPR 2022). Measured in ``docs/train_on_your_data.md``.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from napari_iafpn.evaluation.readers import FolderSet
from napari_iafpn.networks.cascade import Cascade

FOLDER = Path(__file__).parent / "replay_set"
WHAT = "bundled replay set: nuclei, cells, particles, axons, alloys, pets, plants and things"
LICENCE = "CC0, MIT, CC BY 4.0, CC BY-SA 4.0"
OLD_SHARE = 0.4
"""Share of the old weights in a retrained model, which is counted and written so."""


@torch.no_grad()
def interpolated(old: Cascade, new: Cascade, share: float) -> Cascade:
    """Return a cascade like ``new`` whose weights and statistics are ``share`` of the old ones.

    A refiner that the old one lacks stays as it is.
    """
    mean = copy.deepcopy(new)
    before = old.state_dict()
    for name, value in mean.state_dict().items():
        if value.is_floating_point() and name in before:
            value.lerp_(before[name].to(value), share)
    return mean


def rehearsal_training() -> FolderSet:
    """Return the images that are mixed into a retraining."""
    return FolderSet.open(FOLDER / "training", "replay")


def rehearsal_held_out() -> FolderSet:
    """Return the images on which forgetting is watched."""
    return FolderSet.open(FOLDER / "held_out", "replay")
