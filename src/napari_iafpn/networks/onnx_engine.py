"""Cascades that ONNX Runtime computes: the same logits up to rounding, in less time on a CPU."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.checkpoint import load_cascade, read_config
from napari_iafpn.networks.config import LevelConfig
from napari_iafpn.networks.inputs import graph_inputs
from napari_iafpn.prompts import PromptTensors

NEEDED = ("onnx", "onnxruntime", "platformdirs")
CACHE_BYTES = 512 * 2**20
"""Of all graphs that are kept, those used last."""


def is_installed() -> bool:
    """Tell whether the packages of the extra ``fast`` are there."""
    return all(find_spec(name) is not None for name in NEEDED)


def cache_folder() -> Path:
    """Return the user's folder of exported graphs."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-iafpn") / "graphs"


def load_onnx_cascade(path: Path, cache: Path | None = None) -> Cascade:
    """Load a model file; its graphs are written at the first time, which takes some seconds.

    Raises
    ------
    ValueError
        Where the file's header is wrong.
    RuntimeError
        Where its graphs cannot be written, read or run here, in words for the user.
    """
    config, cache = read_config(path), cache or cache_folder()
    try:
        import onnxruntime  # noqa: F401  fails where its libraries do not fit the system

        graphs = cache / _name_of(path)
        if not graphs.is_dir():
            _write(path, graphs)
        cascade = _checked(lambda: Cascade(config, OnnxEngine(graphs)), graphs)
        _forget(cache, graphs)
    except Exception as error:  # each exporter, runtime and disk has its own
        words = str(error).strip().split("\n")[0]
        raise RuntimeError(
            f"ONNX Runtime does not run this model here, so torch does, in more time ({words})."
        ) from error
    return cascade


def _name_of(path: Path) -> str:
    """Return a name for a model's graphs, which tells all that they are made of."""
    made_of = hashlib.sha256(path.read_bytes() + torch.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        made_of.update(source.read_bytes())
    return made_of.hexdigest()[:32]


def _write(path: Path, graphs: Path) -> None:
    """Write the graphs of a model, all or none."""
    from napari_iafpn.networks.graphs import write_graphs  # imports the backbones

    graphs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=graphs.parent) as unfinished:
        made = Path(unfinished) / "made"
        made.mkdir()
        write_graphs(load_cascade(path), made)
        try:
            made.rename(graphs)
        except OSError:
            if not graphs.is_dir():  # else another process was quicker
                raise


def _checked(make: Callable[[], Cascade], graphs: Path) -> Cascade:
    """Return a cascade that ran once; graphs that cannot are written anew at the next time."""
    try:
        cascade = make()
        image = torch.zeros(1, 3, 64, 64)
        cascade.coarse(image, image[:, :1], PromptTensors.of([[]]))
    except Exception:
        shutil.rmtree(graphs, ignore_errors=True)
        raise
    return cascade.eval()


def _forget(cache: Path, kept: Path) -> None:
    """Delete the graphs that were used longest ago, beyond ``CACHE_BYTES``."""
    os.utime(kept)
    total = 0
    for folder in sorted(cache.iterdir(), key=lambda each: -each.stat().st_mtime):
        total += sum(file.stat().st_size for file in folder.glob("*.onnx"))
        if total > CACHE_BYTES and folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


class OnnxEngine:
    """The parts of a cascade from a folder of graphs, see ``graphs.write_graphs``."""

    name = "onnx"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def level(self, name: str, config: LevelConfig) -> Any:
        """Return a level."""
        return OnnxLevel(_Graph(self.folder / f"{name}.onnx"), config)

    def refiner(self, channels: int) -> Any:  # noqa: ARG002
        """Return the refiner."""
        return OnnxRefiner(_Graph(self.folder / "refiner.onnx"))


class _Graph:
    """A graph that is ready to run, with as many threads as torch has."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        # Threads wait for work in a loop while a graph runs; afterwards that would take the
        # processor from the window and from other programs.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._names = [given.name for given in self._session.get_inputs()]

    def run(self, output: str, given: Sequence[Tensor]) -> Tensor:
        """Return an output of the graph."""
        arrays = [np.ascontiguousarray(tensor.detach().numpy()) for tensor in given]
        feed = dict(zip(self._names, arrays, strict=True))
        try:
            (found,) = self._session.run([output], feed, self._run_options)
        except Exception as error:  # of its own kinds
            raise RuntimeError(str(error)) from error
        return torch.from_numpy(found)


class OnnxLevel(nn.Module):
    """A level, see ``level.Level``."""

    def __init__(self, graph: _Graph, config: LevelConfig) -> None:
        super().__init__()
        self.graph, self.config = graph, config

    def forward(self, image: Tensor, previous: Tensor, prompts: PromptTensors) -> Tensor:
        """Return the object's logits (B, 1, H, W)."""
        return self._run("drawn", image, previous, prompts)

    def bare_features(self, image: Tensor) -> Tensor:
        """Return what the level sees of ``image`` without any prompt, see ``Features.bare``."""
        none = PromptTensors.of([()] * len(image))
        return self._run("features", image, torch.zeros_like(image[:, :1]), none)

    def _run(self, output: str, image: Tensor, previous: Tensor, prompts: PromptTensors) -> Tensor:
        maps, nodes, valid = graph_inputs(image, prompts, self.config.click_radius)
        if not nodes.shape[1]:  # a graph has no empty lists
            nodes, valid = nodes.new_zeros(len(image), 1, 2), valid.new_zeros(len(image), 1)
        return self.graph.run(output, (image, previous, maps, nodes, valid))


class OnnxRefiner(nn.Module):
    """The refiner, see ``refiner.Refiner``."""

    def __init__(self, graph: _Graph) -> None:
        super().__init__()
        self.graph = graph

    def forward(
        self, logits: Tensor, intention: Tensor, last: Tensor, prompts: PromptTensors
    ) -> Tensor:
        """Return corrected logits (B, 1, H, W); without clicks they stay as they are."""
        if not prompts.valid.any():
            return logits
        ends = prompts.segments
        segments = ends if ends.shape[2] == 2 else ends.repeat(1, 1, 2, 1)
        given = logits, intention, last, segments, prompts.positive, prompts.rank
        return self.graph.run("drawn", given)
