"""The training loop: two stages, one visible loop, resumable."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader

from napari_iafpn.networks import ModelCard, build_cascade, save_cascade, write_atomically
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.level import Level
from napari_iafpn.training.dataset import Batch, ClickDataset, Stream
from napari_iafpn.training.recipe import STAGES, Recipe, StageConfig
from napari_iafpn.training.stages import STEP_LOSSES, Round

STATE = "state.pt"
LOG = "log.csv"
FIRST_INDEX = {"coarse": 0, "fine": 1 << 40}
"""Where a stage's stream of samples begins."""


@dataclass(frozen=True)
class Progress:
    """What is told after every step."""

    stage: str
    step: int
    """Finished steps of the stage."""
    steps: int
    loss: float
    seconds_left: float
    """Of the stage, at the speed so far."""


@dataclass(frozen=True)
class Run:
    """What stays the same during a run."""

    fabric: Fabric
    cascade: Cascade
    dataset: ClickDataset
    output: Path
    workers: int
    save_every: int
    report: Callable[[Progress], None] | None

    @property
    def recipe(self) -> Recipe:
        """Every choice of the run."""
        return self.dataset.recipe


def train(
    recipe: Recipe,
    data: Path,
    output: Path,
    *,
    workers: int = 1,
    save_every: int = 50,
    report: Callable[[Progress], None] | None = None,
) -> Path:
    """Train the coarse, then the fine level, and return the exported model's path.

    A run that stopped goes on from its last checkpoint in ``output``, to the same curve bit for
    bit on one CPU: every random choice is a function of seed, stage and step.

    Raises
    ------
    ValueError
        Where ``output`` holds a run of another recipe, or the loss is no longer finite.
    """
    output.mkdir(parents=True, exist_ok=True)
    state = _resume(output, recipe)
    fabric = Fabric(accelerator="auto", devices=1, precision=_precision(recipe))
    torch.manual_seed(recipe.seed)
    cascade = build_cascade(recipe.model, recipe.pretrained)
    if state:
        cascade.load_state_dict(state["cascade"])
    cascade.to(memory_format=torch.channels_last).to(fabric.device)
    run = Run(fabric, cascade, ClickDataset(recipe, data), output, workers, save_every, report)
    first = STAGES.index(state["stage"]) if state else 0
    for stage in STAGES[first:]:
        resumed = state if state and state["stage"] == stage else None
        if stage == "fine" and resumed is None:
            _start_fine(cascade)
        _run_stage(run, stage, resumed)
        export(cascade, recipe, output / f"{recipe.name}-{stage}.safetensors")
    return output / f"{recipe.name}-{STAGES[-1]}.safetensors"


def _run_stage(run: Run, stage: str, resumed: dict[str, Any] | None) -> None:
    """Train one level from its first step, or from the ``resumed`` state."""
    config: StageConfig = getattr(run.recipe, stage)
    level: Level = getattr(run.cascade, stage)
    optimizer = make_optimizer(level, config)
    first = 0
    if resumed:
        optimizer.load_state_dict(resumed["optimizer"])
        first = int(resumed["step"])
    run.cascade.eval()
    level.train()
    base = FIRST_INDEX[stage]
    stream = Stream(base + first * config.batch, base + config.steps * config.batch)
    loader = DataLoader(
        run.dataset,
        config.batch,
        sampler=stream,
        num_workers=run.workers,
        collate_fn=Batch.collate,
    )
    started = time.monotonic()
    for step, batch in enumerate(loader, start=first):
        loss = _step(run, stage, optimizer, batch, step)
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss of the {stage} stage is {loss} at step {step}; the last good state is "
                f"kept in {run.output}: lower the learning rate and resume"
            )
        done = step + 1
        left = (time.monotonic() - started) / (done - first) * (config.steps - done)
        progress = Progress(stage, done, config.steps, loss, left)
        _log(run.output, progress)
        if run.report is not None:
            run.report(progress)
        if done % run.save_every == 0 or done == config.steps:
            _save(run, optimizer, stage, done)


def _step(run: Run, stage: str, optimizer: torch.optim.Optimizer, batch: Batch, step: int) -> float:
    """Take one optimisation step and return the loss."""
    recipe = run.recipe
    config: StageConfig = getattr(recipe, stage)
    level: Level = getattr(run.cascade, stage)
    torch.manual_seed(hash((recipe.seed, STAGES.index(stage), step)) & 0x7FFFFFFF)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * schedule(step, config)
    batch = run.fabric.to_device(batch)
    size = config.warmup_size if step < config.warmup_share * config.steps else config.size
    rounds = Round(recipe.seed, step, recipe.clicks.rounds, size)
    with run.fabric.autocast():
        loss = STEP_LOSSES[stage](run.cascade, batch, rounds)
    optimizer.zero_grad(set_to_none=True)
    run.fabric.backward(loss)
    nn.utils.clip_grad_norm_(level.parameters(), config.clip)
    optimizer.step()
    return float(loss.detach())


def make_optimizer(level: Level, config: StageConfig) -> torch.optim.AdamW:
    """AdamW; the backbone learns slower, norms and biases do not decay."""
    backbone = {id(p) for p in level.features.backbone.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in level.parameters():
        key = (id(parameter) in backbone, parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay}
            for (in_backbone, decays), parameters in groups.items()
            for rate in [config.learning_rate * (config.backbone_factor if in_backbone else 1.0)]
            for decay in [config.weight_decay if decays else 0.0]
        ]
    )


def schedule(step: int, config: StageConfig) -> float:
    """Return the learning rate's factor: linear warm-up, then half a cosine to zero."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * share))


def export(cascade: Cascade, recipe: Recipe, path: Path) -> None:
    """Write the model in half precision with its card."""
    save_cascade(cascade, path, card_of(recipe), dtype=torch.float16)


def card_of(recipe: Recipe) -> ModelCard:
    """Return the card of a model that was trained by ``recipe``, without scores."""
    return ModelCard(
        name=recipe.name,
        description=recipe.description,
        licence=recipe.licence,
        training_data=tuple(
            {"name": s.name, "licence": s.licence, "source": s.source} for s in recipe.sets
        ),
        recipe=f"{recipe.name}.toml",
        recipe_hash=recipe.digest,
    )


def _start_fine(cascade: Cascade) -> None:
    """Initialise the fine level from the coarse one where they have the same architecture."""
    if cascade.fine is not None and cascade.config.fine == cascade.config.coarse:
        cascade.fine.load_state_dict(cascade.coarse.state_dict())


def _precision(recipe: Recipe) -> Any:
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16-mixed" if torch.cuda.is_available() or _cpu_has_bf16() else "32-true"


def _cpu_has_bf16() -> bool:
    """Tell whether the CPU computes bf16 in hardware; emulation is many times slower."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _resume(output: Path, recipe: Recipe) -> dict[str, Any] | None:
    path = output / STATE
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if state["recipe"] != recipe.digest:
        raise ValueError(
            f"{output} holds a run of another recipe; choose a new output folder or the old recipe"
        )
    return state


def _save(run: Run, optimizer: torch.optim.Optimizer, stage: str, step: int) -> None:
    payload = io.BytesIO()
    torch.save(
        {
            "cascade": run.cascade.state_dict(),
            "optimizer": optimizer.state_dict(),
            "stage": stage,
            "step": step,
            "recipe": run.recipe.digest,
        },
        payload,
    )
    write_atomically(run.output / STATE, payload.getvalue())


def _log(output: Path, progress: Progress) -> None:
    path = output / LOG
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["stage", "step", "loss", "seconds_left", "time"])
        writer.writerow(
            [
                progress.stage,
                progress.step,
                f"{progress.loss:.6f}",
                f"{progress.seconds_left:.0f}",
                f"{time.time():.1f}",
            ]
        )
