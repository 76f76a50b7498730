"""Cascades that ONNX Runtime computes: the same logits up to rounding, in less time on a CPU."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry.arrays import Array
from napari_iafpn.networks.checkpoint import load_cascade, read_config
from napari_iafpn.networks.config import CascadeConfig, LevelConfig
from napari_iafpn.networks.inputs import graph_inputs
from napari_iafpn.networks.step import CascadeStep
from napari_iafpn.networks.threads import threads_in_use
from napari_iafpn.prompts import PromptTensors

logger = logging.getLogger(__name__)
NEEDED = ("onnx", "onnxruntime", "platformdirs")
CACHE_BYTES = 512 * 2**20
"""Of all graphs that are kept, those used last."""


def is_installed() -> bool:
    """Tell whether the packages of the extra ``fast`` are there."""
    return all(find_spec(name) is not None for name in NEEDED)


def advice(device: str) -> str:
    """Return what would make clicks quicker on a device; nothing where nothing would."""
    if device != "cpu" or is_installed():
        return ""
    return "Clicks are quicker with pip install 'napari-iafpn[fast]'."


def cache_folder() -> Path:
    """Return the user's folder of exported graphs."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-iafpn") / "graphs"


def load_onnx_cascade(path: Path, cache: Path | None = None) -> OnnxCascade:
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
        cascade = _checked(lambda: OnnxCascade(config, graphs), graphs)
        _forget(cache, graphs)
    except Exception as error:  # each exporter, runtime and disk has its own
        words = str(error).strip().split("\n")[0]
        raise RuntimeError(
            f"ONNX Runtime does not run this model here, so torch does, in more time ({words})."
        ) from error
    return cascade


def _name_of(path: Path) -> str:
    """Return a name for a model's graphs, which tells all that they are made of."""
    made_of = hashlib.sha256(path.read_bytes() + version("torch").encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        made_of.update(source.read_bytes())
    return made_of.hexdigest()[:32]


def _write(path: Path, graphs: Path) -> None:
    """Write the graphs of a model, all or none."""
    graphs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=graphs.parent) as unfinished:
        made = Path(unfinished) / "made"
        made.mkdir()
        if "torch" in sys.modules or not _write_elsewhere(path, made):
            from napari_iafpn.networks.graphs import write_graphs  # imports the backbones

            write_graphs(load_cascade(path), made)
        try:
            made.rename(graphs)
        except OSError:
            if not graphs.is_dir():  # else another process was quicker
                raise


def _write_elsewhere(path: Path, folder: Path) -> bool:
    """Write graphs in another process, so that this one never has torch; tell whether it did."""
    if getattr(sys, "frozen", False) or not sys.executable:  # an application that is no Python
        return False
    module = "napari_iafpn.networks.graphs"  # -P: whatever lies in the current folder
    command = [sys.executable, "-P", "-m", module, str(path), str(folder)]
    try:
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        logger.debug("graphs are written in this process", exc_info=error)
        return False
    if run.returncode:
        logger.debug("graphs could not be written: %s", run.stderr.decode(errors="replace"))
    return not run.returncode


def _checked(make: Callable[[], OnnxCascade], graphs: Path) -> OnnxCascade:
    """Return a cascade that ran once; graphs that cannot are written anew at the next time."""
    try:
        cascade = make()
        image = np.zeros((1, 3, 64, 64), np.float32)
        cascade.coarse(image, image[:, :1], PromptTensors.of([[]], None))
    except Exception:
        shutil.rmtree(graphs, ignore_errors=True)
        raise
    return cascade


def _forget(cache: Path, kept: Path) -> None:
    """Delete the graphs that were used longest ago, beyond ``CACHE_BYTES``."""
    os.utime(kept)
    total = 0
    for folder in sorted(cache.iterdir(), key=lambda each: -each.stat().st_mtime):
        total += sum(file.stat().st_size for file in folder.glob("*.onnx"))
        if total > CACHE_BYTES and folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


class OnnxCascade(CascadeStep):
    """A cascade from a folder of graphs, see ``graphs.write_graphs``."""

    engine = "onnx"

    def __init__(self, config: CascadeConfig, folder: Path) -> None:
        def level(name: str, of: LevelConfig) -> OnnxLevel:
            return OnnxLevel(_Graph(folder / f"{name}.onnx"), of)

        self.config = config
        self.coarse = level("coarse", config.coarse)
        self.fine = None if config.fine is None else level("fine", config.fine)
        self.refiner = OnnxRefiner(_Graph(folder / "refiner.onnx")) if config.refiner else None

    def given(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values themselves."""
        return values

    def infer(
        self,
        part: Callable[..., Array],
        given: Sequence[Array | PromptTensors],
        device: str,  # noqa: ARG002
        autocast: str | None = None,  # noqa: ARG002
    ) -> Array:
        """Return what a part makes on the CPU in float32."""
        return part(*given)

    def prepared(self, device: str) -> OnnxCascade:  # noqa: ARG002
        """Return this one, which nothing changes."""
        return self

    def move(self, device: str) -> None:
        """Do nothing: graphs run on the CPU."""

    def forget(self, device: str) -> None:
        """Do nothing: graphs run on the CPU."""

    def predicting(self) -> AbstractContextManager[Any]:
        """Return a context that does nothing."""
        return nullcontext()


class _Graph:
    """A graph that is ready to run."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads_in_use()
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

    def run(self, output: str, given: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Return an output of the graph."""
        arrays = [np.ascontiguousarray(values) for values in given]
        feed = dict(zip(self._names, arrays, strict=True))
        try:
            (found,) = self._session.run([output], feed, self._run_options)
        except Exception as error:  # of its own kinds
            raise RuntimeError(str(error)) from error
        drawn: NDArray[np.float32] = found
        return drawn


class OnnxLevel:
    """A level, see ``level.Level``."""

    def __init__(self, graph: _Graph, config: LevelConfig) -> None:
        self.graph, self.config = graph, config

    def __call__(self, image: Array, previous: Array, prompts: PromptTensors) -> Array:
        """Return the object's logits (B, 1, H, W)."""
        return self._run("drawn", image, previous, prompts)

    def bare_features(self, image: Array) -> Array:
        """Return what the level sees of ``image`` without any prompt, see ``Features.bare``."""
        none = PromptTensors.of([()] * len(image), None)
        return self._run("features", image, np.zeros_like(image[:, :1]), none)

    def _run(self, output: str, image: Array, previous: Array, prompts: PromptTensors) -> Array:
        maps, nodes, valid = graph_inputs(image, prompts, self.config.click_radius)
        if not nodes.shape[1]:  # a graph has no empty lists
            nodes, valid = np.zeros((len(image), 1, 2), np.int64), np.zeros((len(image), 1), bool)
        return self.graph.run(output, (image, previous, maps, nodes, valid))


class OnnxRefiner:
    """The refiner, see ``refiner.Refiner``."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph

    def __call__(
        self, logits: Array, intention: Array, last: Array, prompts: PromptTensors
    ) -> Array:
        """Return corrected logits (B, 1, H, W); without clicks they stay as they are."""
        if not prompts.valid.any():
            return logits
        ends = prompts.segments
        segments = ends if ends.shape[2] == 2 else np.repeat(ends, 2, axis=2)
        given = logits, intention, last, segments, prompts.positive, prompts.rank
        return self.graph.run("drawn", given)
