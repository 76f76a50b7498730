"""Click fusion: the previous mask and the clicks enter the backbone after its first block."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
