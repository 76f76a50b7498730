"""How fast a recipe trains, whether it waits for its data, and how much memory it takes.

    python benchmarks/training.py DATA --recipe training/default.toml

DATA is the folder of the recipe's sets; those that it lacks are left out. Each row is a few steps
of one level, the first ones left out; the samples come from one worker process. bf16 has rows where
the hardware computes it. The peak memory is that of the training process and its worker together,
each taken at its own peak.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_iafpn.networks import build_cascade
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.loop import run_stage
from napari_iafpn.training.mixture import open_mixture
from napari_iafpn.training.recipe import Recipe, read_recipe
from napari_iafpn.training.run import Run, RunProgress
from napari_iafpn.training.settings import StageConfig
from napari_iafpn.training.train import ComputeSettings, choose_precision, launch

BATCH = 16
WARM_UP = 3
"""Steps that are not counted: the first ones also start the worker and fill its queue."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    level: str
    size: int
    precision: str
    samples_per_second: float
    waiting: float
    """Share of the time spent waiting for samples."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=6, help="counted steps of each row")
    parser.add_argument("--sizes", type=int, nargs="+", default=(128, 192, 256), help="inputs")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    recipe = present(read_recipe(options.recipe), options.data)
    dataset = ClickDataset(recipe, open_mixture(recipe, options.data))
    precisions = dict.fromkeys(["32-true", choose_precision("auto", torch_type(options.device))])
    print(f"batch {BATCH}, {torch.get_num_threads()} threads, {options.workers} worker\n")
    print("| level | input | precision | samples/s | waiting for data |")
    print("|---|---|---|---|---|")
    for precision in precisions:
        engine = ComputeSettings(options.workers, accelerator=options.device, precision=precision)
        for row in rows(dataset, engine, options.sizes, options.steps):
            print(
                f"| {row.level} | {row.size} px | {row.precision} "
                f"| {row.samples_per_second:.1f} | {row.waiting:.1%} |",
                flush=True,
            )
    peaks = (peak(resource.RUSAGE_SELF), peak(resource.RUSAGE_CHILDREN))
    print(f"\npeak memory: training process {peaks[0]:.2f} GB, worker {peaks[1]:.2f} GB")
    if torch.cuda.is_available():
        print(f"peak memory of the GPU: {torch.cuda.max_memory_allocated() / 2**30:.2f} GB")


def present(recipe: Recipe, data: Path) -> Recipe:
    """Leave out the sets that are not there."""
    sets = tuple(config for config in recipe.sets if (data / config.place).exists())
    return dataclasses.replace(recipe, sets=sets, validation=None)


def rows(
    dataset: ClickDataset, engine: ComputeSettings, sizes: Sequence[int], steps: int
) -> Iterator[Row]:
    """Measure each level at each size."""
    recipe = dataset.recipe
    fabric = launch(engine, recipe.precision)
    cascade = build_cascade(recipe.model, "none")
    cascade.to(memory_format=torch.channels_last).to(fabric.device)
    for level, config in recipe.stages.items():
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                run = Run(fabric, cascade, dataset, Path(folder), engine.workers, save_every=10**6)
                yield measured(run, level, config, size, steps)


def measured(run: Run, level: str, config: StageConfig, size: int, steps: int) -> Row:
    """Take the steps of one row."""
    import time

    config = dataclasses.replace(
        config, steps=WARM_UP + steps, batch=BATCH, size=size, warmup_share=0.0, warmup_steps=0
    )
    moments: list[tuple[float, float]] = []

    def watch(progress: RunProgress) -> bool:
        moments.append((time.perf_counter(), progress.data_seconds))
        return True

    run_stage(run, level, config, control=watch)
    seconds = moments[-1][0] - moments[WARM_UP - 1][0]
    waited = sum(waited for _, waited in moments[WARM_UP:])
    precision = str(run.fabric._precision.precision)
    return Row(level, size, precision, BATCH * steps / seconds, waited / seconds)


def torch_type(device: str) -> str:
    """Return the kind of a device."""
    from napari_iafpn.inference.device import choose_device, kind_of

    return kind_of(choose_device(device))


def peak(who: int) -> float:
    """Return the peak resident memory in GB."""
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(who).ru_maxrss / unit


if __name__ == "__main__":
    main()
