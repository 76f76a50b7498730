"""The command ``train``: run a recipe, with a progress bar."""

from __future__ import annotations

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from napari_iafpn.cli.console import plain_console


def run_recipe(recipe_path: Path, data: Path, output: Path, workers: int) -> None:
    """Train, or go on where the run in ``output`` stopped."""
    try:
        from napari_iafpn.training.loop import Progress as StepProgress
        from napari_iafpn.training.loop import train
    except ModuleNotFoundError as error:
        raise ValueError(
            f"training needs {error.name}, which is not installed; "
            "run: pip install 'napari-iafpn[train]'"
        ) from error
    from napari_iafpn.training.recipe import read_recipe

    if not recipe_path.is_file():
        raise ValueError(f"there is no recipe {recipe_path}; check the path")
    recipe = read_recipe(recipe_path)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:
        tasks = {
            stage: progress.add_task(stage, total=getattr(recipe, stage).steps)
            for stage in ("coarse", "fine")
        }

        def report(now: StepProgress) -> None:
            progress.update(
                tasks[now.stage],
                completed=now.step,
                description=f"{now.stage}: loss {now.loss:.4f}",
            )

        path = train(recipe, data, output, workers=workers, report=report)
    plain_console().print(f"model: {path}")
