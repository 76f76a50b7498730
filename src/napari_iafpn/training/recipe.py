"""Recipes: every choice of a training run, read from TOML; unknown keys are errors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from napari_iafpn.networks import preset
from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.networks.tables import Natural, Real, checked, later, must, one_of, read_table
from napari_iafpn.training.settings import (
    AugmentConfig,
    ClickConfig,
    Positive,
    Samples,
    SetConfig,
    StageConfig,
    ValidationConfig,
    ViewConfig,
    check_names,
    shape_of,
)

STAGES = ("coarse", "fine", "refiner", "cascade")
PRECISIONS = ("auto", "32-true", "bf16-mixed")
_WORDS = ("licence", "description", "source")
"""Keys that say something about the weights and decide nothing."""
_PACE = (
    "learning_rate",
    "backbone_factor",
    "weight_decay",
    "clip",
    "schedule",
    "warmup_steps",
    "cooldown",
    "milestones",
    "drop",
)
"""Keys of a stage that decide how far a step goes, not what is seen or what is trained."""


@checked
@dataclass(frozen=True)
class Recipe:
    """A whole training run."""

    name: Annotated[
        str, must(lambda name: name and not set(name) & set("/\\:\0"), "a part of a file name")
    ]
    sets: Annotated[
        tuple[SetConfig, ...], must(len, "tables [[sets]], at least one set to train on")
    ]
    coarse: StageConfig
    fine: StageConfig | None
    """None where the model has no fine level."""
    model: CascadeConfig
    pretrained: str = "auto"
    """Weights of the backbones at the start."""
    precision: Annotated[str, one_of(*PRECISIONS)] = "auto"
    """``auto`` (bf16 where the hardware has it), ``32-true`` or ``bf16-mixed``."""
    seed: Natural = 0
    licence: str = ""
    description: str = ""
    view: ViewConfig = field(default_factory=ViewConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    clicks: ClickConfig = field(default_factory=ClickConfig)
    validation: ValidationConfig | None = later(None)
    start: str = later("")
    """A model file under the data folder to go on from; both levels begin with its weights."""
    start_share: Real = later(0.0)
    """Share of that model's weights in the one that the last stage leaves, see ``mixing``."""
    refiner: StageConfig | None = later(None)
    """None: a refiner that the model has stays as it is."""
    cascade: StageConfig | None = later(None)
    """Both levels and the refiner together, after every click. None: no such stage."""

    def __post_init__(self) -> None:
        check_names(self.sets)
        if self.fine is not None and self.model.fine is None:
            raise ValueError(
                "[fine] is a stage of a model without a fine level; leave it out, or give "
                "[model] a fine level"
            )
        if self.fine is None and self.model.fine is not None:
            raise ValueError("the recipe lacks the key 'fine'; add it, or set model.fine = false")
        if self.refiner is not None and not self.model.refiner:
            raise ValueError(
                "[refiner] is a stage of a model without a refiner; leave it out, or give its "
                "channels as model.refiner"
            )
        if self.cascade is not None and (self.fine is None or self.cascade.accumulate > 1):
            raise ValueError(
                "[cascade] trains a coarse and a fine level together and learns after every click; "
                "leave it out for a model without a fine level, and accumulate at 1"
            )
        if not 0 <= self.start_share < 1 or (self.start_share and not self.start):
            raise ValueError(
                f"start_share is {self.start_share}; give a share from 0 up to 1, and with it a "
                "start whose weights are mixed in"
            )
        sizes = {stage: config.source_size for stage, config in self.stages.items()}
        for table, size in {"view": self.view.source_size, **sizes}.items():
            height, width = shape_of(size or self.view.source_size)
            if height != width and self.augment.rotate90:
                raise ValueError(
                    f"augment.rotate90 is {self.augment.rotate90} and {table}.source_size "
                    f"{height} x {width}; quarter turns need a square, or rotate90 = 0"
                )

    @property
    def stages(self) -> dict[str, StageConfig]:
        """The stages in their order."""
        configs = {stage: getattr(self, stage) for stage in STAGES}
        return {stage: config for stage, config in configs.items() if config is not None}

    @property
    def digest(self) -> str:
        """A short hash of everything that decides the weights; words about them are left out."""
        return _hash_of(_decisive(self, _WORDS))

    @property
    def run_digest(self) -> str:
        """The same of what a run keeps to its end: it can go on with another learning rate."""
        return _hash_of(_decisive(self, (*_WORDS, *_PACE)))


def read_recipe(path: Path | str, assignments: Sequence[str] = ()) -> Recipe:
    """Read a TOML recipe and change it by ``assignments`` such as ``coarse.steps=10``.

    ``model`` is a table whose ``preset`` is completed or changed by its other keys. An unknown key,
    a wrong type or an impossible combination is a ValueError that names the key.
    """
    with open(path, "rb") as file:
        try:
            values = tomllib.load(file)
        except UnicodeDecodeError as error:
            raise ValueError(f"the recipe {path} is no valid TOML: it is no UTF-8 text") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the recipe {path} is no valid TOML: {error}") from error
    override(values, tuple(assignments))
    return recipe_from(values)


def recipe_from(values: dict[str, Any]) -> Recipe:
    """Build a recipe from nested plain values."""
    values = {"fine": None, "model": {}, **values}
    values["model"] = _model(values["model"])
    for stage in STAGES:
        if isinstance(values.get(stage), dict):
            values[stage] = _in_steps(values[stage], stage)
    return read_table(Recipe, values, "the recipe")


@checked
@dataclass(frozen=True)
class _Epochs:
    """How long a stage is in epochs of so many samples; its milestones are then epochs too."""

    epochs: Positive
    epoch_samples: Positive
    batch: Samples = StageConfig.batch
    accumulate: Samples = 1
    milestones: tuple[Real, ...] = ()

    @property
    def in_steps(self) -> dict[str, Any]:
        """The same as keys of a stage."""
        pace = self.epoch_samples / (self.batch * self.accumulate)
        return {
            "steps": max(1, round(self.epochs * pace)),
            "milestones": [round(epoch * pace) for epoch in self.milestones],
            "batch": self.batch,
            "accumulate": self.accumulate,
        }


def _in_steps(values: dict[str, Any], stage: str) -> dict[str, Any]:
    """Return the values of a stage with its length in steps."""
    if not {"epochs", "epoch_samples"} & set(values):
        return values
    if "steps" in values:
        raise ValueError(f"{stage} has both steps and epochs; give one of them")
    names = {field.name for field in dataclasses.fields(_Epochs)}
    epochs = read_table(_Epochs, {k: v for k, v in values.items() if k in names}, stage)
    return {k: v for k, v in values.items() if k not in names} | epochs.in_steps


def _model(values: Any) -> dict[str, Any]:
    """Return the values of the networks: those of the preset, changed by the others."""
    if not isinstance(values, dict):
        raise ValueError(f"model is {values!r}; give a table, for example with a preset")
    values = dict(values)
    base = preset(values.pop("preset", "default")).to_dict()
    if values.get("fine") is False:  # TOML has no null
        values["fine"] = None
    for key, value in values.items():
        base[key] = base[key] | value if isinstance(value, dict) and base.get(key) else value
    return base


def _hash_of(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _decisive(values: Any, left_out: tuple[str, ...]) -> Any:
    """Return plain values without some keys and without later ones that have their default."""
    if isinstance(values, (list, tuple)):
        return [_decisive(each, left_out) for each in values]
    if not dataclasses.is_dataclass(values):
        return values
    return {
        field.name: _decisive(getattr(values, field.name), left_out)
        for field in dataclasses.fields(values)
        if field.name not in left_out
        and not (field.metadata.get("later") and getattr(values, field.name) == field.default)
    }


def override(values: dict[str, Any], assignments: list[str] | tuple[str, ...]) -> None:
    """Set ``key.key=value`` in nested plain values; a set of the mixture goes by its name.

    The value is TOML (``coarse.steps=10``, ``view.scale=[1.3, 8]``); what is no TOML is a text.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        *parents, key = (part.strip() for part in path.split("."))
        if not equals or not key:
            raise ValueError(f"got --set {assignment!r}; expected key=value, as coarse.steps=10")
        table: Any = values
        for parent in parents:
            table = _inside(table, parent, assignment)
        if not isinstance(table, dict):
            raise ValueError(f"--set {assignment!r} goes into {parents[-1]!r}, which is no table")
        table[key] = _toml_value(text.strip())


def _inside(table: Any, key: str, assignment: str) -> Any:
    if isinstance(table, list):
        named = [entry for entry in table if isinstance(entry, dict) and entry.get("name") == key]
        if not named:
            names = ", ".join(str(e.get("name")) for e in table if isinstance(e, dict))
            raise ValueError(f"--set {assignment!r}: there is no set {key!r}; sets are {names}")
        return named[0]
    if not isinstance(table, dict):
        raise ValueError(f"--set {assignment!r}: {key!r} is not inside a table of the recipe")
    return table.setdefault(key, {})


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
