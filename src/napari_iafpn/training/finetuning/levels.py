"""Training the levels inside the time, with clicks counted in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from napari_iafpn.inference import Predictor
from napari_iafpn.networks import load_cascade, save_cascade
from napari_iafpn.training.finetuning.card import finetuned_card
from napari_iafpn.training.finetuning.events import Saved
from napari_iafpn.training.finetuning.record import BEST, Record
from napari_iafpn.training.finetuning.settings import PROVISIONAL
from napari_iafpn.training.finetuning.state import FinetuneState
from napari_iafpn.training.finetuning.time_budget import LevelPlan, TimeBudget
from napari_iafpn.training.loop import run_stage
from napari_iafpn.training.mixing import OLD_SHARE, mixed
from napari_iafpn.training.run import Run
from napari_iafpn.training.settings import StageConfig
from napari_iafpn.training.state import disk_sentences, holds_run, load_state, restore

SHARES = (0.5, 1.0)
"""Shares of a level's steps after which clicks are counted."""
WORDS = {
    "coarse": "Training the coarse level, which finds the object.",
    "fine": "Training the fine level, which draws its outline.",
}


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
        used = tuning.desk.clock.used
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
    tuning.desk.begin(level, WORDS[level])
    while True:
        measured = sum(moment.level == level for moment in tuning.record.moments)
        watch = TimeBudget(
            tuning.desk,
            plan,
            measured,
            tuning.record.pace.get(level, 0.0),
            lambda: _remember(tuning),
            run.save_every,
        )
        config = _config(run.recipe.stages[level], plan, step, watch, tuning.desk.clock.used)
        ended = run_stage(run, level, config, resumed=state, control=watch)
        state = _state(run)
        assert state is not None
        step = int(state["step"])
        tuning.record = _with_level(tuning.record, level, step, watch.pace)
        _remember(tuning)
        tuning.desk.ask()
        over = ended or watch.reason == "time"
        if over or watch.reason == "measure":
            _count(tuning, run, level, step)
        if over:
            return
        tuning.desk.begin(level, WORDS[level])


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
        model = mixed(load_cascade(tuning.base), model, OLD_SHARE)
    if tuning.count_during(Predictor(model, str(run.fabric.device)), level, step):
        path = tuning.request.folder / BEST
        with disk_sentences(path.parent):
            save_cascade(model, path, finetuned_card(tuning), dtype=torch.float16)
    _remember(tuning)


def _remember(tuning: FinetuneState) -> None:
    tuning.save()
    best = tuning.request.folder / BEST if tuning.record.best else ""
    tuning.desk.tell(Saved(str(tuning.request.folder), str(best)))


def _with_level(record: Record, level: str, step: int, pace: float) -> Record:
    steps = {**record.steps, level: step}
    return replace(record, steps=steps, pace={**record.pace, level: pace})


def _state(run: Run) -> dict[str, Any] | None:
    return load_state(run.output, run.recipe.digest) if holds_run(run.output) else None
