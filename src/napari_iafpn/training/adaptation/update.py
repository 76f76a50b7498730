"""A small update of a model: some minutes of training on objects that were just committed.

Clicks enter a level at its first block, so that no features can be kept from one step to the next.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from lightning.fabric import Fabric
from torch import nn

from napari_iafpn.evaluation.readers import AnnotatedSet
from napari_iafpn.inference.device import choose_device, kind_of
from napari_iafpn.networks import Cascade, CascadeConfig
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.forgetting import interpolated, rehearsal_training
from napari_iafpn.training.loop import run_stage
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.run import Run, RunProgress
from napari_iafpn.training.settings import ClickConfig, SetConfig, StageConfig, ViewConfig
from napari_iafpn.training.train import choose_precision

STEPS = 40
BATCH = 2
ROUNDS = 9
"""Clicks on a sample, at most: with three, first masks gain and later clicks do not."""
REHEARSAL_SHARE = 0.25
"""Share of the samples that come from the bundled set, against forgetting."""
OLD_SHARE = 0.5
"""Share of the start in each weight of the result, for the same reason."""
INPUT = 320
"""Largest side of a level's input; the model's own where that is smaller."""
SHARPEST = 448
"""Side of the views that the fine level's crops are read from."""


def adapt(
    start: Cascade,
    objects: AnnotatedSet,
    *,
    steps: int = STEPS,
    seed: int = 0,
    device: str = "cpu",
    further: Cascade | None = None,
    control: Callable[[RunProgress], bool] = lambda _: True,
) -> Cascade:
    """Return a copy of a model that has learned from some objects; ``start`` stays as it is.

    Parameters
    ----------
    start : Cascade
    objects : AnnotatedSet
        Committed objects, each with its surroundings; see ``object_sample``.
    steps : int
    seed : int
    device : str
    further : Cascade, optional
        What such an adaptation of ``start`` returned before; the learning goes on from there.
    control : callable
        Told after every step; False ends the training there.

    Raises
    ------
    ValueError
        Where the loss is no longer finite.
    """
    where = choose_device(device)
    fabric = Fabric(
        accelerator=kind_of(where), devices=1, precision=choose_precision("auto", kind_of(where))
    )
    # What was returned before is a mean with the start, from which the rest follows.
    whole = -OLD_SHARE / (1.0 - OLD_SHARE)
    cascade = copy.deepcopy(start) if further is None else interpolated(start, further, whole)
    cascade.requires_grad_(False)
    for parameter in _learning(cascade):
        parameter.requires_grad_(True)
    cascade.to(memory_format=torch.channels_last).to(fabric.device)
    recipe = _recipe(cascade.config, steps, seed)
    stage = "coarse" if cascade.fine is None else "cascade"
    with TemporaryDirectory(prefix="napari-iafpn-") as folder:
        data = ClickDataset(recipe, [objects, rehearsal_training()])
        run = Run(fabric, cascade, data, Path(folder), save_every=steps + 1)
        run_stage(run, stage, recipe.stages[stage], control=control)
    return interpolated(start, cascade, OLD_SHARE).requires_grad_(True).to("cpu")


def _learning(cascade: Cascade) -> Iterator[nn.Parameter]:
    """Yield what learns: the scales and shifts of the levels' norms.

    They are one weight in a hundred, so that few objects teach them what is common to all rather
    than each object's own look, and other kinds are forgotten less.
    """
    for level in (cascade.coarse, cascade.fine):
        for module in () if level is None else level.modules():
            if isinstance(module, nn.BatchNorm2d):
                yield from (module.weight, module.bias)


def _recipe(model: CascadeConfig, steps: int, seed: int) -> Recipe:
    def stage(size: int, steps: int = 0) -> StageConfig:
        side = min(INPUT, size)
        return StageConfig(
            steps,
            BATCH,
            side,
            side,
            learning_rate=5e-3,
            backbone_factor=1.0,
            warmup_steps=min(5, max(steps - 1, 0)),
            clip=10.0,
            rounds=ROUNDS,
            freeze_norm=True,
            source_size=SHARPEST,
        )

    is_pair = model.fine is not None
    return Recipe(
        name="adapt",
        sets=(SetConfig("yours", 1.0 - REHEARSAL_SHARE), SetConfig("replay", REHEARSAL_SHARE)),
        coarse=stage(model.coarse_size, 0 if is_pair else steps),
        fine=stage(model.fine_size) if is_pair else None,
        cascade=stage(model.fine_size, steps) if is_pair else None,
        model=model,
        pretrained="none",
        seed=seed,
        # The user has zoomed in on the object, and means it alone.
        view=ViewConfig(scale=(4.0, 12.0), whole=0.05, merge=0.0, background=0.0),
        clicks=ClickConfig(decay=0.65, existing=0.1),
    )
