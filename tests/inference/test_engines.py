"""Masks do not depend on what computes the networks."""

import numpy as np
import pytest

from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor, predictor
from napari_iafpn.networks import ModelCard, save_cascade
from napari_iafpn.plugin.samples import SAMPLES, load_image
from napari_iafpn.prompts import Click

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def predictors():
    return Predictor.load(device="cpu"), Predictor.load(device="cpu", engine="torch")


@pytest.mark.parametrize("name", ["nuclei", "coffee", "axons"])
def test_both_engines_draw_the_same(predictors, name):
    assert [each.engine for each in predictors] == ["onnx", "torch"]
    row, col = SAMPLES[name].click
    clicks, plane = [Click(row, col), Click(row + 9, col, False)], Plane(load_image(name))
    before = [None, None]
    for count in (1, 2):
        before = [
            each.predict(plane, clicks[:count], previous)
            for each, previous in zip(predictors, before, strict=True)
        ]
        by_onnx, by_torch = before
        assert by_onnx.roi == by_torch.roi
        np.testing.assert_allclose(by_onnx.probability, by_torch.probability, atol=1e-4)


def test_what_cannot_run_gives_way_with_a_sentence(tiny_cascade, tmp_path, monkeypatch, disk_image):
    save_cascade(tiny_cascade, tmp_path / "tiny.safetensors", ModelCard("tiny", "", "CC0-1.0"))

    def refuse(path):
        raise RuntimeError("ONNX Runtime has its day off.")

    monkeypatch.setattr(predictor, "load_onnx_cascade", refuse)
    found = Predictor.load(tmp_path / "tiny.safetensors", "cpu")
    assert found.engine == "torch"
    said = found.predict(disk_image[0], [Click(38, 52)]).notes
    assert said == ("ONNX Runtime has its day off.",)


def test_half_precision_is_torchs(tiny_cascade, tmp_path):
    save_cascade(tiny_cascade, tmp_path / "tiny.safetensors", ModelCard("tiny", "", "CC0-1.0"))
    assert Predictor.load(tmp_path / "tiny.safetensors", "cpu", "bf16").engine == "torch"
    with pytest.raises(ValueError, match="engine onnx is not available here"):
        Predictor.load(tmp_path / "tiny.safetensors", "cpu", "bf16", engine="onnx")
    with pytest.raises(ValueError, match="engine"):
        Predictor.load(tmp_path / "tiny.safetensors", "cpu", engine="abacus")
