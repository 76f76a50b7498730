"""Recipes: every choice of a training run, read from TOML; unknown keys are errors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_iafpn.networks import preset
from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.networks.tables import check_fields, check_range, read_table, shown
from napari_iafpn.training.settings import (
    AugmentConfig,
    ClickConfig,
    HeldOutConfig,
    SetConfig,
    StageConfig,
    ValidationConfig,
    ViewConfig,
    shape_of,
)
from napari_iafpn.training.tables import override, read_stage

__all__ = [
    "PRECISIONS",
    "STAGES",
    "AugmentConfig",
    "ClickConfig",
    "HeldOutConfig",
    "Recipe",
    "SetConfig",
    "StageConfig",
    "ValidationConfig",
    "ViewConfig",
    "read_recipe",
    "recipe_from",
]

STAGES = ("coarse", "fine", "refiner", "cascade")
PRECISIONS = ("auto", "32-true", "bf16-mixed")
_WORDS = ("licence", "description", "source")
"""Keys that say something about the weights and decide nothing."""


@dataclass(frozen=True)
class Recipe:
    """A whole training run."""

    name: str
    sets: tuple[SetConfig, ...]
    coarse: StageConfig
    fine: StageConfig | None
    """None where the model has no fine level."""
    model: CascadeConfig
    pretrained: str = "auto"
    """Weights of the backbones at the start."""
    precision: str = "auto"
    """``auto`` (bf16 where the hardware has it), ``32-true`` or ``bf16-mixed``."""
    seed: int = 0
    licence: str = ""
    description: str = ""
    view: ViewConfig = field(default_factory=ViewConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    clicks: ClickConfig = field(default_factory=ClickConfig)
    validation: ValidationConfig | None = field(default=None, metadata={"later": True})
    start: str = field(default="", metadata={"later": True})
    """A model file under the data folder to go on from; both levels begin with its weights."""
    start_share: float = field(default=0.0, metadata={"later": True})
    """Share of that model's weights in the one that the last stage leaves, see ``mixing``."""
    refiner: StageConfig | None = field(default=None, metadata={"later": True})
    """None: a refiner that the model has stays as it is."""
    cascade: StageConfig | None = field(default=None, metadata={"later": True})
    """Both levels and the refiner together, after every click. None: no such stage."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("seed", self.seed, 0)
        if not self.name or set(self.name) & set("/\\:\0"):
            raise ValueError(f"name is {shown(self.name)}; give a part of a file name")
        if not self.sets:
            raise ValueError("sets is empty; name at least one set to train on")
        names = [config.name for config in self.sets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"sets has {twice[0]!r} twice; give each set its own name")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}; use one of {PRECISIONS}")
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
        height, width = shape_of(self.view.source_size)
        if height != width and self.augment.rotate90:
            raise ValueError(
                f"augment.rotate90 is {self.augment.rotate90} and view.source_size "
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
        text = json.dumps(_decisive(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    values = dict(values)
    missing = [key for key in ("name", "sets", "coarse") if key not in values]
    if missing:
        raise ValueError(f"the recipe lacks the key {missing[0]!r}; add it")
    values["sets"] = _tables(SetConfig, values["sets"], "sets")
    values["model"] = _model(values.get("model", {}))
    for key, kind in {"view": ViewConfig, "augment": AugmentConfig, "clicks": ClickConfig}.items():
        values[key] = read_table(kind, values.get(key, {}), f"[{key}]")
    values.setdefault("fine", None)
    for stage in STAGES:
        if values.get(stage) is not None:
            values[stage] = read_stage(values[stage], f"[{stage}]")
    if "validation" in values:
        values["validation"] = _validation(values["validation"])
    recipe: Recipe = read_table(Recipe, values, "the recipe")
    return recipe


def _validation(values: Any) -> ValidationConfig:
    if isinstance(values, dict) and "sets" in values:
        values = values | {
            "sets": _tables(HeldOutConfig, values["sets"], "validation.sets"),
        }
    config: ValidationConfig = read_table(ValidationConfig, values, "[validation]")
    return config


def _tables(kind: type[Any], values: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"{key} is {values!r}; give a list of tables, as [[{key}]]")
    return tuple(read_table(kind, each, f"[[{key}]]") for each in values)


def _model(values: Any) -> CascadeConfig:
    if not isinstance(values, dict):
        raise ValueError(f"model is {values!r}; give a table, for example with a preset")
    values = dict(values)
    base = preset(values.pop("preset", "default")).to_dict()
    if values.get("fine") is False:  # TOML has no null
        values["fine"] = None
    for key, value in values.items():
        base[key] = base[key] | value if isinstance(value, dict) and base.get(key) else value
    return CascadeConfig.from_dict(base)


def _decisive(values: Any) -> Any:
    """Return plain values without words and without later keys that have their default."""
    if isinstance(values, (list, tuple)):
        return [_decisive(each) for each in values]
    if not dataclasses.is_dataclass(values):
        return values
    return {
        field.name: _decisive(getattr(values, field.name))
        for field in dataclasses.fields(values)
        if field.name not in _WORDS
        and not (field.metadata.get("later") and getattr(values, field.name) == field.default)
    }
