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
    theta, phi and weight are applied to the M nodes only, theta by way of (theta q) . k =
    q . (theta^T k), so the cost is O(M N).

    Parameters
    ----------
    query : (B, C, H, W) float
        Or smaller: (B, C, h, w) stands for its bilinear enlargement to the size of ``value``.
    value : (B, D, H, W) float
    nodes : (B, M) int
        Flat cell index of each click, in ``value``.
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
    size = (value.shape[-2], value.shape[-1])
    keys = phi(_sample(query, nodes, size))[..., 0]  # (B, d, M)
    keys = keys / keys.shape[1] ** 0.5
    pull = keys.transpose(1, 2) @ theta.weight.flatten(1)  # (B, M, C)
    scores = pull @ query.flatten(2)  # (B, M, n)
    # What is the same everywhere is added before the enlargement: a bias, and what hides padding.
    offset = torch.zeros_like(scores[..., 0])
    offset = offset.masked_fill(~valid, torch.finfo(scores.dtype).min / 2)
    if theta.bias is not None:
        offset = offset + theta.bias @ keys
    scores = _maps(scores + offset[..., None], query)  # (B, M, h, w)
    attention = _enlarge(scores, size).softmax(dim=1).flatten(2)  # (B, M, N)
    messages = gamma * weight(_gather(value, nodes))[..., 0] * valid[:, None]  # (B, D, M)
    return _told(value, messages, attention.to(messages.dtype))


def _told(value: Tensor, messages: Tensor, attention: Tensor) -> Tensor:
    """Add the messages (B, D, M) to a map (B, D, H, W), each as attended (B, M, N)."""
    if torch.onnx.is_in_onnx_export():  # channels are not last in other engines' memory
        return value + _maps(messages @ attention, value)
    cells = value.permute(0, 2, 3, 1).flatten(1, 2)  # (B, N, D), a view where channels are last
    told = torch.baddbmm(cells, attention.transpose(1, 2), messages.transpose(1, 2))
    return _maps(told.transpose(1, 2), value)


def _maps(flat: Tensor, like: Tensor) -> Tensor:
    """View (B, C, H W) as (B, C, H, W), with the sides of ``like``."""
    return flat.reshape(flat.shape[0], -1, like.shape[-2], like.shape[-1])


def _gather(features: Tensor, nodes: Tensor) -> Tensor:
    """Pick the (B, M) cells of (B, C, H, W) features: (B, C, M, 1)."""
    flat = features.flatten(2)  # (B, C, N), a view in either order of memory
    return flat.gather(2, nodes[:, None].expand(-1, flat.shape[1], -1))[..., None]


def _sample(features: Tensor, nodes: Tensor, size: tuple[int, int]) -> Tensor:
    """Pick the (B, M) cells of features enlarged to ``size``: (B, C, M, 1)."""
    if features.shape[-2:] == size:
        return _gather(features, nodes)
    exact = torch.promote_types(features.dtype, torch.float32)  # bf16 misses cells of large maps
    rows = nodes // size[1]
    cols = (nodes - rows * size[1]).to(exact)
    centres = torch.stack([(cols + 0.5) / size[1], (rows.to(exact) + 0.5) / size[0]], dim=-1)
    grid = (2 * centres - 1)[:, :, None]
    found = F.grid_sample(features.to(exact), grid, padding_mode="border", align_corners=False)
    return found.to(features.dtype)


def _enlarge(features: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = (int(side) for side in features.shape[-2:])
    factor = int(size[0]) // height
    if size == (height, width):
        return features
    if size == (factor * height, factor * width):  # a number makes quicker graphs than a size
        return F.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)
    return F.interpolate(features, size, mode="bilinear", align_corners=False)


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
        joined = JoinedConv2d(stem_channels + channels, channels, 3 if heavy else 1)
        first = _block(joined)
        self.fuse = nn.Sequential(first, _conv_block(channels, channels, 3)) if heavy else first
        self.graph = SparseGraph(channels, channels)

    def forward(self, stem: Tensor, features: Tensor, nodes: Tensor, valid: Tensor) -> Tensor:
        """Map ``stem`` (B, S, 2h, 2w) and ``features`` (B, C, h, w) to (B, C, 2h, 2w)."""
        fused = self.fuse((stem, features))
        out: Tensor = self.graph(features, fused, nodes, valid)
        return out


class JoinedConv2d(nn.Conv2d):
    """A convolution of two maps side by side, the second one enlarged to the sides of the first.

    One of 1 x 1 is taken of the second map before it is enlarged, which is the same, as the weights
    of an enlarged cell sum to 1, and takes a fraction of the time.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)

    def forward(self, maps: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]
        """Map (B, S, H, W) and (B, C, h, w), S + C inputs in all, to (B, outputs, H, W)."""
        large, small = maps
        size = (large.shape[-2], large.shape[-1])
        if self.kernel_size != (1, 1):
            return super().forward(torch.cat([large, _enlarge(small, size)], dim=1))
        channels = int(large.shape[1])  # a number also while the graph is written
        of_large = F.conv2d(large, self.weight[:, :channels], self.bias)
        return of_large + _enlarge(F.conv2d(small, self.weight[:, channels:]), size)


def _conv_block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return _block(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False))


def _block(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(
        convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)
    )
