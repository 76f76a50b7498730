"""What a run is, and what it tells after every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lightning.fabric import Fabric

from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.logs import Log
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.selection import Scores, Validation


@dataclass(frozen=True)
class RunProgress:
    """What is told after every step."""

    stage: str
    step: int
    """Finished steps of the stage."""
    steps: int
    loss: float
    seconds_left: float
    """Of the stage, at the speed so far."""
    data_seconds: float = 0.0
    """How long this step waited for its samples."""
    scores: Scores | None = None
    """Clicks on held-out objects, where they were measured after this step."""
    best: bool = False
    """Whether these are the best scores of the stage so far."""


@dataclass(frozen=True)
class Run:
    """What stays the same during a run."""

    fabric: Fabric
    cascade: Cascade
    dataset: ClickDataset
    output: Path
    workers: int = 0
    save_every: int = 50
    report: Callable[[RunProgress], None] | None = None
    validation: Validation | None = None
    logs: tuple[Log, ...] = ()
    """Beside the CSV files, which are always written."""

    @property
    def recipe(self) -> Recipe:
        """Every choice of the run."""
        return self.dataset.recipe

    @property
    def processes(self) -> int:
        """Number of processes that train together."""
        return int(self.fabric.world_size)
