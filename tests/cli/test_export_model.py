"""A model leaves as ONNX, and works without this package."""

import copy
import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from napari_iafpn.cli import main
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.inference.policy import Policy
from napari_iafpn.networks import ModelCard, save_cascade
from napari_iafpn.networks.graphs import write_graphs
from napari_iafpn.plugin.samples import SAMPLES, load_image
from napari_iafpn.prompts import Click

onnxruntime = pytest.importorskip("onnxruntime")
ALONE = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
strangers = {"torch", "napari_iafpn", "scipy"} & set(sys.modules)
assert not strangers, strangers
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "new" / "default"
    assert main(["export-model", "default", "--output", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("name", ["nuclei", "coffee"])
def test_the_example_gives_the_products_mask(folder, tmp_path, name):
    row, col = SAMPLES[name].click
    clicks, image = [Click(row, col), Click(row + 7, col, False)], load_image(name)
    np.save(tmp_path / "image.npy", image)
    written = [f"{row},{col}", f"{row + 7},{col},-"]
    files = [folder / "example.py", tmp_path / "image.npy", tmp_path / "mask.npy"]
    subprocess.run([sys.executable, "-c", ALONE, *files, *written], check=True)
    # A user would not click so; but it shows that nothing is enforced, as the README says.
    predictor = Predictor.load(device="cpu", engine="torch").using(Policy(enforce_clicks=False))
    expected = ClickReplay(predictor, Plane(image)).predict(clicks).mask()
    assert expected.any()
    np.testing.assert_array_equal(np.load(tmp_path / "mask.npy"), expected)


def test_all_that_is_needed_is_there(folder):
    names = {path.name for path in folder.iterdir()}
    graphs = {"coarse.onnx", "fine.onnx", "refiner.onnx"}
    zoo = {"bioimageio.yaml", "test_tensors"}
    assert names == graphs | zoo | {"README.md", "example.py", "model.json"}


@pytest.mark.skipif(find_spec("bioimageio") is None, reason="needs the dependency group zoo")
def test_bioimageio_accepts_the_folder(folder):
    check = (
        "import sys; from bioimageio.spec import load_description as load; "
        "print(load(sys.argv[1]).validation_summary.status)"
    )  # in a process of its own, for other libraries' warnings
    command = [sys.executable, "-c", check, folder / "bioimageio.yaml"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split()[-1] == "valid-format", done.stdout + done.stderr


def test_its_test_tensors_are_what_the_graph_draws(folder):
    described = json.loads((folder / "bioimageio.yaml").read_text())
    graph = onnxruntime.InferenceSession(folder / described["weights"]["onnx"]["source"])
    inputs, (output,) = described["inputs"], described["outputs"]
    assert [each["id"] for each in inputs] == [given.name for given in graph.get_inputs()]
    feed = {each["id"]: np.load(folder / each["test_tensor"]["source"]) for each in inputs}
    (drawn,) = graph.run([output["id"]], feed)
    np.testing.assert_allclose(drawn, np.load(folder / output["test_tensor"]["source"]), atol=1e-4)


def test_nothing_is_replaced_unasked(tiny_cascade, tmp_path, capsys):
    save_cascade(tiny_cascade, tmp_path / "tiny.safetensors", ModelCard("tiny", "", "CC0-1.0"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").write_text("mine")
    command = ["export-model", str(tmp_path / "tiny.safetensors"), "--output"]
    assert main([*command, str(tmp_path / "there")]) == 2
    assert "is not empty; give another folder or add --overwrite" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "tiny.safetensors")]) == 2
    assert "is a file" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "there"), "--overwrite"]) == 0
    assert (tmp_path / "there" / "notes.txt").read_text() == "mine"


def test_an_export_that_fails_leaves_the_one_before(tiny_cascade, tmp_path, monkeypatch):
    save_cascade(tiny_cascade, tmp_path / "tiny.safetensors", ModelCard("tiny", "", "CC0-1.0"))
    output = tmp_path / "exported"
    command = ["export-model", str(tmp_path / "tiny.safetensors"), "--output", str(output)]
    assert main(command) == 0
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}

    def fail(*_):
        raise ValueError("no room on the disk")

    monkeypatch.setattr("napari_iafpn.cli.bioimageio.describe", fail)
    assert main([*command, "--overwrite"]) == 2
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"exported", "tiny.safetensors"}


def test_kernels_that_are_equal_are_written(tiny_cascade, tmp_path):
    cascade = copy.deepcopy(tiny_cascade)
    with torch.no_grad():  # as the last norms of each block before any training
        for parameter in cascade.fine.parameters():
            parameter.zero_()
    write_graphs(cascade, tmp_path)
    assert onnxruntime.InferenceSession(tmp_path / "fine.onnx")
