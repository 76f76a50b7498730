"""The tables of a recipe: frozen values that check themselves and name the key that is wrong."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from napari_iafpn.networks.tables import check_choice, check_fields, check_range

KINDS = ("instances", "parts", "regions")
OPTIMIZERS = ("adamw", "adam")
SCHEDULES = ("cosine", "step", "constant")
LARGEST_SIDE = 8192
"""Pixels of a view or an input: a batch of larger ones fits into no memory."""
MOST_SAMPLES = 4096
"""Samples of a pass, clicks of a sample and the like, for the same reason."""
Size = int | tuple[int, int]
"""One side of a square, or (height, width)."""


def later(default: Any) -> Any:
    """Declare a key that came after the first recipes: at its default it is not in the digest."""
    return dataclasses.field(default=default, metadata={"later": True})


def shape_of(size: Size) -> tuple[int, int]:
    """Return (height, width)."""
    return (size, size) if isinstance(size, int) else size


@dataclass(frozen=True)
class SetConfig:
    """One set of the mixture."""

    name: str
    weight: float
    """Share of the samples, relative to the other sets'."""
    kind: str = "instances"
    """``instances``; ``parts`` (ids are parts, their union is a target too); ``regions`` (a full
    partition per file ``STEM_aK``: regions and unions of neighbours are targets)."""
    licence: str = ""
    source: str = ""
    format: str = later("folder")
    """One of ``evaluation.readers.FORMATS``."""
    path: str = later("")
    """Under the data folder; by default the set's name."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_choice(f"kind of set {self.name!r}", self.kind, KINDS)
        if not self.weight > 0:
            raise ValueError(f"weight of set {self.name!r} is {self.weight}; give a positive one")
        if self.kind == "regions" and self.format != "folder":
            raise ValueError(
                f"kind of set {self.name!r} is 'regions' and its format {self.format!r}; "
                "region partitions are read from the format 'folder'"
            )

    @property
    def place(self) -> str:
        """Path under the data folder."""
        return self.path or self.name


@dataclass(frozen=True)
class ViewConfig:
    """How much of an image a sample shows."""

    source_size: Size = 384
    """Pixels of the view, from which the fine level's crops are read."""
    scale: tuple[float, float] = (1.3, 14.0)
    """Range of the view's side over the object's larger box side, log-uniform."""
    whole: float = 0.2
    """Probability of showing the whole image."""
    min_object: int = 24
    """Smallest object in pixels of the image."""
    merge: float = 0.15
    """Probability of two objects as one target (instances)."""
    background: float = 0.01
    """Probability of an empty target with negative clicks only."""
    rescale: tuple[float, float] | None = later(None)
    """Instead of ``scale`` and ``whole``: the paper's crops, ``source_size`` pixels of the image
    enlarged by a uniform factor of this range, anywhere around the object."""

    def __post_init__(self) -> None:
        check_fields(self)
        for side in shape_of(self.source_size):
            check_range("view.source_size", side, 32, LARGEST_SIDE)
        _ordered("view.scale", self.scale)
        if self.rescale is not None:
            _ordered("view.rescale", self.rescale)
        for key in ("whole", "merge", "background"):
            _share(f"view.{key}", getattr(self, key))
        check_range("view.min_object", self.min_object, 1)


@dataclass(frozen=True)
class AugmentConfig:
    """Probabilities of the augmentation; micrographs are not photographs."""

    flip: float = 0.5
    rotate90: float = 0.5
    colour: float = 0.6
    gamma: float = 0.3
    stretch: float = 0.5
    """Contrast limits at robust percentiles, as headless use sets them; a window shows 8-bit images
    as they are."""
    invert: float = 0.12
    grey: float = 0.15
    shuffle: float = 0.08
    """Permuted channels."""
    blur: float = 0.15
    noise: float = 0.2
    rotate: float = later(0.0)
    """Turned by any angle; beyond the view's border the image is mirrored, and does not count."""

    def __post_init__(self) -> None:
        check_fields(self)
        for field in dataclasses.fields(self):
            _share(f"augment.{field.name}", getattr(self, field.name))


@dataclass(frozen=True)
class ClickConfig:
    """Simulated clicks while training, as in RITM."""

    max_initial: int = 24
    """Slots for positive clicks, and as many for negative ones."""
    decay: float = 0.8
    """P(n initial clicks) is proportional to decay^n."""
    erode: float = 0.9
    """Probability of drawing initial positive clicks from the eroded object."""
    negatives: tuple[float, float, float] = (0.1, 0.4, 0.5)
    """Shares of background, other objects and the object's border."""
    rounds: int = 3
    """At most so many clicks are added by the simulated user."""
    existing: float = later(0.0)
    """Probability of a mask with an error before the first click, which then corrects it."""
    misplaced: float = later(0.0)
    """Probability of a mask that lies elsewhere before the first click."""
    context: float = later(0.0)
    """Probability of negative clicks in the neighbours of the object, as of objects that were
    finished before."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("clicks.max_initial", self.max_initial, 1, MOST_SAMPLES)
        check_range("clicks.rounds", self.rounds, 0, MOST_SAMPLES)
        for key in ("erode", "existing", "misplaced", "context"):
            _share(f"clicks.{key}", getattr(self, key))
        if self.existing + self.misplaced > 1:
            raise ValueError(
                f"clicks.existing is {self.existing} and clicks.misplaced {self.misplaced}; "
                "give shares that sum to at most 1"
            )
        if not 0 < self.decay <= 1:
            raise ValueError(f"clicks.decay is {self.decay}; give a number above 0, up to 1")
        if len(self.negatives) != 3 or abs(sum(self.negatives) - 1) > 1e-9:
            raise ValueError(
                f"clicks.negatives is {list(self.negatives)}; give three shares that sum to 1"
            )


@dataclass(frozen=True)
class StageConfig:
    """One stage of the training."""

    steps: int
    """0 leaves the level as it is at the start."""
    batch: int = 16
    """Samples of a pass, over all processes; ``accumulate`` passes make a step."""
    size: Size = 192
    """The level's input in pixels."""
    warmup_size: Size = 192
    """The input during the first ``warmup_share`` of the steps: small inputs are cheap."""
    warmup_share: float = 0.0
    learning_rate: float = 1e-3
    backbone_factor: float = 0.3
    weight_decay: float = 1e-4
    warmup_steps: int = 40
    """The learning rate rises linearly during so many steps."""
    clip: float = 5.0
    """Largest norm of the gradient; 0: not limited."""
    optimizer: str = later("adamw")
    schedule: str = later("cosine")
    """``cosine``: to zero at the last step; ``step``: times ``drop`` at each milestone;
    ``constant``."""
    milestones: tuple[int, ...] = later(())
    """Steps (in a recipe with ``epochs``: epochs) of the schedule ``step``."""
    drop: float = later(0.1)
    accumulate: int = later(1)
    """Passes whose gradients make one step."""
    ema: float = later(0.0)
    """Decay of a running average of the weights, which is then what is exported; 0: none."""
    auxiliary: float = later(0.4)
    """Weight of the cross-entropy on the auxiliary head, where the decoder has one (HRNet)."""
    freeze_norm: bool = later(False)
    """Keep the statistics of the batch normalisation as they are."""
    source_size: int | tuple[int, int] | None = later(None)
    """Pixels of the view in this stage, where they are not those of ``view``: the fine level needs
    small objects in large views as sharp as the image has them."""
    rounds: int | None = later(None)
    """Clicks that are added at most in this stage, where they are not those of ``clicks``."""

    def size_at(self, step: int) -> Size:
        """Return the input at a step."""
        return self.warmup_size if step < self.warmup_share * self.steps else self.size

    def __post_init__(self) -> None:
        check_fields(self)
        for side in () if self.source_size is None else shape_of(self.source_size):
            check_range("source_size", side, 32, LARGEST_SIDE)
        for key in ("batch", "accumulate"):
            check_range(key, getattr(self, key), 1, MOST_SAMPLES)
        for key in ("size", "warmup_size"):
            _network_size(key, getattr(self, key))
        for key in ("warmup_share", "ema", "drop"):
            _share(key, getattr(self, key))
        for key in ("weight_decay", "clip", "backbone_factor", "auxiliary"):
            check_range(key, getattr(self, key), 0)
        for key in ("steps", "warmup_steps"):
            check_range(key, getattr(self, key), 0)
        check_range("rounds", self.rounds or 0, 0, MOST_SAMPLES)
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; give a positive one")
        if self.warmup_steps >= self.steps > 0:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps} and steps {self.steps}; "
                "the warm-up must be shorter than the stage"
            )
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        self._check_milestones()

    def _check_milestones(self) -> None:
        given = list(self.milestones)
        if self.schedule != "step" and given:
            raise ValueError(
                f"milestones are {given} and the schedule is {self.schedule!r}, which has none; "
                "leave them out or set schedule = 'step'"
            )
        if self.schedule == "step" and not given:
            raise ValueError("the schedule 'step' needs milestones; give the steps of the drops")
        if given != sorted(set(given)) or (given and not 0 < given[0] <= given[-1] < self.steps):
            raise ValueError(
                f"milestones are {given} of {self.steps} steps; give rising ones inside the stage"
            )


@dataclass(frozen=True)
class HeldOutConfig:
    """One set of images that training does not see."""

    name: str
    format: str = "folder"
    path: str = ""
    """Under the data folder; by default the set's name."""
    objects: str = ""
    """A JSON file under the data folder that lists the objects; by default every object counts."""

    @property
    def place(self) -> str:
        """Path under the data folder."""
        return self.path or self.name


@dataclass(frozen=True)
class ValidationConfig:
    """Measuring clicks on held-out objects while training, and choosing the best model by it."""

    sets: tuple[HeldOutConfig, ...]
    objects: int = 30
    """Objects of each set, drawn once."""
    every: int = 200
    """Steps between two measurements."""
    target: float = 0.85
    """IoU that the simulated user wants."""
    max_clicks: int = 10
    view_scale: float | None = None
    """Side of the view over the object's longer box side; by default the whole image."""
    patience: int = 0
    """The stage ends after so many measurements without a better one; 0: never."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.sets:
            raise ValueError("validation.sets is empty; name at least one set of held-out images")
        for key in ("objects", "every", "max_clicks"):
            check_range(f"validation.{key}", getattr(self, key), 1)
        check_range("validation.patience", self.patience, 0)
        if not 0 < self.target <= 1:
            raise ValueError(f"validation.target is {self.target}; give an IoU above 0, up to 1")
        if self.view_scale is not None and self.view_scale < 1:
            raise ValueError(f"validation.view_scale is {self.view_scale}; give at least 1")


def _share(key: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{key} is {value}; give a number from 0 to 1")


def _ordered(key: str, value: tuple[float, float]) -> None:
    if len(value) != 2 or not 0 < value[0] <= value[1]:
        raise ValueError(f"{key} is {list(value)}; give two rising numbers above 0")


def _network_size(key: str, value: Size) -> None:
    sides = shape_of(value)
    if len(sides) != 2 or any(side < 32 or side % 32 for side in sides):
        raise ValueError(f"{key} is {value}; network sizes are multiples of 32")
    for side in sides:
        check_range(key, side, 32, LARGEST_SIDE)
