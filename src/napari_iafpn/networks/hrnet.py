"""HRNet with object-contextual representations (OCR, Yuan et al. 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_iafpn.networks.config import LevelConfig
from napari_iafpn.networks.features import Features, create_backbone


class HRNetFeatures(nn.Module):
    """HRNet's concatenated multi-resolution features after OCR; F has 2 x the OCR width."""

    backbone: Any

    def __init__(self, config: LevelConfig) -> None:
        super().__init__()
        if not config.backbone.startswith("hrnet"):
            raise ValueError(
                f"the decoder 'ocr' needs an HRNet backbone, got {config.backbone!r}; "
                "use for example 'hrnet_w18', or the decoder 'deeplabv3plus'"
            )
        self.backbone = create_backbone(
            config.backbone, features_only=True, feature_location="", out_indices=(0, 1, 2, 3, 4)
        )
        self.ocr = ObjectContext(sum(self.backbone.feature_info.channels()[1:]), config.channels)

    @property
    def stem_channels(self) -> int:
        """Width of the first block."""
        return int(self.backbone.feature_info.channels()[0])

    def forward(self, image: Tensor, clicks: Tensor) -> Features:
        """Map a normalised image (B, 3, H, W) and click features (B, S, H/2, W/2) to features."""
        net = self.backbone
        stem = net.act1(net.bn1(net.conv1(image))) + clicks
        branches = net.stages(net.act2(net.bn2(net.conv2(stem))))
        size = branches[0].shape[-2:]
        joined = torch.cat(
            [F.interpolate(b, size, mode="bilinear", align_corners=False) for b in branches], dim=1
        )
        fused, auxiliary = self.ocr(joined)
        return Features(stem=stem, fused=fused, auxiliary=auxiliary)


class ObjectContext(nn.Module):
    """Enrich each pixel with the representation of the object region it relates to."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        width = channels // 2
        self.region = nn.Sequential(_conv(inputs, inputs, 1), nn.Conv2d(inputs, 1, 1))
        self.pixels = _conv(inputs, channels, 3)
        self.query = nn.Sequential(_conv(channels, width, 1), _conv(width, width, 1))
        self.key = nn.Sequential(_conv(channels, width, 1), _conv(width, width, 1))
        self.value = _conv(channels, width, 1)
        self.lift = _conv(width, channels, 1)
        self.join = nn.Sequential(_conv(2 * channels, channels, 1), nn.Dropout2d(0.05))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, I, h, w) to features (B, C, h, w) and auxiliary logits (B, 1, h, w)."""
        auxiliary = self.region(features)
        pixels = self.pixels(features)
        share = auxiliary.flatten(2).softmax(dim=2)  # (B, K = 1, N)
        regions = (pixels.flatten(2) @ share.transpose(1, 2))[..., None]  # (B, C, K, 1)
        query = self.query(pixels).flatten(2)  # (B, d, N)
        key = self.key(regions)[..., 0]  # (B, d, K)
        attention = (key.transpose(1, 2) @ query / key.shape[1] ** 0.5).softmax(dim=1)  # (B, K, N)
        context = self.value(regions)[..., 0] @ attention  # (B, d, N)
        lifted = self.lift(context.view(context.shape[0], -1, *pixels.shape[-2:]))
        return self.join(torch.cat([lifted, pixels], dim=1)), auxiliary


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
