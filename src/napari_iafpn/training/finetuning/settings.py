"""The recipe of a fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from napari_iafpn.networks import CascadeConfig
from napari_iafpn.training.finetuning.request import FinetuneRequest
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.settings import SetConfig, StageConfig, ViewConfig

REPLAY_SHARE = 0.3
"""Share of the samples that come from the bundled set."""
WARMUP = 10
"""Steps of rising learning rate, in which the speed is measured too."""
PROVISIONAL = 1000
"""Steps of a level until its speed is known."""
INPUT = 352
"""Largest side of the levels' input; the model's own where that is smaller."""
SHARPEST = 1024
"""Largest side of the views that the fine level's crops are read from: decoding takes time."""

STAGE = StageConfig(
    steps=PROVISIONAL,
    batch=8,
    learning_rate=4e-4,
    backbone_factor=0.3,
    warmup_steps=WARMUP,
    freeze_norm=True,  # statistics of a few images and small batches make the old kinds harder
)


def finetuning_recipe(
    request: FinetuneRequest, model: CascadeConfig, shapes: Sequence[tuple[int, int]]
) -> Recipe:
    """Return the recipe; the numbers of steps are provisional.

    ``shapes`` are those of the images: the fine level sees crops as sharp as theirs.
    """
    yours = SetConfig("yours", 1.0 - REPLAY_SHARE if request.replay else 1.0)
    replay = (SetConfig("replay", REPLAY_SHARE),) if request.replay else ()
    fine = (
        None
        if model.fine is None
        else replace(_stage(model.fine_size), source_size=_sharpness(shapes, model))
    )
    return Recipe(
        name="finetune",
        sets=(yours, *replay),
        coarse=_stage(model.coarse_size),
        fine=fine,
        model=model,
        pretrained="none",
        seed=request.seed,
        view=ViewConfig(source_size=_view(model), whole=0.5),
    )


def _sharpness(shapes: Sequence[tuple[int, int]], model: CascadeConfig) -> int:
    """Return the side of the views that the fine level's crops are read from."""
    usual = median(max(shape) for shape in shapes)
    return int(min(max(usual, _view(model)), 4 * model.fine_size, SHARPEST))


def _view(model: CascadeConfig) -> int:
    return min(384, 2 * model.fine_size)


def _stage(size: int) -> StageConfig:
    side = min(INPUT, size)
    return replace(STAGE, size=side, warmup_size=side)


def levels_of(request: FinetuneRequest, model: CascadeConfig) -> tuple[str, ...]:
    """Return the levels that are trained, in their order.

    Raises
    ------
    ValueError
        Where the model lacks the level.
    """
    if request.level == "fine" and model.fine is None:
        raise ValueError(f"the model {request.model} has no fine level; use --level coarse")
    if request.level != "both":
        return (request.level,)
    return ("coarse",) if model.fine is None else ("coarse", "fine")
