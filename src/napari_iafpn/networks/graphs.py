"""The parts of a cascade as ONNX graphs, for engines that know neither torch nor this package."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.checkpoint import load_cascade
from napari_iafpn.networks.folding import folded
from napari_iafpn.networks.inputs import graph_inputs
from napari_iafpn.networks.level import Level
from napari_iafpn.networks.refiner import Refiner
from napari_iafpn.prompts import Click, PromptTensors

LEVEL_INPUTS = ("image", "previous", "maps", "nodes", "valid")
REFINER_INPUTS = ("logits", "intention", "last", "segments", "positive", "rank")
OPSET = 17
_MAPS = {0: "batch", 2: "height", 3: "width"}
_LISTS = {0: "batch", 1: "prompts"}
AXES = {
    **dict.fromkeys(("image", "previous", "maps", "logits", "intention", "last"), _MAPS),
    **dict.fromkeys(("nodes", "valid", "segments", "positive", "rank"), _LISTS),
    "drawn": _MAPS,
    "features": {0: "batch", 2: "height / 4", 3: "width / 4"},
}
"""Names of the dimensions that may be of any length, at least 1."""


def write_graphs(cascade: Cascade, folder: Path) -> None:
    """Write ``coarse.onnx`` and, where the cascade has them, ``fine.onnx`` and ``refiner.onnx``."""
    quick = folded(cascade).cpu()
    clicks = PromptTensors.of([[Click(40, 30), Click(8, 9, False)]] * 2)
    image, previous = torch.rand(2, 3, 64, 96), torch.rand(2, 1, 64, 96)
    for name in ("coarse", "fine"):
        level = getattr(quick, name)
        if level is not None:
            given = image, previous, *graph_inputs(image, clicks, level.config.click_radius)
            outputs = ["drawn", "features"] if name == "coarse" else ["drawn"]
            graph = _LevelGraph(level, bare="features" in outputs)
            _write(graph, given, folder / f"{name}.onnx", LEVEL_INPUTS, outputs)
    if quick.refiner is not None:
        segments = clicks.segments.repeat(1, 1, 2, 1)
        lines = segments, clicks.positive, clicks.rank
        path, refiner = folder / "refiner.onnx", _RefinerGraph(quick.refiner)
        _write(refiner, (*[previous] * 3, *lines), path, REFINER_INPUTS, ["drawn"])


def _write(
    graph: nn.Module,
    given: tuple[Tensor, ...],
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> None:
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter is told to be old-fashioned; the new one takes a minute and a half.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.eval(),
            given,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[*inputs],
            output_names=[*outputs],
            dynamic_axes={name: AXES[name] for name in (*inputs, *outputs)},
        )
    import onnx

    model = onnx.load(path)
    _trim(model.graph)
    onnx.save(model, path)


def _trim(graph: Any) -> None:
    """Take away the zeros with which ``folding`` begins kernels; ONNX pads each side by itself."""
    from onnx import numpy_helper

    # Weights that are equal are written once; those of several nodes stay as they are.
    uses = Counter(name for node in graph.node for name in node.input)
    weights = {each.name: each for each in graph.initializer if uses[each.name] == 1}
    for node in graph.node:
        options = {option.name: option.ints for option in node.attribute}
        if node.op_type != "Conv" or max(options["dilations"]) > 1 or not all(options["pads"]):
            continue
        if node.input[1] not in weights:
            continue
        kernel = numpy_helper.to_array(weights[node.input[1]])
        if not (kernel[:, :, 0].any() or kernel[:, :, :, 0].any()):
            trimmed = numpy_helper.from_array(kernel[:, :, 1:, 1:].copy(), node.input[1])
            weights[node.input[1]].CopyFrom(trimmed)
            options["kernel_shape"][:] = [side - 1 for side in kernel.shape[2:]]
            options["pads"][:2] = [pad - 1 for pad in options["pads"][:2]]


class _LevelGraph(nn.Module):
    def __init__(self, level: Level, *, bare: bool) -> None:
        super().__init__()
        self.level, self.bare = level, bare

    def forward(
        self, image: Tensor, previous: Tensor, maps: Tensor, nodes: Tensor, valid: Tensor
    ) -> tuple[Tensor, ...]:
        found = self.level.seen(image, previous, maps)
        drawn = self.level.drawn(found, nodes, valid)
        return (drawn, found.bare()) if self.bare else (drawn,)


class _RefinerGraph(nn.Module):
    def __init__(self, refiner: Refiner) -> None:
        super().__init__()
        self.refiner = refiner

    def forward(
        self,
        logits: Tensor,
        intention: Tensor,
        last: Tensor,
        segments: Tensor,
        positive: Tensor,
        rank: Tensor,
    ) -> Tensor:
        prompts = PromptTensors(segments, positive, rank, segments[:, :, 0], rank >= 0)
        return self.refiner.corrected(logits, intention, last, prompts)


if __name__ == "__main__":
    write_graphs(load_cascade(sys.argv[1]), Path(sys.argv[2]))
