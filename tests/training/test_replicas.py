"""The script that trains replicas whose weights are averaged."""

import subprocess
import sys
from pathlib import Path

import torch

from napari_iafpn.networks import load_cascade, read_card
from napari_iafpn.training.recipe import read_recipe

SCRIPT = Path(__file__).parents[2] / "training" / "replicas.py"
RECIPE = """
name = "disks"
pretrained = "none"
precision = "32-true"

[model]
preset = "tiny"

[view]
source_size = 96

[coarse]
steps = 3
batch = 2
size = 64
warmup_steps = 1

[fine]
steps = 2
batch = 2
size = 64
warmup_steps = 1

[[sets]]
name = "disks"
weight = 1.0
"""


def test_replicas_see_different_samples_and_end_with_the_same_weights(folder, tmp_path, curve):
    path, output = tmp_path / "disks.toml", tmp_path / "run"
    path.write_text(RECIPE)
    command = [sys.executable, str(SCRIPT), str(path), "--data", str(folder)]
    command += ["--output", str(output), "--replicas", "2", "--every", "2", "--workers", "0"]
    subprocess.run([*command, "--device", "cpu"], check=True, timeout=240)
    curves = [curve(output / str(number)) for number in (0, 1)]
    assert len(curves[0]) == 5
    assert curves[0] != curves[1]
    models = [output / str(number) / "disks-fine.safetensors" for number in (0, 1)]
    first, second = (load_cascade(model).state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert read_card(models[0]).recipe_hash == read_recipe(path).digest
