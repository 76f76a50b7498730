"""What a network is made of: values that travel in checkpoints and recipes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any

from napari_iafpn.networks.tables import (
    Flag,
    Real,
    Whole,
    between,
    checked,
    later,
    must,
    one_of,
    read_table,
)

PROPAGATIONS = ("none", "sgm", "sgm+hsgm")
# What lies beyond is a damaged file or a slip: the paper's largest level has 256 channels, and what
# a level of 2048 channels computes at the largest size does not fit into any GPU.
MOST_CHANNELS = 2048
LARGEST_SIZE = 4096
"""Long side of a network's input, in pixels."""

Size = Annotated[
    Whole,
    must(lambda size: size >= 32 and size % 32 == 0, "a multiple of 32"),
    between(32, LARGEST_SIZE),
]
Mean = Annotated[Real, between(-1e3, 1e3)]
Deviation = Annotated[Real, between(1e-3, 1e3)]


@checked
@dataclass(frozen=True)
class LevelConfig:
    """One level: backbone, decoder and feature propagation."""

    backbone: str = "tf_efficientnet_lite0"
    """A timm model with feature maps at strides 2, 4, 8 and 16."""
    decoder: Annotated[str, one_of("deeplabv3plus", "ocr")] = "deeplabv3plus"
    """``deeplabv3plus``, or ``ocr`` for HRNet backbones."""
    output_stride: Annotated[Whole, must(lambda n: n in (8, 16), "8 or 16")] = 16
    """Stride of the deepest feature map of a DeepLabV3+ level, 8 or 16."""
    channels: Annotated[
        Whole, between(2, MOST_CHANNELS), must(lambda n: n % 2 == 0, "an even number")
    ] = 64
    """Width C of the features F: the decoder's output (OCR: twice the OCR width)."""
    atrous_rates: tuple[Whole, Whole, Whole] = (6, 12, 18)
    separable_aspp: Flag = True
    propagation: Annotated[str, one_of(*PROPAGATIONS)] = "sgm+hsgm"
    """``none`` (without FPM), ``sgm`` or ``sgm+hsgm`` (the paper's FPM)."""
    heavy_propagation: Flag = False
    """Surround the propagation with 3 x 3 convolutions instead of 1 x 1 ones."""
    click_radius: Annotated[Real, between(0.5, LARGEST_SIZE)] = 5.0
    """Radius of a click's disk, in pixels of the level's input."""
    mean: tuple[Mean, Mean, Mean] = (0.485, 0.456, 0.406)
    std: tuple[Deviation, Deviation, Deviation] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        most = LARGEST_SIZE // self.output_stride
        wrong = [rate for rate in self.atrous_rates if not 1 <= rate <= most]
        if wrong:
            raise ValueError(f"atrous_rates is {wrong[0]}; give at least 1 and at most {most}")


@checked
@dataclass(frozen=True)
class CascadeConfig:
    """The coarse and the fine level and how they work together."""

    coarse: LevelConfig = field(default_factory=LevelConfig)
    fine: LevelConfig | None = field(default_factory=LevelConfig)
    """None is the paper's ablation without IAF: the coarse level alone, zooming on the previous
    mask."""
    coarse_size: Size = 256
    """Long side of the coarse level's input, in pixels."""
    fine_size: Size = 256
    """Long side of the fine level's input, in pixels."""
    min_crop: Annotated[Whole, between(1, LARGEST_SIZE)] = 48
    """Smallest side of the region of interest, in image pixels."""
    memory: Annotated[Real, must(lambda m: 0 <= m < 1, "a share from 0 to less than 1")] = later(
        0.0
    )
    """Share of the object's last mask in what the fine level is given; the rest is the intention.
    0 is the paper's eq. (4), which forgets what lies below the coarse level's resolution."""
    refiner: Annotated[Whole, between(0, MOST_CHANNELS)] = later(0)
    """Channels of the refiner after the fine level, see ``networks.refiner``; 0, the paper's, is
    none."""

    def __post_init__(self) -> None:
        if self.refiner and self.fine is None:
            raise ValueError(
                f"refiner is {self.refiner}; give the channels of what follows a fine level, "
                "or 0 where there is none"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or TOML."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> CascadeConfig:
        """Build from ``to_dict`` output; ValueError, which names the key, where it is none."""
        return read_table(cls, values, "the cascade")


_LITE = LevelConfig(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
_RESNET = LevelConfig(
    backbone="resnet34",
    output_stride=8,
    channels=128,
    atrous_rates=(12, 24, 36),
    separable_aspp=False,
)
_HRNET = LevelConfig(backbone="hrnet_w18", decoder="ocr", channels=128)
_TINY = dataclasses.replace(_LITE, backbone="test_efficientnet", channels=16)


def _paper(level: LevelConfig) -> CascadeConfig:
    return CascadeConfig(level, level, coarse_size=512, fine_size=416)


PRESETS: dict[str, CascadeConfig] = {
    "default": CascadeConfig(_LITE, _LITE, coarse_size=288, fine_size=384, memory=0.5, refiner=32),
    "resnet34": _paper(_RESNET),
    "resnet50s": _paper(dataclasses.replace(_RESNET, backbone="resnet50s")),
    "resnet101s": _paper(dataclasses.replace(_RESNET, backbone="resnet101s", channels=256)),
    "hrnet18": _paper(_HRNET),
    "tiny": CascadeConfig(_TINY, _TINY, coarse_size=64, fine_size=64, min_crop=16),
}
"""``default`` is the shipped laptop model's architecture, ``tiny`` is for tests; the others are the
paper's settings."""


def preset(name: str) -> CascadeConfig:
    """Return a named configuration; an unknown name is a ValueError that lists the known ones."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
