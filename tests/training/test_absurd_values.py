"""Values that no training can use: each is refused in one sentence that names its key."""

import copy
import dataclasses
import json
import random
import re
from contextlib import suppress
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import torch

from napari_iafpn.networks.tables import plain, read_json
from napari_iafpn.training.finetuning.request import RECORD, FinetuneRequest
from napari_iafpn.training.finetuning.state import Record, load_record
from napari_iafpn.training.recipe import override, read_recipe, recipe_from
from napari_iafpn.training.settings import (
    AugmentConfig,
    ClickConfig,
    SetConfig,
    StageConfig,
    ValidationConfig,
    ViewConfig,
)
from napari_iafpn.training.state import STATE, load_state, save_state
from napari_iafpn.training.train import ComputeSettings

FOREIGN = (float("nan"), float("inf"), -float("inf"), 2**64, "x", [], {}, [None], True, -1.5)
TABLES = {
    "coarse": StageConfig,
    "view": ViewConfig,
    "augment": AugmentConfig,
    "clicks": ClickConfig,
    "validation": ValidationConfig,
}


def values_now():
    return {
        "name": "tiny",
        "sets": [{"name": "disks", "weight": 1.0}],
        "coarse": {"steps": 4, "warmup_steps": 1},
        "fine": {"steps": 4, "warmup_steps": 1},
        "validation": {"sets": [{"name": "held out"}]},
        "model": {"preset": "tiny"},
    }


def values_of(kind):
    """Return each number of a dataclass with each value that it cannot have."""

    def is_number(hint):
        parts = {hint, *get_args(hint)}
        return bool({int, float} & parts) and Ellipsis not in parts

    numbers = [key for key, hint in get_type_hints(kind).items() if is_number(hint)]
    return [(key, value) for key in numbers for value in FOREIGN]


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [(table, *pair) for table, kind in TABLES.items() for pair in values_of(kind)],
)
def test_every_number_of_a_recipe(table, key, value):
    values = values_now()
    values[table] = {**values.get(table, {}), key: value}
    with pytest.raises(ValueError, match=key):
        recipe_from(values)


@pytest.mark.parametrize(("key", "value"), values_of(SetConfig))
def test_every_number_of_a_set(key, value):
    values = values_now()
    values["sets"][0][key] = value
    with pytest.raises(ValueError, match=key):
        recipe_from(values)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("coarse.batch=100000000", "batch is 100000000; give at least 1 and at most 4096"),
        ("coarse.size=1000000000", "coarse.size is"),
        ("coarse.size=[64, 32000000]", "at most 8192"),
        ("coarse.source_size=9000000", "source_size is 9000000"),
        ("coarse.steps=true", "coarse.steps is True; give a whole number"),
        ("coarse.learning_rate=nan", "coarse.learning_rate is nan; give a finite number"),
        ("view.scale=[nan, 2]", r"view.scale is \[nan, 2\]; give a list, each a finite number"),
        ("view.source_size=1e9", "view.source_size is 1000000000.0; give a whole number or a list"),
        ("clicks.negatives=[inf, 0, 0]", "negatives"),
        ("clicks.max_initial=1000000000", "max_initial is 1000000000"),
        ("model.coarse.channels=1000000000", "channels is 1000000000"),
        ("model.fine=7", "model.fine is 7; give a table"),
        ("model=7", "model is 7"),
        ("sets=7", "sets is 7"),
        ("seed=-1", "seed is -1; give at least 0"),
        ("seed=18446744073709551616", "seed is 18446744073709551616; give a whole number"),
        ("name=../outside", "name is '../outside'; give a part of a file name"),
        ("name=7", "name is 7; give a text"),
        ("coarse.steps=" + "[" * 5000, r"coarse.steps is '\[\[\["),
        ("coarse.steps=" + "1" * 5000, r"coarse.steps is '111"),
        ("start_share=nan", "start_share is nan"),
    ],
)
def test_absurd_assignments(assignment, words):
    values = values_now()
    override(values, [assignment])
    with pytest.raises(ValueError, match=words) as caught:
        recipe_from(values)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 0},
        {"batch": "x"},
        {"accumulate": True},
        {"milestones": ["x"]},
        {"milestones": 7},
        {"epochs": float("nan")},
        {"epoch_samples": float("inf")},
        {"epochs": "x"},
    ],
    ids=repr,
)
def test_stages_in_epochs(change):
    values = values_now()
    values["coarse"] = {"epochs": 2, "epoch_samples": 100, "warmup_steps": 1, **change}
    with pytest.raises(ValueError, match=next(iter(change))):
        recipe_from(values)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 20_000, b"a = " + b"1" * 5000])
def test_a_recipe_that_is_no_text_or_has_no_end(tmp_path, content):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"recipe\.toml is no valid TOML: "):
        read_recipe(path)


REQUEST = FinetuneRequest(Path("images"), Path("labels"), Path("new.safetensors"))


@pytest.mark.parametrize(("key", "value"), values_of(FinetuneRequest))
def test_every_number_of_a_request(key, value):
    words = key.replace("_", ".")
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(REQUEST, **{key: value})
    with pytest.raises(ValueError, match=words):
        FinetuneRequest.from_json({**REQUEST.to_json(), key: value})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "the request is None; give a table"),
        ([], "the request is"),
        ({**REQUEST.to_json(), "images": 7}, "images is 7; give a path"),
        ({**REQUEST.to_json(), "replay": 1}, "replay is 1; give true or false"),
        (
            {**REQUEST.to_json(), "minutes": 1e9},
            "minutes is 1000000000.0; give a time above 0",
        ),
        ({**REQUEST.to_json(), "speed": 1}, "unknown key 'speed'"),
        ({"images": "a"}, "the request lacks the key 'labels'"),
    ],
)
def test_requests_of_other_types(values, words):
    with pytest.raises(ValueError, match=words):
        FinetuneRequest.from_json(values)


@pytest.mark.parametrize(("key", "value"), values_of(ComputeSettings))
def test_every_number_of_an_engine(key, value):
    with pytest.raises(ValueError, match=key):
        ComputeSettings(**{key: value})
    with pytest.raises(ValueError, match="workers is 100000"):
        ComputeSettings(workers=100_000)


def test_a_flipped_bit_or_a_cut_in_the_state_of_a_run_is_seen(tmp_path):
    state = {
        "cascade": {"weight": torch.arange(500.0)},
        "optimizer": {"state": {}, "param_groups": []},
        "average": None,
        "best": {"step": 0},
        "stage": "coarse",
        "step": 7,
        "recipe": "digest",
    }
    save_state(tmp_path, state)
    path = tmp_path / STATE
    raw = path.read_bytes()
    assert torch.equal(load_state(tmp_path, "digest")["cascade"]["weight"], torch.arange(500.0))
    chance = random.Random(4)
    unseen = 0
    for _ in range(200):
        cut, flipped = chance.randrange(len(raw)), bytearray(raw)
        flipped[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        path.write_bytes(raw[:cut])
        with pytest.raises(ValueError, match=re.escape(str(path))):
            load_state(tmp_path, "digest")
        path.write_bytes(flipped)
        with suppress(ValueError):
            found = load_state(tmp_path, "digest")
            # A bit that means nothing, such as one of the time in the archive.
            assert torch.equal(found["cascade"]["weight"], torch.arange(500.0))
            assert {**found, "cascade": 0} == {**state, "cascade": 0}
            unseen += 1
    assert unseen < 40


@pytest.mark.parametrize(
    "change",
    [{"stage": "last"}, {"stage": []}, {"step": -1}, {"step": True}, {"step": "x"}],
    ids=repr,
)
def test_a_state_of_other_types_is_none(tmp_path, change):
    keys = dict.fromkeys(("cascade", "optimizer", "average", "best"))
    save_state(tmp_path, {**keys, "stage": "fine", "step": 3, "recipe": "digest", **change})
    with pytest.raises(ValueError, match="is no state of a run"):
        load_state(tmp_path, "digest")


RECORDED = plain(Record("digest", "model"))
MOMENT = {
    "level": "",
    "step": 0,
    "yours": {"objects": 3, "noc80": 2.0, "noc85": 3.0, "noc90": None, "miou1": 0.5},
    "replay": None,
}


@pytest.mark.parametrize(
    "change",
    [
        {"used": "x"},
        {"used": float("nan")},
        {"before": []},
        {"before": {"report": {"a": ["x"]}}},
        {"steps": {"coarse": 1.5}},
        {"finished": "coarse"},
        {"moments": [7]},
        {"moments": [{**MOMENT, "yours": None}]},
        {"moments": [{**MOMENT, "yours": {**MOMENT["yours"], "noc85": "x"}}]},
        {"best": 3},
        {"best": -1},
        {"further": 1},
    ],
    ids=repr,
)
def test_a_record_of_other_types_is_damaged(tmp_path, change):
    path = tmp_path / RECORD
    path.write_text(json.dumps({**RECORDED, "moments": [copy.deepcopy(MOMENT)]}))
    assert load_record(tmp_path, "digest", "model").moments[0].yours.objects == 3
    path.write_text(json.dumps({**RECORDED, **change}))
    with pytest.raises(ValueError, match=r"finetune\.json is damaged; delete"):
        load_record(tmp_path, "digest", "model")


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a": 1, "a": 2}', "", "x", "1" * 5000])
def test_json_without_end_or_with_twins(text):
    with pytest.raises(ValueError, match=r"."):
        read_json(text)
