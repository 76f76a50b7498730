"""A whole training run: a recipe, the folder of its sets, and the models it makes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from lightning.fabric import Fabric

from napari_iafpn.inference.device import choose_device
from napari_iafpn.networks import build_cascade, load_cascade, read_card, read_config
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.tables import Count, Flag, Whole, between, checked, one_of
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.forgetting import interpolated
from napari_iafpn.training.logs import TensorBoardLog
from napari_iafpn.training.loop import run_stage, share_of
from napari_iafpn.training.mixture import open_mixture
from napari_iafpn.training.recipe import PRECISIONS, Recipe
from napari_iafpn.training.run import Run, RunProgress
from napari_iafpn.training.selection import Validation
from napari_iafpn.training.stage import best_path, export
from napari_iafpn.training.state import STATE, holds_run, load_state, restore, sole_writer

MOST_PROCESSES = 1024
"""Of a machine, and machines: more are a slip, and starting them would end in no memory."""


@checked
@dataclass(frozen=True)
class ComputeSettings:
    """Where and how a run computes; nothing of it is part of the recipe.

    Attributes
    ----------
    workers : int
        Processes that prepare the samples, for each training process.
    devices, nodes : int
        Training processes (one for each GPU) on a machine, and machines. None: those of
        ``torchrun``, without it one.
    accelerator : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` (for one process) or ``mps``.
    precision : str or None
        Instead of the recipe's.
    save_every : int
        Steps between two states on the disk.
    tensorboard : bool
    """

    workers: Annotated[Whole, between(0, MOST_PROCESSES)] = 1
    devices: Annotated[Whole, between(1, MOST_PROCESSES)] | None = None
    nodes: Annotated[Whole, between(1, MOST_PROCESSES)] | None = None
    accelerator: str = "auto"
    precision: Annotated[str, one_of(*PRECISIONS)] | None = None
    save_every: Count = 50
    tensorboard: Flag = False

    @property
    def is_first(self) -> bool:
        """Whether this process speaks for all."""
        return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))) == 0

    @property
    def processes(self) -> tuple[int, int]:
        """Processes on a machine, and machines."""
        local, nodes = 1, 1
        if "LOCAL_WORLD_SIZE" in os.environ:  # torchrun
            local = int(os.environ["LOCAL_WORLD_SIZE"])
            nodes = int(os.environ["WORLD_SIZE"]) // local
        return self.devices or local, self.nodes or nodes


def train(
    recipe: Recipe,
    data: Path,
    output: Path,
    *,
    engine: ComputeSettings = ComputeSettings(),
    resume: bool = False,
    report: Callable[[RunProgress], None] | None = None,
    control: Callable[[RunProgress], bool] | None = None,
    announce: Callable[[str], None] | None = None,
) -> Path | None:
    """Train the stages of a recipe one after the other; return the exported model's path.

    Every random choice is a function of seed, stage and step, so a run that was killed goes on to
    the same curve, bit for bit on one CPU. Each stage leaves ``NAME-STAGE.safetensors``.

    Parameters
    ----------
    recipe : Recipe
    data : Path
        The folder that the sets' paths start from.
    output : Path
        Folder of the run.
    engine : Engine
    resume : bool
        Go on from the state in ``output``; begin where there is none.
    report, control : callable, optional
        Told and asked after every step, see ``run_stage``.
    announce : callable, optional
        Told in words what was found in each set and what is left out, before the first step.

    Returns
    -------
    Path or None
        None where ``control`` stopped the run.

    Raises
    ------
    ValueError
        Where ``output`` holds a run and ``resume`` is False, or a run of another recipe, or another
        program trains in it; where a set cannot be used; where the loss is no longer finite or the
        disk is full.
    """
    # The first process has the folder for all.
    with sole_writer(output) if engine.is_first else nullcontext():
        if holds_run(output) and not resume:
            raise ValueError(
                f"{output} holds a run ({STATE}); give --resume to go on with it, or another folder"
            )
        state = load_state(output, recipe.run_digest) if holds_run(output) else None
        run = open_run(recipe, data, output, engine, state, report=report, announce=announce)
        return run_stages(run, data, state, control)


def open_run(
    recipe: Recipe,
    data: Path,
    output: Path,
    engine: ComputeSettings,
    state: dict[str, Any] | None = None,
    *,
    report: Callable[[RunProgress], None] | None = None,
    announce: Callable[[str], None] | None = None,
) -> Run:
    """Open the sets, start the processes and build the networks, as ``train`` describes.

    What can be told without the sets is told first: looking through them takes long.
    """
    for stage, config in recipe.stages.items():
        share_of(config.batch, math.prod(engine.processes), f"{stage}.batch")
    if recipe.start and state is None:
        _check_start(recipe, data)
    dataset = ClickDataset(recipe, open_mixture(recipe, data, announce))
    held_out = recipe.validation
    seed = recipe.seed
    validation = None if held_out is None else Validation.open(held_out, data, seed, announce)
    fabric = launch(engine, recipe.precision)
    torch.manual_seed(recipe.seed)
    cascade = _networks(recipe, data, state)
    cascade.to(memory_format=torch.channels_last).to(fabric.device)
    return Run(
        fabric,
        cascade,
        dataset,
        output,
        workers=engine.workers,
        save_every=engine.save_every,
        report=report,
        validation=validation,
        logs=(TensorBoardLog(output),) if engine.tensorboard and fabric.is_global_zero else (),
    )


def _check_start(recipe: Recipe, data: Path) -> None:
    """Refuse a start whose levels are not those of the recipe, or a refiner of another width."""
    started, wanted = read_config(data / recipe.start), recipe.model
    same = (started.coarse, started.fine) == (wanted.coarse, wanted.fine)
    if not same or len({started.refiner, wanted.refiner} - {0}) > 1:
        raise ValueError(
            f"start names {recipe.start}, whose networks are not those of [model]; "
            "give a model file of the same architecture, or leave out start"
        )


def _networks(recipe: Recipe, data: Path, state: dict[str, Any] | None) -> Cascade:
    """Return the networks as the state has them, as the recipe's start, or as they are built."""
    if not state and not recipe.start:
        return build_cascade(recipe.model, recipe.pretrained)
    cascade = build_cascade(recipe.model, "none")
    if state:
        restore(cascade, state)
        return cascade
    for name, part in load_cascade(data / recipe.start).named_children():
        if getattr(cascade, name) is not None:
            getattr(cascade, name).load_state_dict(part.state_dict())
    return cascade


def run_stages(
    run: Run,
    data: Path,
    state: dict[str, Any] | None = None,
    control: Callable[[RunProgress], bool] | None = None,
) -> Path | None:
    """Train the stages of an opened run, from ``state`` on, as ``train`` describes."""
    stages = list(run.recipe.stages)
    path = None
    for stage in stages[stages.index(state["stage"]) if state else 0 :]:
        resumed = state if state and state["stage"] == stage else None
        if stage == "fine" and resumed is None and not run.recipe.start:
            start_fine(run.cascade)
        config = run.recipe.stages[stage]
        if not run_stage(run, stage, config, resumed=resumed, control=control):
            return None
        path = run.output / f"{run.recipe.name}-{stage}.safetensors"
        if run.fabric.is_global_zero:
            _leave(run, stage, path, data)
        run.fabric.barrier()
    return path


def _leave(run: Run, stage: str, path: Path, data: Path) -> None:
    """Write the model of a stage with the scores of its best state; a mixed one has none yet."""
    recipe, best = run.recipe, best_path(run.output, stage)
    if recipe.start_share and stage == list(recipe.stages)[-1]:
        started = load_cascade(data / recipe.start)
        export(interpolated(started, run.cascade, recipe.start_share), recipe, path, None)
        return
    measured = run.validation is not None and best.is_file()
    export(run.cascade, recipe, path, read_card(best).scores if measured else None)


def start_fine(cascade: Cascade) -> None:
    """Initialise the fine level from the coarse one where they have the same architecture."""
    if cascade.fine is not None and cascade.config.fine == cascade.config.coarse:
        cascade.fine.load_state_dict(cascade.coarse.state_dict())


def launch(engine: ComputeSettings, precision: str) -> Fabric:
    """Start the training processes and return the engine of this one.

    Under ``torchrun`` the processes are its own; otherwise this one starts the others.
    """
    devices, nodes = engine.processes
    device = torch.device(choose_device(engine.accelerator))
    present = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device.type, devices)
    if devices > present:
        raise ValueError(f"devices is {devices}; this machine has {present} of {device.type}")
    fabric = Fabric(
        accelerator=device.type,
        devices=devices if device.index is None else [device.index],
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        precision=choose_precision(engine.precision or precision, device.type),
    )
    fabric.launch()
    return fabric


def choose_precision(name: str, accelerator: str) -> Any:
    """Return the precision for Fabric; ``auto`` is bf16 where the hardware computes it.

    Raises
    ------
    ValueError
        For bf16 where it would be emulated, which is many times slower.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision is {name!r}; use one of {', '.join(PRECISIONS)}")
    if accelerator == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        supported = accelerator == "cpu" and cpu_has_bf16()
    if name == "auto":
        return "bf16-mixed" if supported else "32-true"
    if name == "bf16-mixed" and not supported:
        raise ValueError(
            f"precision is 'bf16-mixed', which this {accelerator} device does not compute in "
            "hardware; use 'auto' or '32-true'"
        )
    return name


def cpu_has_bf16() -> bool:
    """Tell whether the CPU computes bf16 in hardware; emulation is many times slower."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
