"""Losses on logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def normalized_focal_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    alpha: float = 0.5,
    gamma: float = 2.0,
    detach_normaliser: bool = True,
    eps: float = 1e-12,
) -> Tensor:
    """Return the normalized focal loss of each sample, (B,).

    p_t = 1 - |y - sigmoid(logit)|, beta = (1 - p_t)^gamma; the pixel's loss is
    -a beta (valid pixels / sum beta) log p_t with a = alpha for y = 1, else 1 - alpha, averaged
    over the valid pixels.

    Parameters
    ----------
    logits : (B, 1, H, W) float
    labels : (B, 1, H, W) float
        1 object, 0 background, -1 ignore.
    detach_normaliser : bool
        Whether the normaliser takes part in the gradient.
    """
    valid = labels != -1
    object_pixels = labels > 0.5
    probability = logits.sigmoid()
    p_t = torch.where(
        valid, 1.0 - (object_pixels.to(logits) - probability).abs(), torch.ones_like(logits)
    )
    beta = (1.0 - p_t) ** gamma
    count = valid.sum(dim=(-2, -1), keepdim=True).to(logits)
    normaliser = count / (beta.sum(dim=(-2, -1), keepdim=True) + eps)
    if detach_normaliser:
        normaliser = normaliser.detach()
    weight = torch.where(object_pixels, alpha, 1.0 - alpha) * valid
    pixel = -weight * beta * normaliser * torch.log((p_t + eps).clamp(max=1.0))
    return pixel.sum(dim=(-3, -2, -1)) / (count.sum(dim=(-3, -2, -1)) + eps)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the binary cross-entropy of each sample over its valid pixels, (B,).

    Logits and labels as in ``normalized_focal_loss``; 0 for a sample without a valid pixel.
    """
    valid = (labels != -1).to(logits)
    pixel = F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0.0), reduction="none")
    return (pixel * valid).sum(dim=(-3, -2, -1)) / valid.sum(dim=(-3, -2, -1)).clamp(min=1.0)


def mask_loss(logits: Tensor, labels: Tensor, *, most: float = 3.0, least: int = 500) -> Tensor:
    """Return the loss of a calibrated mask of each sample, (B,): of its pixels and of its IoU.

    The sum of the binary cross-entropies over the object's pixels (``least`` at least), so that an
    error counts by the share of the object that it makes, up to ``most``, and a larger one pulls no
    harder but in the same direction; and 1 - soft IoU, the soft IoU being
    (sum p y + 1) / (sum (p + y - p y) + 1). Logits and labels as in ``normalized_focal_loss``.
    """
    valid = (labels != -1).to(logits)
    truth = labels.clamp(min=0.0)
    pixel = F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * valid
    over = (-3, -2, -1)
    wrong = pixel.sum(over) / truth.sum(over).clamp(min=least)
    probability = logits.sigmoid() * valid
    common = (probability * truth).sum(over)
    union = (probability + truth).sum(over) - common
    bounded = wrong * (most / wrong.detach().clamp(min=most))
    return bounded + 1.0 - (common + 1.0) / (union + 1.0)
