"""Train a recipe with several replicas on one device, whose weights are averaged every few steps.

    python training/replicas.py RECIPE --data DATA --output RUN --replicas 8 --device cuda

The CPU simulates the clicks, so that one process does not keep a GPU busy with small networks. Each
replica has samples of its own and steps on its own; every few steps all go on from the mean of
their weights (local SGD: Stich, ICLR 2019; Lin et al., ICLR 2020). The model is
RUN/0/NAME-STAGE.safetensors. A run that was killed begins anew.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import distributed as dist

from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.training.recipe import Recipe, read_recipe
from napari_iafpn.training.run import Progress
from napari_iafpn.training.stage import part_of
from napari_iafpn.training.train import Engine, open_run, run_stages

PART = 1 << 36
"""Samples between the beginnings of two replicas."""


@dataclass(frozen=True)
class Sharing:
    """Average what is trained over the replicas, every so many steps and at the stage's end."""

    cascade: Cascade
    every: int

    def __call__(self, progress: Progress) -> bool:
        """Act after a step; the training always goes on."""
        if progress.step % self.every == 0 or progress.step == progress.steps:
            self.average(progress.stage)
        return True

    @torch.no_grad()
    def average(self, stage: str) -> None:
        """Replace weights and statistics by their mean over the processes."""
        state = part_of(self.cascade, stage).state_dict().values()
        tensors = [value for value in state if value.is_floating_point()]
        flat = torch.cat([value.reshape(-1).cpu().float() for value in tensors])
        dist.all_reduce(flat)
        pieces = torch.split(flat / dist.get_world_size(), [value.numel() for value in tensors])
        for value, piece in zip(tensors, pieces, strict=True):
            value.copy_(piece.view(value.shape))


def train_replica(number: int, meeting: str, recipe: Recipe, options: argparse.Namespace) -> None:
    """Train one replica in this process."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=number, world_size=options.replicas
    )
    engine = Engine(workers=options.workers, accelerator=options.device)
    report = print_progress if number == 0 else None
    run = open_run(recipe, options.data, options.output / str(number), engine, report=report)
    run = replace(run, dataset=run.dataset.beginning_at(number * PART))
    run_stages(run, options.data, control=Sharing(run.cascade, options.every))
    dist.destroy_process_group()


def print_progress(now: Progress) -> None:
    """Tell now and then how far the first replica is."""
    if now.step % 50 == 0 or now.step == now.steps:
        print(f"{now.stage}, step {now.step} of {now.steps}: loss {now.loss:.4f}", flush=True)  # noqa: T201


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument(
        "--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE"
    )
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--every", type=int, default=10, help="steps between two means")
    parser.add_argument("--workers", type=int, default=1, help="loading processes of a replica")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    recipe = read_recipe(options.recipe, options.assignments)
    if recipe.validation is not None or any(stage.ema for stage in recipe.stages.values()):
        parser.error(
            "the recipe has a validation or ema, which would choose weights in each replica alone; "
            "leave out [validation] and set ema = 0"
        )
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(
            train_replica, (f"{folder}/meeting", recipe, options), nprocs=options.replicas
        )


if __name__ == "__main__":
    main()
