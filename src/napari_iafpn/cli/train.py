"""The command ``train``: run a recipe, with a progress bar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bars,
    TextColumn,
    TimeRemainingColumn,
)

from napari_iafpn.cli.console import plain_console

if TYPE_CHECKING:
    from napari_iafpn.training.run import RunProgress
    from napari_iafpn.training.train import ComputeSettings


@dataclass(frozen=True)
class TrainRequest:
    """What the command was asked to do; the counts are None where the surroundings decide."""

    recipe: Path
    assignments: tuple[str, ...]
    data: Path
    output: Path
    resume: bool = False
    workers: int = 1
    devices: int | None = None
    nodes: int | None = None
    device: str = "auto"
    precision: str | None = None
    tensorboard: bool = False

    @property
    def engine(self) -> ComputeSettings:
        """Where and how to compute."""
        from napari_iafpn.training.train import ComputeSettings

        return ComputeSettings(
            workers=self.workers,
            devices=self.devices,
            nodes=self.nodes,
            accelerator=self.device,
            precision=self.precision,
            tensorboard=self.tensorboard,
        )


def run_recipe(request: TrainRequest) -> None:
    """Train, with the survey of the sets before the first step and clicks as they are measured."""
    from napari_iafpn.training.recipe import read_recipe
    from napari_iafpn.training.train import train

    if not request.recipe.is_file():
        raise ValueError(f"there is no recipe {request.recipe}; check the path")
    recipe = read_recipe(request.recipe, request.assignments)
    engine = request.engine
    console = plain_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bars = Bars(*columns, TimeRemainingColumn(), console=console, disable=not engine.is_first)
    tasks = {
        stage: bars.add_task(stage, total=config.steps)
        for stage, config in recipe.stages.items()
        if config.steps
    }

    def report(now: RunProgress) -> None:
        words = f"{now.stage}: loss {now.loss:.4f}"
        bars.update(tasks[now.stage], completed=now.step, description=words)
        if now.scores is not None:
            best = ", the best so far" if now.best else ""
            bars.console.print(
                f"{now.stage}, step {now.step}: {now.scores.noc:.2f} clicks to "
                f"{now.scores.target:.0%} IoU, {now.scores.first_iou:.3f} IoU after the first{best}"
            )

    with bars:
        try:
            path = train(
                recipe,
                request.data,
                request.output,
                engine=engine,
                resume=request.resume,
                report=report,
                announce=bars.console.print if engine.is_first else None,
            )
        except KeyboardInterrupt as error:
            raise ValueError(
                f"stopped; the last state is in {request.output}: --resume goes on with it"
            ) from error
    if engine.is_first:
        console.print(f"model: {path}")
