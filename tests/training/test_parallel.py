"""Two processes compute what one does, up to the statistics of their parts of a batch."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from napari_iafpn.networks import load_cascade
from napari_iafpn.training.loop import BatchStream, average_gradients
from napari_iafpn.training.recipe import read_recipe
from napari_iafpn.training.settings import StageConfig
from napari_iafpn.training.train import ComputeSettings, train

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


def test_batches_that_cannot_be_shared_are_told_before_the_sets_are_read(folder, tmp_path):
    path = tmp_path / "disks.toml"
    path.write_text(RECIPE)
    recipe = read_recipe(path, ["fine.batch=3", "sets.disks.path=nowhere"])
    engine = ComputeSettings(accelerator="cpu", devices=2)
    with pytest.raises(ValueError, match=r"fine\.batch is 3, which 2 processes cannot share"):
        train(recipe, folder, tmp_path / "run", engine=engine)


@pytest.mark.slow
def test_two_processes_have_nearly_the_loss_curve_of_one(folder, tmp_path, curve):
    """Through the command line; on CPUs each normalises and drops out its part of a batch."""
    path = tmp_path / "disks.toml"
    path.write_text(RECIPE)
    command = [Path(sys.executable).parent / "napari-iafpn", "train", path, "--data", folder]
    command += ["--output", tmp_path / "two", "--workers", "0"]
    command += ["--device", "cpu", "--devices", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    engine = ComputeSettings(workers=0, accelerator="cpu")
    one = train(read_recipe(path), folder, tmp_path / "one", engine=engine)
    curves = [curve(tmp_path / name) for name in ("one", "two")]
    for (*at, first), (*also_at, second) in zip(*curves, strict=True):
        assert at == also_at
        assert float(first) == pytest.approx(float(second), rel=0.2)
    two = dict(load_cascade(tmp_path / "two" / one.name).named_parameters())
    for key, value in load_cascade(one).named_parameters():
        torch.testing.assert_close(two[key], value, rtol=0.1, atol=2e-3, msg=key)


def test_what_no_process_learned_is_left_alone():
    """Else the optimiser would move it on by its momentum, as one process alone does not."""
    module = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    module[0](torch.ones(1, 2)).sum().backward()
    expected = module[0].weight.grad.clone()
    fabric = SimpleNamespace(world_size=2, all_reduce=lambda values, reduce_op: values)
    average_gradients(module, fabric)
    assert torch.equal(module[0].weight.grad, expected)
    assert all(parameter.grad is None for parameter in module[1].parameters())
