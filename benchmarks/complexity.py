"""Parameters and operations of every preset beside the paper's numbers, as a Markdown table.

    python benchmarks/complexity.py > docs/fidelity.md

Counted on shapes alone (meta tensors), so it takes seconds and no memory. Operations are 2 x MAC of
convolutions and matrix products at 600 x 800 with 24 clicks, batch 1. Inputs of the networks have
sides that are multiples of 32, so 608 x 800 is counted and scaled by the number of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_iafpn.networks import PRESETS, Level, LevelConfig
from napari_iafpn.prompts import Click, PromptTensors

COUNTED = (608, 800)
REPORTED = (600, 800)

PAPER: dict[str, tuple[float | None, float | None]] = {
    "resnet34": (23.35, None),
    "resnet50s": (31.41, 508.72),
    "resnet101s": (58.44, None),
    "hrnet18": (None, None),
    "default": (None, None),
}
"""Millions of parameters and GFLOP of one level without the FPM, from the paper's tables 4 and 6
(ResNet-34: a recount of the baseline); None where the paper has no number."""


@dataclass(frozen=True)
class Complexity:
    """Size of one level."""

    parameters: float
    """Millions."""
    operations: float
    """GFLOP, 2 x MAC, at 600 x 800."""


def measure(config: LevelConfig) -> Complexity:
    """Count one level's parameters and operations."""
    with torch.device("meta"):
        level = Level(config).eval()
        image = torch.zeros(1, 3, *COUNTED)
        previous = torch.zeros(1, 1, *COUNTED)
        prompts = PromptTensors.of([[Click(0, 0)] * 24], "meta")
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            level(image, previous, prompts)
    share = REPORTED[0] * REPORTED[1] / (COUNTED[0] * COUNTED[1])
    parameters = sum(parameter.numel() for parameter in level.parameters())
    return Complexity(parameters / 1e6, counter.get_total_flops() * share / 1e9)


def table() -> str:
    """Return the Markdown table of all presets."""
    lines = [
        "| preset | paper M | measured M | paper GFLOP | measured GFLOP | FPM adds M "
        "| FPM adds GFLOP |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (parameters, operations) in PAPER.items():
        level = PRESETS[name].coarse
        plain = measure(replace(level, propagation="none"))
        whole = measure(level)
        lines.append(
            f"| `{name}` | {_beside(plain.parameters, parameters)} | "
            f"{_beside(plain.operations, operations)} | "
            f"{whole.parameters - plain.parameters:+.3f} | "
            f"{whole.operations - plain.operations:+.1f} |"
        )
    return "\n".join(lines)


def _beside(measured: float, published: float | None) -> str:
    if published is None:
        return f"- | {measured:.2f}"
    return f"{published:.2f} | {measured:.2f} ({100 * (measured / published - 1):+.1f} %)"


if __name__ == "__main__":
    print("# Size of the networks beside the paper\n")
    print(
        "Made by `python benchmarks/complexity.py`. One level, at 600 x 800, 2 x MAC; the columns"
    )
    print("before the last two are without feature propagation (FPM). The paper's FPM adds")
    print("+0.09 M parameters and +22.7 GFLOP to ResNet-50.\n")
    print(table())
