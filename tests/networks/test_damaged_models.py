"""Model files that are damaged, absurd or of another program: a sentence, and nothing is built."""

import copy
import json
import pickle
import struct

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_iafpn.inference import Predictor
from napari_iafpn.networks import (
    PRESETS,
    Cascade,
    LevelConfig,
    ModelCard,
    build_cascade,
    find_model,
    load_cascade,
    read_card,
    read_config,
    save_cascade,
)
from napari_iafpn.networks.checkpoint import HEADER_KEY
from napari_iafpn.networks.features import DeepLabFeatures
from napari_iafpn.networks.pretrained import load_backbone

WEIGHT = "coarse.head.2.weight"
VARIANCE = "coarse.head.0.2.running_var"


@pytest.fixture(scope="module")
def model(tiny_cascade, tmp_path_factory):
    """The content of a good model file: the header of safetensors, and its tensors."""
    path = tmp_path_factory.mktemp("good") / "model.safetensors"
    save_cascade(tiny_cascade, path, ModelCard("good", training_data=({"name": "cells"},)))
    raw = path.read_bytes()
    end = 8 + struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8:end]), raw[end:]


@pytest.fixture
def write(model, tmp_path):
    """Write a file; what is not given is that of the good one."""

    def make(header=None, body=None, text=None, name="model.safetensors"):
        given = text if text is not None else json.dumps(header if header else model[0])
        path = tmp_path / name
        path.write_bytes(
            struct.pack("<Q", len(given.encode()))
            + given.encode()
            + (model[1] if body is None else body)
        )
        return path

    return make


def with_value(model, place, value):
    """Return the header of safetensors with another value in ours."""
    ours = json.loads(model[0]["__metadata__"][HEADER_KEY])
    table = ours
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    return {**model[0], "__metadata__": {HEADER_KEY: json.dumps(ours)}}


def with_tensor(tiny_cascade, path, key, value):
    """Write the tiny model with another tensor; None leaves it out."""
    save_cascade(tiny_cascade, path, ModelCard())
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    state = {**tiny_cascade.state_dict(), key: value}
    kept = {k: v.clone().contiguous() for k, v in state.items() if v is not None}
    safetensors.torch.save_file(kept, path, metadata)
    return path


NUMBERS = ("channels", "output_stride", "click_radius")
FOREIGN = [None, True, "x", [], {}, float("nan"), float("inf"), 2**70, -1]


@pytest.mark.parametrize("value", FOREIGN, ids=repr)
@pytest.mark.parametrize(
    "place",
    [
        *(("coarse", key) for key in NUMBERS),
        *((key,) for key in ("coarse_size", "fine_size", "min_crop", "memory", "refiner")),
    ],
)
def test_a_number_that_is_none_is_named(model, write, place, value):
    with pytest.raises(ValueError, match=rf"model\.safetensors is wrong: .*{place[-1]}"):
        load_cascade(write(with_value(model, ("config", *place), value)))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("config", "coarse", "channels"), 10**9, "channels is 1000000000; give at least 2"),
        (("config", "coarse", "channels"), 17, "give an even number"),
        (("config", "coarse", "atrous_rates"), [1, 2], "give a list of 3"),
        (("config", "coarse", "atrous_rates"), [1, 2, 10**9], "atrous_rates is 1000000000"),
        (("config", "coarse", "mean"), [0.5], "mean is .*; give a list of 3"),
        (
            ("config", "coarse", "mean"),
            [1e30, 0, 0],
            "mean is .*; give a list, each at least -1000",
        ),
        (("config", "coarse", "std"), [0, 1, 1], "std is .*; give a list, each at least 0.001"),
        (("config", "coarse", "separable_aspp"), 1, "give true or false"),
        (("config", "coarse", "decoder"), "unet", "choose one of deeplabv3plus, ocr"),
        (("config", "coarse", "backbone"), 7, "coarse.backbone is 7; give a text"),
        (("config", "coarse", "backbone"), "x" * 10**6, "unknown backbone 'xxx"),
        (("config", "coarse", "backbone"), "vit_giant_patch14_clip_224", "no chain of stages"),
        (("config", "coarse"), None, "coarse is None; give a table"),
        (("config", "fine"), [], "fine is .*; give a table"),
        (("config", "fine_size"), 10**6 * 32, "fine_size is 32000000; give .* at most 4096"),
        (("config", "memory"), 1.0, "memory is 1.0"),
        (("config",), None, "the cascade is None; give a table"),
        (("config", "deeper"), {"a": 1}, "unknown key 'deeper'"),
        (("format_version",), "1", "header of the model file .* is damaged"),
        (("format_version",), True, "header of the model file .* is damaged"),
        (("format_version",), -1, "header of the model file .* is damaged"),
    ],
)
def test_absurd_headers_are_named(model, write, place, value, words):
    with pytest.raises(ValueError, match=words) as caught:
        load_cascade(write(with_value(model, place, value)))
    assert len(str(caught.value)) < 500


def test_a_network_is_built_only_where_the_tensors_fit(model, write, monkeypatch):
    built, build = [], Cascade.__init__

    def note(self, config):
        built.append(torch.empty(0).device.type)
        build(self, config)

    monkeypatch.setattr(Cascade, "__init__", note)
    with pytest.raises(ValueError, match="does not fit the architecture in its header"):
        load_cascade(write(with_value(model, ("config", "coarse", "channels"), 2048)))
    assert built == ["meta"]
    load_cascade(write())
    assert built == ["meta", "meta", "cpu"]


def test_a_backbone_that_needs_memory_to_be_built(write, monkeypatch):
    build = Cascade.__init__

    def picky(self, config):
        torch.linspace(0, 1, 2).tolist()  # on the meta device a NotImplementedError
        build(self, config)

    monkeypatch.setattr(Cascade, "__init__", picky)
    assert load_cascade(write()).config == PRESETS["tiny"]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("card",), None, "card of the model file .* is wrong: the card is None; give a table"),
        (("card", "name"), 5, "card of the model file .* is wrong: name is 5; give a text"),
        (("card", "scores"), {"set": {"n": "many"}}, "card .* is wrong: scores"),
        (("card", "scores"), [1], "card .* is wrong: scores"),
        (("card", "training_data"), [7], "card .* is wrong: training_data"),
        (("card", "notes"), "x", "card .* is wrong: notes"),
        (("card", "colour"), "x", "unknown key 'colour'"),
    ],
)
def test_cards_of_other_types_are_named(model, write, place, value, words):
    path = write(with_value(model, place, value))
    with pytest.raises(ValueError, match=words):
        read_card(path)
    assert read_config(path) == PRESETS["tiny"]


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 500, -1, -1000, "header", "first byte"])
def test_a_file_that_breaks_off_anywhere(write, model, cut):
    path = write()
    raw = path.read_bytes()
    end = len(raw) - len(model[1])
    path.write_bytes(raw[: {"header": end, "first byte": end + 1}.get(cut, cut)])
    for read in (load_cascade, read_card, read_config):
        with pytest.raises(ValueError, match="is truncated or no safetensors file"):
            read(path)


@pytest.mark.parametrize("length", [0, 1, 10**8 + 1, 2**31, 2**63 - 1, 2**64 - 1])
def test_a_header_that_claims_another_length(write, length):
    path = write()
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    with pytest.raises(ValueError, match="is truncated or no safetensors file"):
        load_cascade(path)


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "null",
        "[]",
        '{"format_version": 1, "config": ' + "[" * 10**5 + "]" * 10**5 + ', "card": {}}',
        '{"format_version": 1' + "0" * 5000 + ', "config": {}, "card": {}}',
        '{"format_version": 1, "format_version": 1, "config": {}, "card": {}}',
    ],
    ids=["empty", "null", "list", "deep", "digits", "twins"],
)
def test_a_header_of_ours_that_is_no_table(write, model, inner):
    with pytest.raises(ValueError, match=r"header of the model file .* is damaged"):
        load_cascade(write({**model[0], "__metadata__": {HEADER_KEY: inner}}))


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' + "[" * 10**5 + "]" * 10**5 + "}", "{}x"])
def test_a_header_of_safetensors_that_is_no_table(write, text):
    with pytest.raises(ValueError, match="is truncated or no safetensors file"):
        load_cascade(write(text=text))


@pytest.mark.parametrize("kind", ["I32", "U8", "BOOL", "F16", "X"])
def test_a_tensor_of_another_kind_or_size(write, model, kind):
    header = copy.deepcopy(model[0])
    header[WEIGHT]["dtype"] = kind
    with pytest.raises(ValueError, match=r"does not fit the architecture|is truncated or no safe"):
        load_cascade(write(header))


def test_whole_numbers_are_no_weights(tiny_cascade, tmp_path):
    weight = tiny_cascade.state_dict()[WEIGHT]
    path = with_tensor(tiny_cascade, tmp_path / "m.safetensors", WEIGHT, weight.to(torch.int32))
    with pytest.raises(ValueError, match=r"does not fit .* \(first difference: 'coarse\.head"):
        load_cascade(path)


@pytest.mark.parametrize("change", ["missing", "extra", "turned"])
def test_missing_further_and_turned_tensors(tiny_cascade, tmp_path, change):
    path = tmp_path / "m.safetensors"
    weight = tiny_cascade.state_dict()[WEIGHT]
    key, value = {
        "missing": (WEIGHT, None),
        "extra": ("zzz", weight),
        "turned": (WEIGHT, weight.transpose(0, 1)),
    }[change]
    with_tensor(tiny_cascade, path, key, value)
    with pytest.raises(ValueError, match="does not fit the architecture in its header"):
        load_cascade(path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_wider_and_narrower_weights_are_read(tiny_cascade, tmp_path, dtype):
    save_cascade(tiny_cascade, tmp_path / "m.safetensors", ModelCard(), dtype=dtype)
    found = load_cascade(tmp_path / "m.safetensors").state_dict()
    for key, value in tiny_cascade.state_dict().items():
        wanted = value.to(dtype).float() if value.is_floating_point() else value
        assert torch.equal(found[key], wanted), key


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (WEIGHT, float("nan"), "values that are no finite"),
        (WEIGHT, float("inf"), "values that are no finite"),
        (WEIGHT, 1e300, "values that are no finite"),
        (VARIANCE, float("nan"), "values that are no finite"),
        (VARIANCE, -1.0, "negative variances"),
    ],
)
def test_weights_that_draw_nothing_are_refused(tiny_cascade, tmp_path, key, value, words):
    tensor = tiny_cascade.state_dict()[key].double()
    tensor.view(-1)[0] = value
    path = with_tensor(tiny_cascade, tmp_path / "m.safetensors", key, tensor)
    with pytest.raises(ValueError, match=rf"is damaged: {key} has {words}"):
        load_cascade(path)


def test_weights_that_overflow_are_refused_before_the_first_click(tiny_cascade):
    wild = copy.deepcopy(tiny_cascade)
    with torch.no_grad():
        wild.fine.head[-1].weight.fill_(3e38)
    with pytest.raises(ValueError, match="draws no finite numbers"):
        Predictor(wild, "cpu")


def test_a_network_that_is_no_more_is_not_written(tiny_cascade, tmp_path):
    broken = copy.deepcopy(tiny_cascade)
    with torch.no_grad():
        broken.coarse.head[-1].bias.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"coarse\.head\.2\.bias .* nothing was written"):
        save_cascade(broken, tmp_path / "m.safetensors", ModelCard())
    assert not list(tmp_path.iterdir())


def test_what_half_precision_cannot_hold_stays_in_single(tiny_cascade, tmp_path):
    wide = copy.deepcopy(tiny_cascade)
    wide.state_dict()[VARIANCE].fill_(1e5)
    save_cascade(wide, tmp_path / "m.safetensors", ModelCard(), dtype=torch.float16)
    assert load_cascade(tmp_path / "m.safetensors").state_dict()[VARIANCE].eq(1e5).all()


class Trap:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["m.pt", "m.pth", "m.ckpt", "m.ONNX", "m.safetensors"])
def test_nothing_is_ever_unpickled(tmp_path, name):
    path, trapped = tmp_path / name, tmp_path / "trapped"
    path.write_bytes(pickle.dumps({"state_dict": Trap(trapped)}))
    words = "no safetensors file" if name == "m.safetensors" else "nothing is ever unpickled"
    for read in (load_cascade, read_card, read_config, Predictor.load):
        with pytest.raises(ValueError, match=words):
            read(path)
    assert not trapped.exists()


def test_a_folder_is_no_model(tmp_path):
    for read in (find_model, load_cascade, read_card, read_config):
        with pytest.raises(ValueError, match=r"is a folder; give the \.safetensors file"):
            read(tmp_path)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "dla34", "vgg11", "botnet26t_256"])
def test_backbones_that_are_no_chain_of_stages(name):
    with pytest.raises(ValueError, match=f"backbone '{name}' is no chain of stages"):
        DeepLabFeatures(LevelConfig(backbone=name))


@pytest.mark.parametrize("value", [np.float32(5), True, "5"])
def test_a_configuration_made_by_hand_is_checked_too(value):
    with pytest.raises(ValueError, match=r"click_radius is .*; give a finite number"):
        LevelConfig(click_radius=value)
    assert build_cascade(PRESETS["tiny"], "none").config == PRESETS["tiny"]


@pytest.mark.parametrize("name", ["backbone.pth", "backbone.safetensors"])
def test_backbone_weights_that_are_damaged_or_others(tmp_path, name):
    backbone = build_cascade(PRESETS["tiny"], "none").coarse.features.backbone
    path = tmp_path / name
    for content, words in (
        (b"", "are damaged"),
        (pickle.dumps({"a": Trap(tmp_path / "trapped")}), "are damaged"),
        (b"PK\x03\x04" + bytes(50), "are damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            load_backbone(backbone, "test_efficientnet", str(path))
    assert not (tmp_path / "trapped").exists()
    if name.endswith(".pth"):
        for value in ([1, 2], {"a": 1}, {1: torch.zeros(1)}):
            torch.save(value, path)
            with pytest.raises(ValueError, match="holds no backbone weights"):
                load_backbone(backbone, "test_efficientnet", str(path))
