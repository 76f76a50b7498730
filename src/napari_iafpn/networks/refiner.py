"""After the fine level: what a click says about the pixels around it, and about those far away."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_iafpn.prompts import PromptTensors
from napari_iafpn.prompts.tensors import squared_distances

STRIDE = 4
"""Input pixels per cell of the refiner's grid."""
FAR = 1e4
"""Distance in cells that stands for "there is none"."""
LIMIT = 4.0
"""Largest logit that tells something."""
FEATURES = 15
SHARPNESS = 3.0
"""The cascade's logits times this are log odds: the focal loss leaves networks unsure."""


class Refiner(nn.Module):
    """Correct the fine level's logits by the geometry of the clicks and by the last mask.

    The levels see the clicks as disks. What a click means follows from distances: the error that it
    points at is about as large as the old outline is far away, and what lies far from it was right
    in the eyes of who clicked elsewhere. Here each cell of a grid at 1/4 is told its distance
    to the newest click, in units of that click's distance to the old outline and of the object's
    size, its distances to the earlier clicks of either sign, and what the last mask, the intention
    and the fine level say; four small convolutions make a correction of the logits from that. All
    is relative to the sign of the newest click, so that adding and removing are learned together.

    Not in the paper. Without training the correction is 0.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.enter = nn.Conv2d(FEATURES, channels, 1)
        self.context = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=reach, dilation=reach) for reach in (1, 2, 4)
        )
        self.leave = nn.Conv2d(channels, 1, 1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, logits: Tensor, intention: Tensor, last: Tensor, prompts: PromptTensors
    ) -> Tensor:
        """Return corrected logits (B, 1, H, W); without clicks they stay as they are.

        Parameters
        ----------
        logits : (B, 1, H, W) float
            Of the fine level.
        intention, last : (B, 1, H, W) float
            Probabilities of the coarse level and of the last mask, 0 where there is none.
        prompts : PromptTensors
            All clicks and strokes in the frame of the input, oldest first, also those outside.
        """
        return self.corrected(logits, intention, last, prompts) if prompts.valid.any() else logits

    def corrected(
        self, logits: Tensor, intention: Tensor, last: Tensor, prompts: PromptTensors
    ) -> Tensor:
        """Return the same where there is a click or a stroke."""
        size = (logits.shape[-2], logits.shape[-1])
        maps, sign = _features(logits, intention, last, prompts)
        x = F.relu(self.enter(maps))
        for convolution in self.context:
            x = x + F.relu(convolution(x))
        clicked = prompts.valid.any(1).view(-1, 1, 1, 1)
        correction = clicked * sign * self.leave(x).float()
        return logits + F.interpolate(correction, size, mode="bilinear", align_corners=False)


def _features(
    logits: Tensor, intention: Tensor, last: Tensor, prompts: PromptTensors
) -> tuple[Tensor, Tensor]:
    """Return the maps (B, FEATURES, h, w) and the newest click's sign (B, 1, 1, 1), 1 or -1."""
    drawn, meant, before = (F.avg_pool2d(m.float(), STRIDE) for m in (logits, intention, last))
    last_rank = prompts.rank.amax(1, keepdim=True)  # (B, 1)
    newest = prompts.valid & (prompts.rank == last_rank)
    earlier = prompts.valid & ~newest
    positive = (prompts.positive & newest).any(1, keepdim=True)
    sign = torch.where(positive, 1.0, -1.0).view(-1, 1, 1, 1)
    cells = (prompts.segments.float() + 0.5) / STRIDE - 0.5
    distance = squared_distances(cells, (drawn.shape[-2], drawn.shape[-1])).sqrt()  # (B, S, h, w)
    away = _nearest(distance, newest)
    alike = prompts.positive == positive
    same, other = (_nearest(distance, earlier & kind) for kind in (alike, ~alike))
    count = last_rank + 1

    mask = before > 0.5
    settled = mask == (sign > 0)
    depth = torch.where(settled, away, FAR).amin((2, 3), keepdim=True).clamp(0.5, 200.0)
    known = mask.any(3, keepdim=True).any(2, keepdim=True)
    object_cells = (known & mask | ~known & (meant > 0.5)).sum((2, 3), keepdim=True)
    side = object_cells.float().clamp(min=4.0).sqrt()

    def spread(value: Tensor) -> Tensor:
        return value.float().expand_as(drawn)

    opinion = sign * drawn.clamp(-LIMIT, LIMIT)
    maps = [
        opinion,
        torch.exp(-(opinion**2)),
        sign * _logit(before),
        sign * _logit(meant),
        spread(known),
        spread(sign),
        torch.log1p(away / depth),
        torch.exp(-away / depth),
        torch.log1p(4 * away / side),
        torch.log1p(4 * same / side).clamp(max=4.0),
        torch.log1p(4 * other / side).clamp(max=4.0),
        torch.log((same + 0.5) / (away + 0.5)).clamp(-3.0, 3.0),
        torch.log((other + 0.5) / (away + 0.5)).clamp(-3.0, 3.0),
        spread(torch.log(count.clamp(min=1).float()).view(-1, 1, 1, 1)),
        spread(torch.log(depth / side).clamp(-3.0, 3.0)),
    ]
    return torch.cat(maps, 1), sign


def _nearest(distance: Tensor, chosen: Tensor) -> Tensor:
    """Return the distance to the nearest of the chosen lines (B, S), FAR where none is."""
    return torch.where(chosen[..., None, None], distance, FAR).amin(1, keepdim=True)


def _logit(probability: Tensor) -> Tensor:
    return torch.logit(probability, eps=0.018)  # +-4
