"""Networks for prediction alone, with fewer passes over memory."""

from __future__ import annotations

import copy
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.level import Level
from napari_iafpn.prompts import Click, PromptTensors


def folded(cascade: Cascade) -> Cascade:
    """Return a copy in evaluation mode that gives the same masks, up to rounding, in less time.

    Each batch normalisation whose input is just what a convolution puts out is folded into it, and
    what TensorFlow pads on one side becomes part of the kernel.
    """
    copied = copy.deepcopy(cascade).eval()
    for level in (copied.coarse, copied.fine):
        if level is not None:
            for convolution, norm in _pairs(level):
                _fold(level, convolution, norm)
            for name, module in list(level.named_modules()):
                if isinstance(module, Conv2dSame) and _pads_one_side(module):
                    level.set_submodule(name, _padded(module))
    return copied


@torch.inference_mode()
def _pairs(level: Level) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Run a level once to see which norm follows which convolution."""
    made_by: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # holds the tensors, so that ids are unique
    pairs = []

    def remember(module: nn.Conv2d, _: Any, made: Tensor) -> None:
        made_by[id(made)] = module, made

    def pair(module: nn.BatchNorm2d, given: tuple[Tensor, ...]) -> None:
        if id(given[0]) in made_by:
            pairs.append((made_by[id(given[0])][0], module))

    hooks = [m.register_forward_hook(remember) for m in level.modules() if isinstance(m, nn.Conv2d)]
    hooks += [
        m.register_forward_pre_hook(pair) for m in level.modules() if isinstance(m, nn.BatchNorm2d)
    ]
    device = level.mean.device
    image, previous = torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    click = PromptTensors.of([[Click(32, 32)]], device)
    logits = level(image.to(device), previous.to(device), click)
    if not bool(logits.isfinite().all()):
        raise ValueError(
            "the network draws no finite numbers, so its weights are damaged; get the model again"
        )
    for hook in hooks:
        hook.remove()
    return pairs


def _fold(level: Level, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    fused = fuse_conv_bn_eval(convolution, norm)
    convolution.weight, convolution.bias = fused.weight, fused.bias
    # timm's norms have their activation inside.
    rest = [m for m in (getattr(norm, "drop", None), getattr(norm, "act", None)) if m is not None]
    name = next(name for name, module in level.named_modules() if module is norm)
    level.set_submodule(name, nn.Sequential(*rest).eval())


def _pads_one_side(convolution: Conv2dSame) -> bool:
    return (
        convolution.stride == (2, 2)
        and convolution.dilation == (1, 1)
        and convolution.kernel_size in ((3, 3), (5, 5))
    )


def _padded(same: Conv2dSame) -> nn.Conv2d:
    """Return what gives the same on sides of even length, without a padded copy of its input.

    There TensorFlow pads with (k - 3) / 2 cells before and (k - 1) / 2 after: a kernel with zeros
    before its first row and column does it with (k - 1) / 2 on both sides.
    """
    kernel = same.kernel_size[0]
    padded = nn.Conv2d(
        same.in_channels,
        same.out_channels,
        kernel + 1,
        stride=2,
        padding=(kernel - 1) // 2,
        groups=same.groups,
        bias=same.bias is not None,
        device=same.weight.device,
    )
    padded.weight = nn.Parameter(functional.pad(same.weight.detach(), (1, 0, 1, 0)))
    padded.bias = same.bias
    return padded.eval()
