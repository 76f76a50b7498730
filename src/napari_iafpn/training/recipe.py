"""Recipes: every choice of a training run, read from TOML; unknown keys are errors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_iafpn.networks import preset
from napari_iafpn.networks.config import CascadeConfig, from_known_keys

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KINDS = ("instances", "parts", "regions")
STAGES = ("coarse", "fine")


@dataclass(frozen=True)
class SetConfig:
    """One set of the mixture: ``NAME/images``, ``NAME/labels`` under the data folder."""

    name: str
    weight: float
    """Share of the samples, relative to the other sets'."""
    kind: str = "instances"
    """``instances``; ``parts`` (ids are parts, their union is a target too); ``regions`` (a full
    partition per file ``STEM_aK``: regions and unions of neighbours are targets)."""
    licence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind of set {self.name!r} is {self.kind!r}; use one of {KINDS}")
        if self.weight <= 0:
            raise ValueError(f"weight of set {self.name!r} is {self.weight}; give a positive one")


@dataclass(frozen=True)
class ViewConfig:
    """How much of an image a sample shows."""

    source_size: int = 384
    """Side of the square view in pixels, from which the fine level's crops are read."""
    scale: tuple[float, float] = (1.3, 14.0)
    """Range of the view's side over the object's larger box side, log-uniform."""
    whole: float = 0.2
    """Probability of showing the whole image."""
    min_object: int = 24
    """Smallest object in pixels of the image."""
    merge: float = 0.06
    """Probability of two objects as one target (instances)."""
    background: float = 0.01
    """Probability of an empty target with negative clicks only."""


@dataclass(frozen=True)
class AugmentConfig:
    """Probabilities and ranges of the augmentation; micrographs are not photographs."""

    flip: float = 0.5
    rotate90: float = 0.5
    colour: float = 0.6
    gamma: float = 0.3
    stretch: float = 0.3
    """Contrast limits at robust percentiles, as headless use sets them."""
    invert: float = 0.12
    grey: float = 0.15
    shuffle: float = 0.08
    blur: float = 0.15
    noise: float = 0.2


@dataclass(frozen=True)
class ClickConfig:
    """Simulated clicks while training, as in RITM."""

    max_initial: int = 24
    decay: float = 0.8
    """P(n initial clicks) is proportional to decay^n."""
    erode: float = 0.9
    """Probability of drawing initial positive clicks from the eroded object."""
    negatives: tuple[float, float, float] = (0.1, 0.4, 0.5)
    """Shares of background, other objects and the object's border."""
    rounds: int = 3
    """At most so many clicks are added by the simulated user."""


@dataclass(frozen=True)
class StageConfig:
    """One stage of the training."""

    steps: int
    batch: int = 16
    size: int = 192
    """Side of the level's square input."""
    warmup_size: int = 192
    """Side during the first ``warmup_share`` of the steps: small inputs are cheap."""
    warmup_share: float = 0.0
    learning_rate: float = 1e-3
    backbone_factor: float = 0.3
    weight_decay: float = 1e-4
    warmup_steps: int = 40
    clip: float = 5.0
    """Largest norm of the gradient."""


@dataclass(frozen=True)
class Recipe:
    """A whole training run."""

    name: str
    sets: tuple[SetConfig, ...]
    coarse: StageConfig
    fine: StageConfig
    model: CascadeConfig
    pretrained: str = "auto"
    precision: str = "auto"
    """``auto`` (bf16 where the hardware has it), ``32-true``, ``bf16-mixed`` or ``16-mixed``."""
    seed: int = 0
    licence: str = ""
    description: str = ""
    view: ViewConfig = field(default_factory=ViewConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    clicks: ClickConfig = field(default_factory=ClickConfig)

    @property
    def digest(self) -> str:
        """A short hash of everything that decides the weights; words about them are left out."""
        values = dataclasses.asdict(self)
        del values["licence"], values["description"]
        for config in values["sets"]:
            del config["licence"], config["source"]
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_recipe(path: Path | str) -> Recipe:
    """Read a TOML recipe.

    ``model`` is a table whose ``preset`` is completed or changed by its other keys. An unknown key
    is a ValueError that names it.
    """
    with open(path, "rb") as file:
        try:
            values = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"the recipe {path} is no valid TOML: {error}") from error
    return recipe_from(values)


def recipe_from(values: dict[str, Any]) -> Recipe:
    """Build a recipe from nested plain values."""
    values = dict(values)
    missing = [key for key in ("name", "sets", *STAGES) if key not in values]
    if missing:
        raise ValueError(f"the recipe lacks the key {missing[0]!r}; add it")
    values["sets"] = tuple(from_known_keys(SetConfig, s, "a set") for s in values["sets"])
    values["model"] = _model(values.get("model", {}))
    tables = {"view": ViewConfig, "augment": AugmentConfig, "clicks": ClickConfig}
    for key, kind in {**tables, "coarse": StageConfig, "fine": StageConfig}.items():
        if key in values:
            values[key] = from_known_keys(kind, values[key], f"[{key}]")
    recipe: Recipe = from_known_keys(Recipe, values, "the recipe")
    return recipe


def _model(values: dict[str, Any]) -> CascadeConfig:
    values = dict(values)
    base = preset(values.pop("preset", "default")).to_dict()
    for key, value in values.items():
        base[key] = base[key] | value if isinstance(value, dict) and base.get(key) else value
    return CascadeConfig.from_dict(base)
