"""What a network is made of: values that travel in checkpoints and recipes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from napari_iafpn.networks.tables import (
    check_choice,
    check_fields,
    check_range,
    read_table,
)

PROPAGATIONS = ("none", "sgm", "sgm+hsgm")
DECODERS = ("deeplabv3plus", "ocr")
# What lies beyond is a damaged file or a slip: the paper's largest level has 256 channels, and what
# a level of 2048 channels computes at the largest size does not fit into any GPU.
MOST_CHANNELS = 2048
LARGEST_SIZE = 4096
"""Long side of a network's input, in pixels."""


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
        check_fields(self)
        check_choice("propagation", self.propagation, PROPAGATIONS)
        check_choice("decoder", self.decoder, DECODERS)
        check_choice("output_stride", self.output_stride, (8, 16))
        check_range("channels", self.channels, 2, MOST_CHANNELS)
        if self.channels % 2:
            raise ValueError(f"channels is {self.channels}; give an even number")
        for rate in self.atrous_rates:
            check_range("atrous_rates", rate, 1, LARGEST_SIZE // self.output_stride)
        check_range("click_radius", self.click_radius, 0.5, LARGEST_SIZE)
        for mean, std in zip(self.mean, self.std, strict=True):  # of RGB in [0, 1]
            check_range("mean", mean, -1e3, 1e3)
            check_range("std", std, 1e-3, 1e3)


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
        check_fields(self)
        for name in ("coarse_size", "fine_size"):
            size = getattr(self, name)
            if size < 32 or size % 32:
                raise ValueError(f"{name} is {size}; network sizes are multiples of 32")
            check_range(name, size, 32, LARGEST_SIZE)
        check_range("min_crop", self.min_crop, 1, LARGEST_SIZE)
        if not 0 <= self.memory < 1:
            raise ValueError(f"memory is {self.memory}; give a share from 0 to less than 1")
        if self.refiner < 0 or (self.refiner and self.fine is None):
            raise ValueError(
                f"refiner is {self.refiner}; give the channels of what follows a fine level, "
                "or 0 where there is none"
            )
        check_range("refiner", self.refiner, 0, MOST_CHANNELS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or TOML."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> CascadeConfig:
        """Build from ``to_dict`` output; ValueError, which names the key, where it is none."""
        for level in ("coarse", "fine"):
            if isinstance(values, dict) and values.get(level) is not None:
                found = read_table(LevelConfig, values[level], f"the {level} level")
                values = {**values, level: found}
        config: CascadeConfig = read_table(cls, values, "the cascade")
        return config
