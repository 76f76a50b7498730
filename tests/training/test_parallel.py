"""Two processes compute what one does."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_iafpn.networks import load_cascade, read_card
from napari_iafpn.training.parallel import BatchStream, CommonDropout
from napari_iafpn.training.recipe import read_recipe
from napari_iafpn.training.settings import StageConfig
from napari_iafpn.training.train import Engine, train

RECIPE = """
name = "disks"
pretrained = "none"
precision = "32-true"

[model]
preset = "tiny"

[view]
source_size = 96

[coarse]
steps = 5
batch = 4
size = 64
warmup_steps = 1
learning_rate = 1e-4

[fine]
steps = 3
batch = 4
size = 64
warmup_steps = 1
learning_rate = 1e-4

[[sets]]
name = "disks"
weight = 1.0

[validation]
objects = 2
every = 3
max_clicks = 1

[[validation.sets]]
name = "disks"
"""


def test_the_parts_of_all_processes_are_the_batches_of_one():
    config = StageConfig(steps=5, batch=4, accumulate=2, warmup_steps=0)
    whole = list(BatchStream(100, 2, config))
    parts = [list(BatchStream(100, 2, config, rank, 2)) for rank in (0, 1)]
    assert [a + b for a, b in zip(*parts, strict=True)] == whole
    assert len(BatchStream(100, 2, config)) == len(whole) == 6
    assert whole[0] == [116, 117, 118, 119]
    with pytest.raises(ValueError, match="batch is 4, which 3 processes cannot share equally"):
        BatchStream(0, 0, config, 0, 3)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", [torch.nn.Dropout, torch.nn.Dropout2d])
def test_dropout_masks_are_the_parts_of_the_common_one(kind, memory):
    whole = torch.ones(4, 3, 5, 5).contiguous(memory_format=memory)
    torch.manual_seed(3)
    expected = kind(0.5)(whole)
    for rank in (0, 1):
        common = CommonDropout(0.5, channels=kind is torch.nn.Dropout2d, rank=rank, processes=2)
        torch.manual_seed(3)
        part = whole[2 * rank : 2 * rank + 2].contiguous(memory_format=memory)
        assert torch.equal(common(part), expected[2 * rank : 2 * rank + 2])
    assert torch.equal(common.eval()(part), part)


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(folder, tmp_path, curve):
    """Through the command line, with batch normalisation and dropout as the recipe has them."""
    path = tmp_path / "disks.toml"
    path.write_text(RECIPE)
    command = [Path(sys.executable).parent / "napari-iafpn", "train", path, "--data", folder]
    command += ["--output", tmp_path / "two", "--workers", "0"]
    command += ["--device", "cpu", "--devices", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    engine = Engine(workers=0, accelerator="cpu")
    one = train(read_recipe(path), folder, tmp_path / "one", engine=engine)
    curves = [curve(tmp_path / name) for name in ("one", "two")]
    for (*at, first), (*also_at, second) in zip(*curves, strict=True):
        assert at == also_at
        assert float(first) == pytest.approx(float(second), abs=1e-5)
    two = load_cascade(tmp_path / "two" / one.name).state_dict()
    for key, value in load_cascade(one).state_dict().items():
        torch.testing.assert_close(two[key], value, rtol=1e-2, atol=2e-3, msg=key)


def test_replicas_see_different_samples_and_end_with_the_same_weights(folder, tmp_path, curve):
    path, output = tmp_path / "disks.toml", tmp_path / "run"
    script = Path(__file__).parents[2] / "training" / "replicas.py"
    command = [sys.executable, str(script), str(path), "--data", str(folder), "--device", "cpu"]
    command += ["--output", str(output), "--replicas", "2", "--every", "2", "--workers", "0"]
    path.write_text(RECIPE)
    refused = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert refused.returncode == 2
    assert "leave out [validation]" in refused.stderr
    path.write_text(RECIPE.split("[validation]")[0])
    subprocess.run(command, check=True, timeout=240)
    curves = [curve(output / str(number)) for number in (0, 1)]
    assert len(curves[0]) == 8
    assert curves[0] != curves[1]
    models = [output / str(number) / "disks-fine.safetensors" for number in (0, 1)]
    first, second = (load_cascade(model).state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert read_card(models[0]).recipe_hash == read_recipe(path).digest
