"""One stage under way: what changes from step to step, how it is kept, measured, exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import nn

from napari_iafpn.networks import ModelCard, load_cascade, save_cascade
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.training.logs import LOG, VALIDATION, CsvLog
from napari_iafpn.training.optimisation import (
    WeightAverage,
    load_moments,
    make_optimizer,
    weights_of,
)
from napari_iafpn.training.recipe import STAGES, Recipe
from napari_iafpn.training.run import Run, RunProgress
from napari_iafpn.training.selection import Best, Scores
from napari_iafpn.training.settings import StageConfig
from napari_iafpn.training.state import disk_sentences, save_state


def export(
    cascade: Cascade,
    recipe: Recipe,
    path: Path,
    scores: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Write the model in half precision with its card."""
    save_cascade(cascade, path, card_of(recipe, scores), dtype=torch.float16)


def card_of(recipe: Recipe, scores: Mapping[str, Mapping[str, float]] | None = None) -> ModelCard:
    """Return the card of a model that was trained by ``recipe``; ``scores`` as in ``ModelCard``."""
    return ModelCard(
        name=recipe.name,
        description=recipe.description,
        licence=recipe.licence,
        training_data=tuple(
            {"name": s.name, "licence": s.licence, "source": s.source} for s in recipe.sets
        ),
        recipe=f"{recipe.name}.toml",
        recipe_hash=recipe.digest,
        scores={name: dict(values) for name, values in (scores or {}).items()},
    )


@dataclass
class Stage:
    """A stage of a run.

    Attributes
    ----------
    run : Run
    name : {"coarse", "fine", "refiner", "cascade"}
    config : StageConfig
    optimizer : Adam
    average : WeightAverage or None
    step : int
        Finished steps.
    best : Best
    saved : int
        Step of the state on the disk.
    """

    run: Run
    name: str
    config: StageConfig
    optimizer: torch.optim.Adam
    average: WeightAverage | None
    step: int = 0
    best: Best = field(default_factory=Best)
    saved: int = -1

    @classmethod
    def begin(
        cls, run: Run, name: str, config: StageConfig, resumed: dict[str, Any] | None
    ) -> Stage:
        """Make the optimiser, or go on from a state; the level comes into training mode."""
        run.output.mkdir(parents=True, exist_ok=True)
        level = part_of(run.cascade, name)
        average = WeightAverage(level, config.ema) if config.ema else None
        stage = cls(run, name, config, make_optimizer(level, config), average)
        if resumed:
            stage._restore(resumed)
        if run.fabric.is_global_zero:
            for log in (LOG, VALIDATION):
                CsvLog(run.output / log).cut(STAGES, name, stage.step)
        run.fabric.barrier()
        if run.processes > 1 and run.fabric.device.type == "cuda":
            convert_sync_batchnorm(level)  # type: ignore[no-untyped-call]
        stage.train_mode()
        return stage

    @property
    def level(self) -> nn.Module:
        """The level or the refiner that is trained, or the cascade."""
        return part_of(self.run.cascade, self.name)

    @property
    def ended(self) -> bool:
        """Whether all steps are taken, or the clicks have not become fewer for too long."""
        validation = self.run.validation
        patience = 0 if validation is None else validation.config.patience
        return self.step >= self.config.steps or 0 < patience <= self.best.waited

    def train_mode(self) -> None:
        """Put the level into training mode, and everything else into evaluation mode.

        A whole cascade stays in evaluation mode: it learns as it is in use, and its batches are too
        small for statistics.
        """
        self.run.cascade.eval()
        if self.name != "cascade":
            self.level.train()
        if self.config.freeze_norm:
            for module in self.level.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def conclude_step(self, progress: RunProgress) -> RunProgress:
        """Measure clicks where it is time, write the logs and the state, and report."""
        run, every = self.run, self.run.validation and self.run.validation.config.every
        if every and (self.step % every == 0 or self.step == self.config.steps):
            progress = self._measure(progress)
        if run.fabric.is_global_zero:
            self._log(progress)
            if run.report is not None:
                run.report(progress)
        if self.step % run.save_every == 0 or self.ended or progress.scores:
            self.save()
        return progress

    def save(self) -> None:
        """Write the state, once for each step."""
        run = self.run
        if not run.fabric.is_global_zero or self.saved == self.step:
            return
        save_state(
            run.output,
            {
                "cascade": run.cascade.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "best": self.best.to_state(),
                "stage": self.name,
                "step": self.step,
                "recipe": run.recipe.run_digest,
            },
        )
        self.saved = self.step

    def finish(self) -> None:
        """Save the state, then give the level the weights to export."""
        self.save()
        self.run.fabric.barrier()
        if self.best.step:
            best = part_of(load_cascade(best_path(self.run.output, self.name)), self.name)
            self.level.load_state_dict(best.state_dict())
        elif self.average is not None:
            self.level.load_state_dict(self.average.state)
        self.run.cascade.eval()

    def _restore(self, state: dict[str, Any]) -> None:
        load_moments(self.optimizer, state["optimizer"])
        self.step = self.saved = int(state["step"])
        self.best = Best.from_state(state["best"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _measure(self, progress: RunProgress) -> RunProgress:
        """Measure clicks in the first process, and keep the weights where they are the best."""
        run = self.run
        scores = self._measure_here() if run.fabric.is_global_zero else None
        scores = run.fabric.broadcast(scores)
        assert scores is not None
        self.best = self.best.after(scores, self.step)
        self.train_mode()
        return replace(progress, scores=scores, best=self.best.step == self.step)

    def _measure_here(self) -> Scores:
        run = self.run
        assert run.validation is not None
        with weights_of(self.level, self.average):
            scores = run.validation.measure(run.cascade, self.name)
            best = self.best.after(scores, self.step)
            if best.step == self.step:
                with disk_sentences(run.output):
                    path = best_path(run.output, self.name)
                    save_cascade(run.cascade, path, card_of(run.recipe, best.scores))
        return scores

    def _log(self, progress: RunProgress) -> None:
        run = self.run
        values = {
            "loss": round(progress.loss, 6),
            "learning_rate": max(group["lr"] for group in self.optimizer.param_groups),
            "data_seconds": round(progress.data_seconds, 3),
            "seconds_left": round(progress.seconds_left),
        }
        for log in (CsvLog(run.output / LOG), *run.logs):
            log.write(self.name, self.step, values)
        rows = {} if progress.scores is None else progress.scores.rows()
        for name, numbers in rows.items():
            for log in (CsvLog(run.output / VALIDATION), *run.logs):
                log.write(self.name, self.step, {"set": name, **numbers})


def part_of(cascade: Cascade, stage: str) -> nn.Module:
    """Return what a stage trains: the part of its name, or the whole cascade."""
    part: nn.Module = cascade if stage == "cascade" else getattr(cascade, stage)
    return part


def parts_of(level: nn.Module) -> list[nn.Module]:
    """Return what has gradients of a size of its own: the parts of a cascade, else all."""
    if not isinstance(level, Cascade):
        return [level]
    return [part for part in (level.coarse, level.fine, level.refiner) if part is not None]


def best_path(output: Path, stage: str) -> Path:
    """Return where the best weights of a stage are kept, in single precision."""
    return output / f"best-{stage}.safetensors"
