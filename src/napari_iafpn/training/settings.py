"""The tables of a recipe: frozen values that check themselves and name the key that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from napari_iafpn.networks.tables import (
    Count,
    Flag,
    Natural,
    Real,
    Share,
    Whole,
    between,
    checked,
    later,
    must,
    one_of,
)

LARGEST_SIDE = 8192
"""Pixels of a view or an input: a batch of larger ones fits into no memory."""
MOST_SAMPLES = 4096
"""Samples of a pass, clicks of a sample and the like, for the same reason."""
Size = Whole | tuple[Whole, Whole]
"""One side of a square, or (height, width)."""


def shape_of(size: Size) -> tuple[int, int]:
    """Return (height, width)."""
    return (size, size) if isinstance(size, int) else size


ViewSize = Annotated[
    Size,
    must(
        lambda size: 32 <= min(shape_of(size)) <= max(shape_of(size)) <= LARGEST_SIDE,
        f"at least 32 and at most {LARGEST_SIDE}",
    ),
]
NetworkSize = Annotated[
    Size,
    must(
        lambda size: all(32 <= n <= LARGEST_SIDE and n % 32 == 0 for n in shape_of(size)),
        f"multiples of 32, at most {LARGEST_SIDE}",
    ),
]
Samples = Annotated[Whole, between(1, MOST_SAMPLES)]
AddedClicks = Annotated[Whole, between(0, MOST_SAMPLES)]
Positive = Annotated[Real, must(lambda value: value > 0, "a positive one")]
NotNegative = Annotated[Real, between(0)]
Rising = Annotated[
    tuple[Real, Real], must(lambda pair: 0 < pair[0] <= pair[1], "two rising numbers above 0")
]


def check_names(sets: Sequence[SetConfig | HeldOutConfig]) -> None:
    """Raise ValueError where two sets have one name."""
    names = [config.name for config in sets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"sets has {twice[0]!r} twice; give each set its own name")


@checked
@dataclass(frozen=True)
class SetConfig:
    """One set of the mixture."""

    name: str
    weight: Positive
    """Share of the samples, relative to the other sets'."""
    kind: Annotated[str, one_of("instances", "parts", "regions")] = "instances"
    """``instances``; ``parts`` (ids are parts, their union is a target too); ``regions`` (a full
    partition per file ``STEM_aK``: regions and unions of neighbours are targets)."""
    licence: str = ""
    source: str = ""
    format: str = later("folder")
    """One of ``evaluation.readers.FORMATS``."""
    path: str = later("")
    """Under the data folder; by default the set's name."""

    def __post_init__(self) -> None:
        if self.kind == "regions" and self.format != "folder":
            raise ValueError(
                f"kind of set {self.name!r} is 'regions' and its format {self.format!r}; "
                "region partitions are read from the format 'folder'"
            )

    @property
    def place(self) -> str:
        """Path under the data folder."""
        return self.path or self.name


@checked
@dataclass(frozen=True)
class ViewConfig:
    """How much of an image a sample shows."""

    source_size: ViewSize = 384
    """Pixels of the view, from which the fine level's crops are read."""
    scale: Rising = (1.3, 14.0)
    """Range of the view's side over the object's larger box side, log-uniform."""
    whole: Share = 0.2
    """Probability of showing the whole image."""
    min_object: Count = 24
    """Smallest object in pixels of the image."""
    merge: Share = 0.15
    """Probability of two objects as one target (instances)."""
    background: Share = 0.01
    """Probability of an empty target with negative clicks only."""
    rescale: Rising | None = later(None)
    """Instead of ``scale`` and ``whole``: the paper's crops, ``source_size`` pixels of the image
    enlarged by a uniform factor of this range, anywhere around the object."""


@checked
@dataclass(frozen=True)
class AugmentConfig:
    """Probabilities of the augmentation; micrographs are not photographs."""

    flip: Share = 0.5
    rotate90: Share = 0.5
    colour: Share = 0.6
    gamma: Share = 0.3
    stretch: Share = 0.5
    """Contrast limits at robust percentiles, as headless use sets them; a window shows 8-bit images
    as they are."""
    invert: Share = 0.12
    grey: Share = 0.15
    shuffle: Share = 0.08
    """Permuted channels."""
    blur: Share = 0.15
    noise: Share = 0.2
    rotate: Share = later(0.0)
    """Turned by any angle; beyond the view's border the image is mirrored, and does not count."""


@checked
@dataclass(frozen=True)
class ClickConfig:
    """Simulated clicks while training, as in RITM."""

    max_initial: Samples = 24
    """Slots for positive clicks, and as many for negative ones."""
    decay: Annotated[Real, must(lambda d: 0 < d <= 1, "a number above 0, up to 1")] = 0.8
    """P(n initial clicks) is proportional to decay^n."""
    erode: Share = 0.9
    """Probability of drawing initial positive clicks from the eroded object."""
    negatives: Annotated[
        tuple[Real, Real, Real],
        must(lambda shares: abs(sum(shares) - 1) < 1e-9, "three shares that sum to 1"),
    ] = (0.1, 0.4, 0.5)
    """Shares of background, other objects and the object's border."""
    rounds: AddedClicks = 3
    """At most so many clicks are added by the simulated user."""
    existing: Share = later(0.0)
    """Probability of a mask with an error before the first click, which then corrects it."""
    misplaced: Share = later(0.0)
    """Probability of a mask that lies elsewhere before the first click."""
    context: Share = later(0.0)
    """Probability of negative clicks in the neighbours of the object, as of objects that were
    finished before."""

    def __post_init__(self) -> None:
        if self.existing + self.misplaced > 1:
            raise ValueError(
                f"existing is {self.existing} and misplaced {self.misplaced}; give shares that sum "
                "to at most 1"
            )


@checked
@dataclass(frozen=True)
class StageConfig:
    """One stage of the training."""

    steps: Natural
    """0 leaves the level as it is at the start."""
    batch: Samples = 16
    """Samples of a pass, over all processes; ``accumulate`` passes make a step."""
    size: NetworkSize = 192
    """The level's input in pixels."""
    warmup_size: NetworkSize = 192
    """The input during the first ``warmup_share`` of the steps: small inputs are cheap."""
    warmup_share: Share = 0.0
    learning_rate: Positive = 1e-3
    backbone_factor: NotNegative = 0.3
    weight_decay: NotNegative = 1e-4
    warmup_steps: Natural = 40
    """The learning rate rises linearly during so many steps."""
    clip: NotNegative = 5.0
    """Largest norm of the gradient, of each level and the refiner; 0: not limited."""
    optimizer: Annotated[str, one_of("adamw", "adam")] = later("adamw")
    schedule: Annotated[str, one_of("cosine", "step", "constant")] = later("cosine")
    """``cosine``: to zero at the last step; ``step``: times ``drop`` at each milestone;
    ``constant``."""
    cooldown: Natural = later(0)
    """Last steps of the schedule ``constant``; the learning rate falls linearly to zero in them."""
    milestones: tuple[Whole, ...] = later(())
    """Steps (in a recipe with ``epochs``: epochs) of the schedule ``step``."""
    drop: Share = later(0.1)
    accumulate: Samples = later(1)
    """Passes whose gradients make one step."""
    ema: Share = later(0.0)
    """Decay of a running average of the weights, which is then what is exported; 0: none."""
    auxiliary: NotNegative = later(0.4)
    """Weight of the cross-entropy on the auxiliary head, where the decoder has one (HRNet)."""
    freeze_norm: Flag = later(False)
    """Keep the statistics of the batch normalisation as they are."""
    source_size: ViewSize | None = later(None)
    """Pixels of the view in this stage, where they are not those of ``view``: the fine level needs
    small objects in large views as sharp as the image has them."""
    rounds: AddedClicks | None = later(None)
    """Clicks that are added at most in this stage, where they are not those of ``clicks``."""

    def size_at(self, step: int) -> Size:
        """Return the input at a step."""
        return self.warmup_size if step < self.warmup_share * self.steps else self.size

    def __post_init__(self) -> None:
        if self.warmup_steps >= self.steps > 0:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps} and steps {self.steps}; "
                "the warm-up must be shorter than the stage"
            )
        if self.cooldown and (self.schedule != "constant" or self.cooldown > self.steps):
            raise ValueError(
                f"cooldown is {self.cooldown} of {self.steps} steps and the schedule is "
                f"{self.schedule!r}; give at most all steps, and schedule = 'constant'"
            )
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


@checked
@dataclass(frozen=True)
class HeldOutConfig:
    """One set of images that training does not see."""

    name: Annotated[
        str, must(lambda name: name != "all", "another name, for this one means all sets together")
    ]
    format: str = "folder"
    path: str = ""
    """Under the data folder; by default the set's name."""
    objects: str = ""
    """A JSON file under the data folder that lists the objects; by default every object counts."""

    @property
    def place(self) -> str:
        """Path under the data folder."""
        return self.path or self.name


@checked
@dataclass(frozen=True)
class ValidationConfig:
    """Measuring clicks on held-out objects while training, and choosing the best model by it."""

    sets: Annotated[
        tuple[HeldOutConfig, ...], must(len, "the name of at least one set of held-out images")
    ]
    objects: Count = 30
    """Objects of each set, drawn once."""
    every: Count = 200
    """Steps between two measurements."""
    target: Annotated[Real, must(lambda t: 0 < t <= 1, "an IoU above 0, up to 1")] = 0.85
    """IoU that the simulated user wants."""
    max_clicks: Count = 10
    view_scale: Annotated[Real, between(1)] | None = None
    """Side of the view over the object's longer box side; by default the whole image."""
    patience: Natural = 0
    """The stage ends after so many measurements without a better one; 0: never."""

    def __post_init__(self) -> None:
        check_names(self.sets)
