"""Imports go one way, and only the plugin knows napari and Qt."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import napari_iafpn

ROOT = Path(napari_iafpn.__file__).parent
RANKS = {
    "geometry": 0,
    "masks": 0,
    "prompts": 0,
    "images": 1,
    "networks": 1,
    "inference": 2,
    "sessions": 2,
    "finding": 3,
    "evaluation": 4,
    "exchange": 4,
    "training": 4,
    "plugin": 5,
    "cli": 5,
}
GUI = {"napari", "qtpy", "magicgui", "superqt", "vispy", "npe2", "PyQt5", "PyQt6", "PySide6"}
# The samples are image files and their reader, without napari; the demo of the command line
# reads them.
SHARED = "napari_iafpn.plugin.samples"


def sources() -> list[Path]:
    return [path for path in ROOT.rglob("*.py") if path.parent != ROOT]


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def own_imports(path: Path) -> Iterator[str]:
    for name in imports(path):
        if name.startswith("napari_iafpn.") and name != SHARED:
            yield name.split(".")[1]


def test_every_package_has_its_rank() -> None:
    assert {package_of(path) for path in sources()} <= set(RANKS)


def test_imports_go_one_way() -> None:
    upwards = [
        f"{path.relative_to(ROOT)} must not import {name}"
        for path in sources()
        for name in own_imports(path)
        if RANKS[name] > RANKS[package_of(path)]
    ]
    assert not upwards


def test_packages_of_one_rank_do_not_import_each_other_in_circles() -> None:
    graph = defaultdict(set)
    for path in sources():
        graph[package_of(path)] |= set(own_imports(path)) - {package_of(path)}
    assert list(TopologicalSorter(graph).static_order())
    assert "plugin" not in graph["cli"]
    assert "cli" not in graph["plugin"]


def test_only_the_plugin_knows_the_window() -> None:
    paths = [path for path in sources() if package_of(path) != "plugin"]
    paths += [ROOT / "__init__.py", ROOT / "plugin" / "__init__.py", ROOT / "plugin" / "samples.py"]
    known = {path: {name.split(".")[0] for name in imports(path)} & GUI for path in paths}
    assert not {path: names for path, names in known.items() if names}


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("", {"numpy", "scipy"}),
        ("prompts masks geometry networks inference finding exchange plugin.samples", set()),
    ],
)
def test_an_import_stays_light(modules: str, unwanted: set[str]) -> None:
    loaded = modules_after_import(modules)
    assert not {"torch", "napari", "qtpy", "magicgui", *unwanted} & loaded


CLICK = """
import pathlib, sys
import numpy as np
from napari_iafpn import Click, Predictor
from napari_iafpn.networks import onnx_engine
image = np.zeros((80, 96), np.uint8)
image[20:60, 30:70] = 200
onnx_engine.cache_folder = lambda: pathlib.Path({!r})
predictor = Predictor.load()
found = predictor.predict(image, [Click(40, 50)])
print(predictor.engine, bool(found.mask().any()), found.device, *sys.modules)
"""


def test_a_click_by_onnx_needs_no_torch(tmp_path: Path) -> None:
    """Not even the first one, for which another process writes the graphs."""
    pytest.importorskip("onnxruntime")
    run = subprocess.run(
        [sys.executable, "-c", CLICK.format(str(tmp_path))],
        capture_output=True,
        text=True,
        check=True,
    )
    engine, found, device, *loaded = run.stdout.split()
    assert (engine, found, device) == ("onnx", "True", "cpu")
    assert not {"torch", "timm", "lightning"} & set(loaded)


def modules_after_import(modules: str) -> set[str]:
    """Import the package and parts of it in a process of their own; return what is loaded then."""
    names = ["napari_iafpn", *(f"napari_iafpn.{name}" for name in modules.split())]
    code = f"import sys, {', '.join(names)}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_public_names_resolve() -> None:
    for name in napari_iafpn.__all__:
        assert getattr(napari_iafpn, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = napari_iafpn.Nothing
