"""One level: image, previous mask and prompts to logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_iafpn.networks.config import LevelConfig
from napari_iafpn.networks.features import DeepLabFeatures, Features
from napari_iafpn.networks.hrnet import HRNetFeatures
from napari_iafpn.networks.inputs import graph_inputs
from napari_iafpn.networks.propagation import HSGM, SGM
from napari_iafpn.prompts import PromptTensors


class ClickFusion(nn.Module):
    """Turn previous mask and click map into features of the backbone's first block ("Conv1S").

    1 x 1 convolution to 16 channels, LeakyReLU(0.2), 3 x 3 convolution with stride 2 to the width
    of the first block, one learnable scale that starts at 0.05.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 16, 1)
        self.activation = nn.LeakyReLU(0.2, inplace=True)
        self.project = nn.Conv2d(16, channels, 3, stride=2, padding=1)
        self.scale = nn.Parameter(torch.tensor(0.05))

    def forward(self, previous: Tensor, clicks: Tensor) -> Tensor:
        """Map ``previous`` (B, 1, H, W) and ``clicks`` (B, 2, H, W) to (B, C, H/2, W/2)."""
        mixed = self.activation(self.mix(torch.cat([previous, clicks], dim=1)))
        projected: Tensor = self.project(mixed)
        return projected * self.scale


FEATURES: dict[str, type[DeepLabFeatures] | type[HRNetFeatures]] = {
    "deeplabv3plus": DeepLabFeatures,
    "ocr": HRNetFeatures,
}


class Level(nn.Module):
    """Segment the object that the prompts mean in one input; coarse and fine share this class."""

    features: DeepLabFeatures | HRNetFeatures
    mean: Tensor
    std: Tensor

    def __init__(self, config: LevelConfig) -> None:
        super().__init__()
        self.config = config
        self.features = FEATURES[config.decoder](config)
        stem = self.features.stem_channels
        self.fusion = ClickFusion(stem)
        heavy = config.heavy_propagation
        self.sgm = SGM(config.channels, heavy=heavy) if config.propagation != "none" else None
        high = config.propagation == "sgm+hsgm"
        self.hsgm = HSGM(stem, config.channels, heavy=heavy) if high else None
        self.head = Head(config.channels)
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, previous: Tensor, prompts: PromptTensors) -> Tensor:
        """Return the object's logits (B, 1, H, W).

        Parameters
        ----------
        image : (B, 3, H, W) float
            RGB in [0, 1]; H and W are multiples of 32.
        previous : (B, 1, H, W) float
            Previous mask, probabilities.
        prompts : PromptTensors
            In the frame of ``image``; what lies outside is left out.
        """
        return self.outputs(image, previous, prompts)[0]

    def outputs(
        self, image: Tensor, previous: Tensor, prompts: PromptTensors
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits and, of a decoder with an auxiliary head, its logits (B, 1, H, W)."""
        maps, nodes, valid = graph_inputs(image, prompts, self.config.click_radius)
        found = self.seen(image, previous, maps)
        size = (image.shape[-2], image.shape[-1])
        auxiliary = None if found.auxiliary is None else _upsample(found.auxiliary, size)
        return self.drawn(found, nodes, valid), auxiliary

    def seen(self, image: Tensor, previous: Tensor, maps: Tensor) -> Features:
        """Return the features of an image, its previous mask and the prompts' maps (B, 2, H, W)."""
        found: Features = self.features((image - self.mean) / self.std, self.fusion(previous, maps))
        return found

    def drawn(self, found: Features, nodes: Tensor, valid: Tensor) -> Tensor:
        """Return logits (B, 1, H, W) of features and the graph's nodes, see ``graph_inputs``."""
        height, width = 2 * found.stem.shape[-2], 2 * found.stem.shape[-1]
        fused = found.fused
        if self.sgm is not None:
            fused = self.sgm(fused, _cells(nodes, 4, width), valid)
        if self.hsgm is not None:
            fused = self.hsgm(found.stem, fused, _cells(nodes, 2, width), valid)
        return _upsample(self.head(fused), (height, width))

    def bare_features(self, image: Tensor) -> Tensor:
        """Return what the level sees of ``image`` without any prompt, see ``Features.bare``."""
        none = torch.zeros_like(image)
        return self.seen(image, none[:, :1], none[:, :2]).bare()


class Head(nn.Sequential):
    """Two separable 3 x 3 convolutions and a 1 x 1 to one channel of logits."""

    def __init__(self, channels: int) -> None:
        middle = channels // 2
        super().__init__(
            _separable(channels, middle), _separable(middle, middle), nn.Conv2d(middle, 1, 1)
        )


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _cells(nodes: Tensor, stride: int, width: int) -> Tensor:
    """Return the flat index (B, M) of the cell that contains each pixel (B, M, 2)."""
    cells = nodes // stride
    return cells[..., 0] * (width // stride) + cells[..., 1]


def _upsample(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)
