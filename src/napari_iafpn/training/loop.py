"""The training loop: one visible loop for all stages, resumable, in one process or several."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler

from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.depthwise import Float32DepthwiseGradients
from napari_iafpn.training.optimisation import schedule
from napari_iafpn.training.recipe import STAGES
from napari_iafpn.training.run import Run, RunProgress
from napari_iafpn.training.settings import StageConfig
from napari_iafpn.training.stage import Stage, parts_of
from napari_iafpn.training.step_losses import ClickSchedule, step_losses


class BatchStream(Sampler[list[int]]):
    """The indices of one process's part of each batch, from step ``first`` of a stage to its end.

    Resuming a run is starting later. The stage's samples begin at ``base``.
    """

    def __init__(
        self, base: int, first: int, config: StageConfig, rank: int = 0, processes: int = 1
    ) -> None:
        self.base, self.batch = base, config.batch
        self.turns = range(first * config.accumulate, config.steps * config.accumulate)
        self.part = share_of(config.batch, processes)
        self.offset = rank * self.part

    def __iter__(self) -> Iterator[list[int]]:
        for turn in self.turns:
            start = self.base + turn * self.batch + self.offset
            yield list(range(start, start + self.part))

    def __len__(self) -> int:
        return len(self.turns)


def share_of(batch: int, processes: int, key: str = "batch") -> int:
    """Return each process's part of a batch; ValueError where it cannot be shared equally."""
    if batch % processes:
        raise ValueError(
            f"{key} is {batch}, which {processes} processes cannot share equally; "
            f"give a multiple of {processes}"
        )
    return batch // processes


def average_gradients(module: nn.Module, fabric: Fabric) -> None:
    """Replace each gradient by its mean over the processes; none where no process has one.

    One message for all of them. Not DistributedDataParallel: the simulated clicks run the level
    several times without gradient, and a batch without clicks leaves the graph's weights unused.
    """
    if fabric.world_size == 1:
        return
    parameters = [p for p in module.parameters() if p.requires_grad]
    own = torch.tensor([p.grad is not None for p in parameters]).to(parameters[0])
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    mean = mean_over_processes(torch.cat([own, *(grad.reshape(-1) for grad in grads)]), fabric)
    there, *parts = torch.split(mean, [len(own), *(grad.numel() for grad in grads)])
    for parameter, learns, part in zip(parameters, there.tolist(), parts, strict=True):
        parameter.grad = part.view(parameter.shape) if learns else None


def mean_over_processes(values: Tensor, fabric: Fabric) -> Tensor:
    """Return the mean of a tensor over the processes."""
    mean = fabric.all_reduce(values, reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean


__all__ = ["Run", "RunProgress", "run_stage"]

FIRST_INDEX = {"coarse": 0, "fine": 1 << 40, "refiner": 2 << 40, "cascade": 3 << 40}
"""Where a stage's stream of samples begins."""

Batches = Iterator[tuple[list[int], Batch]]
"""The samples' places in the stream, and the samples."""


def run_stage(
    run: Run,
    stage: str,
    config: StageConfig,
    *,
    resumed: dict[str, Any] | None = None,
    control: Callable[[RunProgress], bool] | None = None,
) -> bool:
    """Train a part of ``run.cascade`` or all; afterwards it has the weights to export.

    These are the best ones by ``run.validation``, without it the running average where the stage
    has one, else the last ones. The state in ``run.output`` allows to go on from the last step.

    Parameters
    ----------
    run : Run
    stage : {"coarse", "fine", "refiner", "cascade"}
    config : StageConfig
    resumed : dict, optional
        A state of this stage, as ``load_state`` gives it; the cascade has its weights already.
    control : callable, optional
        Asked after every step; False saves the state and stops.

    Returns
    -------
    bool
        Whether the stage came to its end; False: ``control`` stopped it.

    Raises
    ------
    ValueError
        Where the loss is no longer finite or the disk is full; the last good state is kept.
    """
    current = Stage.begin(run, stage, config, resumed)
    batches = _batches(current)
    first, started, going = current.step, time.monotonic(), True
    while going and not current.ended:
        loss, waited = _step(current, batches)
        current.step += 1
        left = (time.monotonic() - started) / (current.step - first) * (config.steps - current.step)
        progress = RunProgress(stage, current.step, config.steps, loss, left, waited)
        progress = current.conclude_step(progress)
        going = _agreed(run, control is None or control(progress))
    current.finish()
    return going


def _batches(stage: Stage) -> Batches:
    run = stage.run
    stream = BatchStream(
        FIRST_INDEX[stage.name],
        stage.step,
        stage.config,
        run.fabric.global_rank,
        run.processes,
    )
    loader = DataLoader(
        run.dataset.seen_at(stage.config.source_size),
        batch_sampler=stream,
        num_workers=run.workers,
        collate_fn=Batch.collate,
    )
    return zip(stream, loader, strict=True)


def _step(stage: Stage, batches: Batches) -> tuple[float, float]:
    """Take one step; return its loss and the seconds it waited for samples.

    A level or the refiner learns once from the passes of a step, the whole cascade after every
    click of its one pass.
    """
    run, config, step = stage.run, stage.config, stage.step
    seed = run.recipe.seed
    torch.manual_seed(hash((seed, STAGES.index(stage.name), step)) & 0x7FFFFFFF)
    for group in stage.optimizer.param_groups:
        group["lr"] = group["initial_lr"] * schedule(step, config)
    stage.optimizer.zero_grad(set_to_none=True)
    waited, found = 0.0, []
    for _ in range(config.accumulate):
        asked = time.monotonic()
        indices, batch = _next(batches)
        waited += time.monotonic() - asked
        rounds = ClickSchedule.draw(run.recipe, config, step, indices)
        for loss in _losses(stage, run.fabric.to_device(batch), rounds):
            run.fabric.backward(loss / config.accumulate)
            found.append(float(loss.detach()))
            if stage.name == "cascade":
                found[-1] = _learn(stage, found[-1])
    total = sum(found) / len(found)
    return total if stage.name == "cascade" else _learn(stage, total), waited


def _losses(stage: Stage, batch: Batch, rounds: ClickSchedule) -> Iterator[Tensor]:
    """Yield the losses of one pass; what is between two of them computes in full precision."""
    losses = step_losses(stage.name, stage.run.cascade, batch, rounds)
    while True:
        with stage.run.fabric.autocast(), Float32DepthwiseGradients():
            loss = next(losses, None)
        if loss is None:
            return
        yield loss


def _learn(stage: Stage, loss: float) -> float:
    """Take a step along the gradients, and clear them; return the processes' mean loss."""
    run = stage.run
    loss = float(mean_over_processes(torch.tensor(loss), run.fabric))
    if not math.isfinite(loss):
        raise ValueError(
            f"the loss of the {stage.name} stage is no longer finite at step {stage.step}; the "
            f"last good state is kept in {run.output}: lower {stage.name}.learning_rate and resume"
        )
    average_gradients(stage.level, run.fabric)
    if stage.config.clip:
        for part in parts_of(stage.level):  # or a level would shrink the steps of the other one
            run.fabric.clip_gradients(
                part, stage.optimizer, max_norm=stage.config.clip, error_if_nonfinite=False
            )
    stage.optimizer.step()
    stage.optimizer.zero_grad(set_to_none=True)
    if stage.average is not None:
        stage.average.update(stage.level)
    return loss


def _next(batches: Batches) -> tuple[list[int], Batch]:
    """Return the next batch; of a worker's error only the sentence is kept."""
    try:
        return next(batches)
    except ValueError as error:
        raise ValueError(str(error).rstrip().rsplit("ValueError: ", 1)[-1]) from error


def _agreed(run: Run, going: bool) -> bool:
    """Let the first process decide for all."""
    return going if run.processes == 1 else bool(run.fabric.broadcast(going))
