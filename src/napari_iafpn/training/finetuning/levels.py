"""The training of the levels: their recipe, and the stretches between which clicks are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from napari_iafpn.inference import Predictor
from napari_iafpn.networks import CascadeConfig, load_cascade, save_cascade
from napari_iafpn.training.finetuning.control import LevelPlan, TimeBudget
from napari_iafpn.training.finetuning.events import Saved
from napari_iafpn.training.finetuning.report import finetuned_card
from napari_iafpn.training.finetuning.request import FinetuneRequest
from napari_iafpn.training.finetuning.state import BEST, FinetuneState, Record
from napari_iafpn.training.forgetting import OLD_SHARE, interpolated
from napari_iafpn.training.loop import run_stage
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.run import Run
from napari_iafpn.training.settings import SetConfig, StageConfig, ViewConfig
from napari_iafpn.training.state import disk_sentences, holds_run, load_state, restore

REHEARSAL_SHARE = 0.3
"""Share of the samples that come from the bundled set."""
WARMUP = 10
"""Steps of rising learning rate, in which the speed is measured too."""
PROVISIONAL = 1000
"""Steps of a level until its speed is known."""
INPUT = 352
"""Largest side of the levels' input; the model's own where that is smaller."""
SHARPEST = 1024
"""Largest side of the views that the fine level's crops are read from: decoding takes time."""
SHARES = (0.5, 1.0)
"""Shares of a level's steps after which clicks are counted."""
WORDS = {
    "coarse": "Training the coarse level, which finds the object.",
    "fine": "Training the fine level, which draws its outline.",
}

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
    yours = SetConfig("yours", 1.0 - REHEARSAL_SHARE if request.replay else 1.0)
    replay = (SetConfig("replay", REHEARSAL_SHARE),) if request.replay else ()
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


def train_levels(tuning: FinetuneState, run: Run, levels: tuple[str, ...], end: float) -> None:
    """Train what is left of ``levels`` until ``end``, on the clock's scale.

    Raises
    ------
    Stopped
        When the command is to stop; everything is saved.
    ValueError
        Where the loss is no longer finite, or the disk is full.
    """
    state = _state(run)
    if state is not None:
        restore(run.cascade, state)
    for level in levels:
        if level in tuning.record.finished:
            continue
        ahead = [other for other in levels if other not in tuning.record.finished]
        used = tuning.control.clock.used
        ends = {level: used + (end - used) / len(ahead), **tuning.record.ends}
        tuning.record = replace(tuning.record, ends=ends)
        own = state if state is not None and state["stage"] == level else None
        _train_level(tuning, run, level, own)
        finished = (*tuning.record.finished, level)
        tuning.record = replace(tuning.record, finished=finished)
        tuning.save()


def _train_level(tuning: FinetuneState, run: Run, level: str, state: dict[str, Any] | None) -> None:
    """Train one level in stretches, between which clicks are counted or the plan is changed."""
    plan = LevelPlan(tuning.record.ends[level], tuning.measurement, SHARES)
    step = 0 if state is None else int(state["step"])
    tuning.control.begin(level, WORDS[level])
    while True:
        measured = sum(moment.level == level for moment in tuning.record.moments)
        watch = TimeBudget(
            tuning.control,
            plan,
            measured,
            tuning.record.pace.get(level, 0.0),
            lambda: _remember(tuning),
            run.save_every,
        )
        config = _config(run.recipe.stages[level], plan, step, watch, tuning.control.clock.used)
        ended = run_stage(run, level, config, resumed=state, control=watch)
        state = _state(run)
        assert state is not None
        step = int(state["step"])
        tuning.record = _with_level(tuning.record, level, step, watch.pace)
        _remember(tuning)
        tuning.control.ask()
        over = ended or watch.reason == "time"
        if over or watch.reason == "measure":
            _count(tuning, run, level, step)
        if over:
            return
        tuning.control.begin(level, WORDS[level])


def _config(
    config: StageConfig, plan: LevelPlan, step: int, watch: TimeBudget, used: float
) -> StageConfig:
    """Return the configuration with as many steps as fit the time, once the pace is known."""
    steps = step + PROVISIONAL
    if watch.pace:
        steps = plan.steps(step, watch.pace, used, watch.measured)
    return replace(config, steps=max(steps, config.warmup_steps + 1))


def _count(tuning: FinetuneState, run: Run, level: str, step: int) -> None:
    """Count clicks, and keep the model where it is the best so far.

    With the bundled set in the training, which guards against forgetting, the old weights are
    mixed in for the same reason.
    """
    model = run.cascade
    if tuning.request.replay:
        model = interpolated(load_cascade(tuning.base), model, OLD_SHARE)
    if tuning.count_during(Predictor(model, str(run.fabric.device)), level, step):
        path = tuning.request.folder / BEST
        with disk_sentences(path.parent):
            save_cascade(model, path, finetuned_card(tuning), dtype=torch.float16)
    _remember(tuning)


def _remember(tuning: FinetuneState) -> None:
    tuning.save()
    best = tuning.request.folder / BEST if tuning.record.best else ""
    tuning.control.tell(Saved(str(tuning.request.folder), str(best)))


def _with_level(record: Record, level: str, step: int, pace: float) -> Record:
    steps = {**record.steps, level: step}
    return replace(record, steps=steps, pace={**record.pace, level: pace})


def _state(run: Run) -> dict[str, Any] | None:
    return load_state(run.output, run.recipe.run_digest) if holds_run(run.output) else None
