"""What BioImage.IO, the model zoo, wants to know of an exported level: ``bioimageio.yaml``.

https://github.com/bioimage-io/spec-bioimage-io, version 0.5.5 of models
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_iafpn.networks import ModelCard
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.graphs import LEVEL_INPUTS, OPSET
from napari_iafpn.networks.inputs import graph_inputs
from napari_iafpn.prompts import Click, PromptTensors

FILE = "bioimageio.yaml"
TENSORS = "test_tensors"
MEANINGS = {
    "image": "RGB in [0, 1]; a grey image three times",
    "previous": "probability of the mask before this click; 0 at first",
    "maps": "1 near positive and near negative clicks, else 0",
    "nodes": "row and column of each click's pixel",
    "valid": "false for padding; without clicks give one that is false",
    "drawn": "logits of the object; above 0 is the object",
}
CHANNELS = {
    "image": ["red", "green", "blue"],
    "previous": ["probability"],
    "maps": ["positive", "negative"],
    "nodes": ["row", "column"],
    "drawn": ["logit"],
}


def describe(cascade: Cascade, card: ModelCard, folder: Path) -> None:
    """Write ``bioimageio.yaml`` and test tensors beside the graphs.

    What is described is the level that draws: the fine one, or the coarse one where there is no
    other. The format has no models of two steps. JSON is YAML.
    """
    name = "coarse" if cascade.fine is None else "fine"
    tensors = _test_tensors(cascade, name)
    (folder / TENSORS).mkdir(exist_ok=True)
    for key, values in tensors.items():
        np.save(folder / TENSORS / f"{key}.npy", values)
    drawn = {key: _tensor(key, values) for key, values in tensors.items()}
    described = {
        "format_version": "0.5.5",
        "type": "model",
        "name": f"{card.name} clicks".replace("_", " "),
        "description": card.description or "Draws the object that was clicked on.",
        "documentation": "README.md",
        "tags": ["interactive-segmentation", "instance-segmentation", "2d", "napari"],
        "inputs": [drawn[key] for key in LEVEL_INPUTS],
        "outputs": [drawn["drawn"]],
        "weights": {"onnx": {"source": f"{name}.onnx", "opset_version": OPSET}},
    }
    (folder / FILE).write_text(json.dumps(described, indent=2), encoding="utf-8")


@torch.no_grad()
def _test_tensors(cascade: Cascade, name: str) -> dict[str, NDArray[Any]]:
    """Return inputs of a level, and what it draws."""
    level = getattr(cascade, name).eval()
    generator = torch.Generator().manual_seed(0)
    image, previous = (torch.rand(1, n, 64, 96, generator=generator) for n in (3, 1))
    clicks = PromptTensors.of([[Click(40, 30), Click(8, 9, False)]])
    given = image, previous, *graph_inputs(image, clicks, level.config.click_radius)
    drawn = level(image, previous, clicks).float()
    names = (*LEVEL_INPUTS, "drawn")
    return {key: each.numpy() for key, each in zip(names, (*given, drawn), strict=True)}


def _tensor(key: str, values: NDArray[Any]) -> dict[str, Any]:
    """Describe an input, or the output."""
    axes: list[dict[str, Any]] = [{"type": "batch"}]
    if key in ("nodes", "valid"):
        several = {"min": 1, "step": 1}
        size = several if key == "nodes" else {"tensor_id": "nodes", "axis_id": "click"}
        axes.append({"type": "index", "id": "click", "size": size})
    if key in CHANNELS:
        axes.append({"type": "channel", "channel_names": CHANNELS[key]})
    if values.ndim == 4:
        for side in ("y", "x"):
            first = {"min": 32, "step": 32}
            size = first if key == "image" else {"tensor_id": "image", "axis_id": side}
            axes.append({"type": "space", "id": side, "size": size})
    data: dict[str, Any] = {"type": str(values.dtype)}
    if values.dtype == bool:
        data["values"] = [False, True]
    return {
        "id": key,
        "description": MEANINGS[key],
        "axes": axes,
        "test_tensor": {"source": f"{TENSORS}/{key}.npy"},
        "data": data,
    }
