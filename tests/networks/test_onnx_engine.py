"""ONNX Runtime computes what torch computes, and gives way to it where it cannot."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from napari_iafpn.networks import ModelCard, onnx_engine as engine, save_cascade
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.folding import folded
from napari_iafpn.prompts import Click, PromptTensors, Stroke

pytest.importorskip("onnxruntime")
CARD = ModelCard("a model", "of a test", "CC0-1.0")
SCENES = {
    "clicks": ((1, 64, 160), [[Click(3, 4), Click(50, 60.4, False), Click(20, 150)]]),
    "strokes": ((1, 96, 64), [[Stroke(((3.0, 4.0), (60.0, 30.0))), Click(9, 9, False)]]),
    "a batch": ((3, 64, 64), [[Click(3, 4)], [], [Click(0, 0), Click(63, 63, False)]]),
    "nothing": ((1, 64, 64), [[]]),
    "outside": ((1, 64, 64), [[Click(-20, 300)]]),
}


@pytest.fixture(scope="module")
def pair(lively, tmp_path_factory):
    cascade, folder = lively("default"), tmp_path_factory.mktemp("engine")
    save_cascade(cascade, folder / "model.safetensors", CARD)
    return folded(cascade), engine.load_onnx_cascade(folder / "model.safetensors", folder / "cache")


@pytest.fixture
def tiny_file(tiny_cascade, tmp_path):
    save_cascade(tiny_cascade, tmp_path / "tiny.safetensors", CARD)
    return tmp_path / "tiny.safetensors"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def same(got, expected, tolerance=1e-4):
    expected = expected.numpy()
    np.testing.assert_allclose(got, expected, tolerance, tolerance * expected.std())


@pytest.mark.parametrize("scene", SCENES)
@torch.inference_mode()
def test_draws_what_torch_draws(pair, scene):
    by_torch, by_onnx = pair
    (batch, *size), prompts = SCENES[scene]
    seed = torch.Generator().manual_seed(3)
    image, previous = (torch.rand(batch, c, *size, generator=seed) for c in (3, 1))
    tensors, arrays = (PromptTensors.of(prompts, device) for device in ("cpu", None))
    pixels, mask = image.numpy(), previous.numpy()
    for name in ("coarse", "fine"):
        expected = getattr(by_torch, name)(image, previous, tensors)
        same(getattr(by_onnx, name)(pixels, mask, arrays), expected)
    same(by_onnx.coarse.bare_features(pixels), by_torch.coarse.bare_features(image))
    refined = by_torch.refiner(expected, previous, previous, tensors)
    same(by_onnx.refiner(expected.numpy(), mask, mask, arrays), refined)


@pytest.mark.slow
@torch.inference_mode()
def test_another_architecture_runs(lively, tmp_path):
    made = lively("hrnet18")
    alone = Cascade(dataclasses.replace(made.config, fine=None))
    alone.coarse.load_state_dict(made.coarse.state_dict())
    save_cascade(alone, tmp_path / "model.safetensors", CARD)
    by_onnx = engine.load_onnx_cascade(tmp_path / "model.safetensors", tmp_path / "cache")
    image, clicks = torch.rand(1, 3, 64, 96), [[Click(30, 40)]]
    expected = made.coarse(image, image[:, :1], PromptTensors.of(clicks))
    pixels = image.numpy()
    same(by_onnx.coarse(pixels, pixels[:, :1], PromptTensors.of(clicks, None)), expected, 1e-3)


def test_one_level_is_enough(tiny_cascade, tmp_path, cache):
    alone = Cascade(dataclasses.replace(tiny_cascade.config, fine=None, refiner=0))
    save_cascade(alone, tmp_path / "alone.safetensors", CARD)
    assert engine.load_onnx_cascade(tmp_path / "alone.safetensors", cache).fine is None


def test_graphs_are_written_once_for_each_model(tiny_cascade, tiny_file, cache, monkeypatch):
    engine.load_onnx_cascade(tiny_file, cache)
    (graphs,) = cache.iterdir()
    moved = shutil.copy(tiny_file, tiny_file.with_name("copy.safetensors"))
    with monkeypatch.context() as patch:
        patch.setattr(engine, "load_cascade", None)
        engine.load_onnx_cascade(moved, cache)
    with torch.no_grad():
        tiny_cascade.coarse.head[-1].bias.add_(1.0)
        save_cascade(tiny_cascade, tiny_file, CARD)
        tiny_cascade.coarse.head[-1].bias.sub_(1.0)
    engine.load_onnx_cascade(tiny_file, cache)
    assert len(list(cache.iterdir())) == 2
    assert graphs.is_dir()


def test_graphs_of_long_ago_are_deleted(tiny_file, cache, monkeypatch):
    old = cache / "old"
    old.mkdir(parents=True)
    (old / "coarse.onnx").write_bytes(b"0" * 1000)
    engine.load_onnx_cascade(tiny_file, cache)
    assert old.is_dir()
    monkeypatch.setattr(engine, "CACHE_BYTES", 1000)
    engine.load_onnx_cascade(tiny_file, cache)
    assert not old.exists()
    assert len(list(cache.iterdir())) == 1


def test_damaged_graphs_are_told_of_and_written_anew(tiny_file, cache):
    engine.load_onnx_cascade(tiny_file, cache)
    (graphs,) = cache.iterdir()
    (graphs / "coarse.onnx").write_bytes(b"no graph")
    with pytest.raises(RuntimeError, match="does not run this model here, so torch does"):
        engine.load_onnx_cascade(tiny_file, cache)
    assert engine.load_onnx_cascade(tiny_file, cache).engine == "onnx"


def test_a_cache_that_cannot_be_written_is_told_of(tiny_file, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RuntimeError, match="does not run this model here"):
        engine.load_onnx_cascade(tiny_file, tmp_path / "file")


@pytest.mark.parametrize(
    ("device", "installed", "told"),
    [("cpu", False, True), ("cpu", True, False), ("cuda", False, False)],
)
def test_where_it_would_be_quicker_it_is_advised(monkeypatch, device, installed, told):
    monkeypatch.setattr(engine, "is_installed", lambda: installed)
    assert ("napari-iafpn[fast]" in engine.advice(device)) == told
