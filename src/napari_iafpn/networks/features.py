"""From image and click features to F at 1/4 and F^h at 1/2."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import timm
import torch
from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
from timm.models import FeatureListNet
from torch import Tensor, nn
from torch.nn import functional as F

from napari_iafpn.networks.config import LevelConfig
from napari_iafpn.networks.tables import shown

STEMS = ("act1", "bn1", "stem")
"""timm's names for the last module of a first convolutional block, the likeliest first."""


@dataclass(frozen=True)
class Features:
    """What a decoder hands on."""

    stem: Tensor
    """F^h (B, S, H/2, W/2): the first block's output with the clicks added."""
    fused: Tensor
    """F (B, C, H/4, W/4)."""
    auxiliary: Tensor | None = None
    """Logits (B, 1, H/4, W/4) of a decoder that has an auxiliary head."""

    def bare(self) -> Tensor:
        """Return (B, C + S, H/4, W/4): F, and the first block's output averaged to its grid."""
        return torch.cat([self.fused, F.avg_pool2d(self.stem, 2)], dim=1)


def create_backbone(name: str, **options: Any) -> Any:
    """Build a timm model without weights.

    Raises
    ------
    ValueError
        Where the name is unknown, with alike ones; where the model has other options.
    """
    if not timm.is_model(name):
        alike = get_close_matches(name, timm.list_models(), n=5) or ["tf_efficientnet_lite0"]
        raise ValueError(
            f"unknown backbone {shown(name)}; give a timm model name, for example "
            f"{', '.join(alike)}"
        )
    try:
        return timm.create_model(name, pretrained=False, **options)
    except (TypeError, AssertionError, ValueError) as error:  # each model its own
        raise _unfit(name) from error


def _feature_maps(config: LevelConfig) -> FeatureListNet:
    """Return a backbone as a chain of its stages; ValueError where it is none."""
    backbone = create_backbone(config.backbone, output_stride=config.output_stride)
    names = [info["module"] for info in backbone.feature_info]
    strides = [info["reduction"] for info in backbone.feature_info]
    if strides[:2] != [2, 4] or strides[-1] != config.output_stride:
        raise ValueError(
            f"backbone {config.backbone!r} has feature strides {strides}; "
            f"expected 2, 4, ... {config.output_stride}; choose a convolutional backbone"
        )
    try:
        chain = FeatureListNet(backbone, flatten_sequential=any("." in name for name in names))
    except AssertionError as error:
        raise _unfit(config.backbone) from error
    if not set(STEMS) & set(chain):
        raise _unfit(config.backbone)
    return chain


def _unfit(name: str) -> ValueError:
    return ValueError(
        f"backbone {name!r} is no chain of stages with strides 2, 4, 8 and 16 that can be built "
        "here; choose a convolutional backbone such as tf_efficientnet_lite0 or resnet34"
    )


class DeepLabFeatures(nn.Module):
    """DeepLabV3+ on any timm backbone that is a chain of stages at strides 2, 4, 8 and 16."""

    backbone: FeatureListNet

    def __init__(self, config: LevelConfig) -> None:
        super().__init__()
        self.backbone = _feature_maps(config)
        info = self.backbone.feature_info
        self._stem = next(name for name in STEMS if name in self.backbone)
        self._skip = info.module_name()[1].replace(".", "_")
        skip_channels, deep_channels = info.channels()[1], info.channels()[-1]
        self.decoder = DeepLabV3PlusDecoder(
            encoder_channels=(3, skip_channels, skip_channels, deep_channels),
            encoder_depth=5,
            out_channels=config.channels,
            atrous_rates=config.atrous_rates,
            output_stride=config.output_stride,
            aspp_separable=config.separable_aspp,
            aspp_dropout=0.1,
        )
        # One rule of resampling everywhere: the library's decoder aligns corners.
        self.decoder.up = nn.Upsample(
            scale_factor=config.output_stride // 4, mode="bilinear", align_corners=False
        )

    @property
    def stem_channels(self) -> int:
        """Width of the first block."""
        if self._stem == "act1":
            return int(self.backbone.feature_info.channels()[0])
        norm = [m for m in self.backbone[self._stem].modules() if isinstance(m, nn.BatchNorm2d)]
        return norm[-1].num_features

    def forward(self, image: Tensor, clicks: Tensor) -> Features:
        """Map a normalised image (B, 3, H, W) and click features (B, S, H/2, W/2) to features."""
        x = image
        for name, module in self.backbone.items():
            x = module(x)
            if name == self._stem:
                x = stem = x + clicks
            if name == self._skip:
                skip = x
        fused = self.decoder([image, stem, skip, x])
        return Features(stem=stem, fused=fused)
