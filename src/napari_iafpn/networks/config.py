"""What a network is made of: values that travel in checkpoints and recipes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

PROPAGATIONS = ("none", "sgm", "sgm+hsgm")
DECODERS = ("deeplabv3plus", "ocr")


@dataclass(frozen=True)
class LevelConfig:
    """One level: backbone, decoder and feature propagation."""

    backbone: str = "tf_efficientnet_lite0"
    """A timm model with feature maps at strides 2, 4, 8 and 16."""
    decoder: str = "deeplabv3plus"
    """``deeplabv3plus``, or ``ocr`` for HRNet backbones."""
    output_stride: int = 16
    """Stride of the deepest feature map of a DeepLabV3+ level, 8 or 16."""
    channels: int = 64
    """Width C of the features F: the decoder's output (OCR: twice the OCR width)."""
    atrous_rates: tuple[int, int, int] = (6, 12, 18)
    separable_aspp: bool = True
    propagation: str = "sgm+hsgm"
    """``none`` (without FPM), ``sgm`` or ``sgm+hsgm`` (the paper's FPM)."""
    heavy_propagation: bool = False
    """Surround the propagation with 3 x 3 convolutions instead of 1 x 1 ones."""
    click_radius: float = 5.0
    """Radius of a click's disk, in pixels of the level's input."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        check_choice("propagation", self.propagation, PROPAGATIONS)
        check_choice("decoder", self.decoder, DECODERS)
        check_choice("output_stride", self.output_stride, (8, 16))
        if self.channels < 2 or self.channels % 2:
            raise ValueError(f"channels is {self.channels}; give an even number of at least 2")


@dataclass(frozen=True)
class CascadeConfig:
    """The coarse and the fine level and how they work together."""

    coarse: LevelConfig = field(default_factory=LevelConfig)
    fine: LevelConfig | None = field(default_factory=LevelConfig)
    """None is the paper's ablation without IAF: the coarse level alone, zooming on the previous
    mask."""
    coarse_size: int = 256
    """Long side of the coarse level's input, in pixels."""
    fine_size: int = 256
    """Long side of the fine level's input, in pixels."""
    min_crop: int = 48
    """Smallest side of the region of interest, in image pixels."""
    memory: float = field(default=0.0, metadata={"later": True})
    """Share of the object's last mask in what the fine level is given; the rest is the intention.
    0 is the paper's eq. (4), which forgets what lies below the coarse level's resolution."""
    refiner: int = field(default=0, metadata={"later": True})
    """Channels of the refiner after the fine level, see ``networks.refiner``; 0, the paper's, is
    none."""

    def __post_init__(self) -> None:
        for name in ("coarse_size", "fine_size"):
            size = getattr(self, name)
            if size < 32 or size % 32:
                raise ValueError(f"{name} is {size}; network sizes are multiples of 32")
        if not 0 <= self.memory < 1:
            raise ValueError(f"memory is {self.memory}; give a share from 0 to less than 1")
        if self.refiner < 0 or (self.refiner and self.fine is None):
            raise ValueError(
                f"refiner is {self.refiner}; give the channels of what follows a fine level, "
                "or 0 where there is none"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or TOML."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CascadeConfig:
        """Build from ``to_dict`` output; an unknown key is a ValueError that names it."""
        values = dict(values)
        for level in ("coarse", "fine"):
            if isinstance(values.get(level), dict):
                values[level] = from_known_keys(LevelConfig, values[level], f"the {level} level")
        config: CascadeConfig = from_known_keys(cls, values, "the cascade")
        return config


def from_known_keys(kind: type[Any], values: dict[str, Any], what: str) -> Any:
    """Build the dataclass ``kind``; keys it lacks raise a ValueError; lists become tuples."""
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(
            f"unknown key {unknown[0]!r} in the configuration of {what}; "
            f"known keys are {', '.join(sorted(known))}"
        )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(str, choices))}")
