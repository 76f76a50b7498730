"""Sparse feature propagation from the clicks: SGM, eq. (5)-(6), and HSGM, eq. (7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def propagate(
    query: Tensor,
    value: Tensor,
    nodes: Tensor,
    valid: Tensor,
    *,
    theta: nn.Conv2d,
    phi: nn.Conv2d,
    weight: nn.Conv2d,
    gamma: Tensor,
) -> Tensor:
    """Add to every cell the attended messages of the click nodes.

    out_n = value_n + gamma * sum_j softmax_j((theta q_n) . (phi q_uj) / sqrt(d)) (weight value_uj)

    Differs from the paper: gamma and 1 / sqrt(d) (eq. 5 and 6 have neither).
    theta is applied to the map, phi and weight to the M nodes only, so the cost is O(M N).

    Parameters
    ----------
    query : (B, C, H, W) float
    value : (B, D, H, W) float
    nodes : (B, M) int
        Flat cell index of each click.
    valid : (B, M) bool
        False marks padding; without any valid click the value comes back unchanged.
    theta, phi : 1 x 1 convolutions C -> d
    weight : 1 x 1 convolution D -> D
    gamma : scalar

    Returns
    -------
    (B, D, H, W)
    """
    if nodes.shape[1] == 0:
        return value
    keys = phi(_gather(query, nodes))[..., 0]  # (B, d, M)
    messages = weight(_gather(value, nodes))[..., 0]  # (B, D, M)
    queries = theta(query).flatten(2)  # (B, d, N)
    scores = keys.transpose(1, 2) @ queries / keys.shape[1] ** 0.5  # (B, M, N)
    present = valid[..., None]  # (B, M, 1)
    scores = scores.masked_fill(~present, torch.finfo(scores.dtype).min)
    attention = scores.softmax(dim=1) * present
    spread = messages @ attention.to(messages.dtype)  # (B, D, N)
    out: Tensor = value + gamma * spread.view_as(value)
    return out


def _gather(features: Tensor, nodes: Tensor) -> Tensor:
    """Pick the (B, M) cells of (B, C, H, W) features: (B, C, M, 1)."""
    flat = features.flatten(2)
    index = nodes[:, None].expand(-1, flat.shape[1], -1)
    return flat.gather(2, index)[..., None]


class SparseGraph(nn.Module):
    """The click graph's weights: SGM where query and value are the same map, else HSGM's part."""

    def __init__(self, query_channels: int, value_channels: int) -> None:
        super().__init__()
        inner = query_channels // 2
        self.theta = nn.Conv2d(query_channels, inner, 1)
        self.phi = nn.Conv2d(query_channels, inner, 1)
        self.weight = nn.Conv2d(value_channels, value_channels, 1)
        self.gamma = nn.Parameter(torch.tensor(0.0))

    def forward(self, query: Tensor, value: Tensor, nodes: Tensor, valid: Tensor) -> Tensor:
        """Return ``value`` (B, D, H, W) with the clicks' messages; see :func:`propagate`."""
        return propagate(
            query,
            value,
            nodes,
            valid,
            theta=self.theta,
            phi=self.phi,
            weight=self.weight,
            gamma=self.gamma,
        )


class SGM(nn.Module):
    """Sparse graph sub-module on the features F at 1/4."""

    def __init__(self, channels: int, *, heavy: bool = False) -> None:
        super().__init__()
        self.before = _conv_block(channels, channels, 3) if heavy else nn.Identity()
        self.graph = SparseGraph(channels, channels)

    def forward(self, features: Tensor, nodes: Tensor, valid: Tensor) -> Tensor:
        """Return features of the same shape (B, C, h, w)."""
        features = self.before(features)
        out: Tensor = self.graph(features, features, nodes, valid)
        return out


class HSGM(nn.Module):
    """High-resolution sparse graph sub-module at 1/2.

    The features are upsampled (g) and fused with the first block's f^h to s = sigma(f^h concat g);
    attention comes from g, messages from s.
    """

    def __init__(self, stem_channels: int, channels: int, *, heavy: bool = False) -> None:
        super().__init__()
        if heavy:
            self.fuse = nn.Sequential(
                _conv_block(stem_channels + channels, channels, 3),
                _conv_block(channels, channels, 3),
            )
        else:
            self.fuse = _conv_block(stem_channels + channels, channels, 1)
        self.graph = SparseGraph(channels, channels)

    def forward(self, stem: Tensor, features: Tensor, nodes: Tensor, valid: Tensor) -> Tensor:
        """Map ``stem`` (B, S, 2h, 2w) and ``features`` (B, C, h, w) to (B, C, 2h, 2w)."""
        upsampled = F.interpolate(features, stem.shape[-2:], mode="bilinear", align_corners=False)
        fused = self.fuse(torch.cat([stem, upsampled], dim=1))
        out: Tensor = self.graph(upsampled, fused, nodes, valid)
        return out


def _conv_block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
