"""How much faster the CPU trains where depthwise convolutions have their gradients in float32.

    python benchmarks/depthwise.py

One row for each kind of depthwise convolution of EfficientNet-Lite0 at 352 pixels, and one for the
whole backbone: forwards and backwards under bf16 autocast, as torch does it, with float32 gradients
(``napari_iafpn.training.depthwise``), and all in float32. Each is the median of some turns, taken
one after the other in the same process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from statistics import median

import timm
import torch
from torch import Tensor, nn

from napari_iafpn.training.depthwise import Float32DepthwiseGradients

BATCH = 8
LAYERS = (
    (32, 176, 3, 1, 1),
    (96, 176, 3, 2, 1),
    (144, 88, 5, 2, 1),
    (240, 44, 5, 1, 1),
    (240, 44, 3, 2, 1),
    (480, 22, 3, 1, 1),
    (672, 22, 5, 1, 1),
    (1152, 22, 5, 1, 2),
    (1152, 22, 3, 1, 2),
)
"""Channels, side, kernel, stride, dilation."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--turns", type=int, default=7)
    turns = parser.parse_args().turns
    torch.manual_seed(0)
    print(f"batch {BATCH}, {torch.get_num_threads()} threads, milliseconds\n")
    print(
        "| channels, pixels, kernel, stride, dilation | bf16 | float32 gradients | float32 | gain |"
    )
    print("|---|---|---|---|---|")
    for channels, side, kernel, stride, dilation in LAYERS:
        padding = kernel // 2 * dilation
        layer = nn.Conv2d(
            channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
        )
        name = f"{channels}, {side} x {side}, {kernel} x {kernel}, {stride}, {dilation}"
        print(row(name, layer, (BATCH, channels, side, side), turns), flush=True)
    backbone = timm.create_model(
        "tf_efficientnet_lite0", features_only=True, pretrained=False, output_stride=16
    )
    print(row("EfficientNet-Lite0", backbone, (BATCH, 3, 352, 352), turns))


def row(name: str, network: nn.Module, shape: tuple[int, ...], turns: int) -> str:
    """Measure the three ways, turn about."""
    network = network.to(memory_format=torch.channels_last).train()
    values = torch.randn(shape).to(memory_format=torch.channels_last).requires_grad_()
    bf16 = (True, nullcontext)
    ways = (bf16, (True, Float32DepthwiseGradients), (False, nullcontext))
    seconds: list[list[float]] = [[] for _ in ways]
    for turn in range(turns + 1):
        for found, (reduced, mode) in zip(seconds, ways, strict=True):
            taken = once(network, values, reduced, mode)
            if turn:  # the first one warms up
                found.append(taken)
    plain, gradients, full = (1e3 * median(found) for found in seconds)
    return f"| {name} | {plain:.1f} | {gradients:.1f} | {full:.1f} | {plain / gradients:.1f} |"


def once(
    network: nn.Module,
    values: Tensor,
    reduced: bool,
    mode: Callable[[], AbstractContextManager[object]],
) -> float:
    """Return the seconds of one pass forwards and backwards."""
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(torch.autocast("cpu", dtype=torch.bfloat16, enabled=reduced))
        stack.enter_context(mode())
        result = network(values.to(torch.bfloat16) if reduced else values)
    results = result if isinstance(result, list) else [result]
    torch.autograd.backward([r.float().mean() for r in results])
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
