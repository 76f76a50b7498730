"""The command ``train``."""

import builtins

import pytest

from napari_iafpn.cli import main
from napari_iafpn.training.logs import LOG
from napari_iafpn.training.state import STATE

RECIPE = """
name = "disks"
pretrained = "none"

[model]
preset = "tiny"
fine = false

[view]
source_size = 96

[coarse]
steps = 900
batch = 2
size = 64
warmup_steps = 1

[[sets]]
name = "disks"
weight = 1.0

[validation]
objects = 2
every = 2
max_clicks = 1
sets = [{ name = "disks" }]
"""


@pytest.fixture
def command(folder, tmp_path):
    """Run the command with more arguments and return its exit code."""
    path = tmp_path / "disks.toml"
    path.write_text(RECIPE)
    common = ["train", str(path), "--data", str(folder), "--output", str(tmp_path / "run")]
    common += ["--workers", "0", "--device", "cpu", "--set", "coarse.steps=3"]
    return lambda *more: main([*common, *more])


def test_it_says_what_it_found_trains_and_is_not_run_twice(command, tmp_path, capsys, curve):
    assert command() == 0
    said = capsys.readouterr().out
    assert "disks: 20 objects in 4 images found; 20 in 4 used" in said
    assert "coarse, step 2: " in said
    assert f"model: {tmp_path / 'run' / 'disks-coarse.safetensors'}" in said
    assert len(curve(tmp_path / "run")) == 3
    assert command() == 2
    assert f"holds a run ({STATE}); give --resume" in capsys.readouterr().err
    assert command("--resume") == 0


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--set", "coarse.lr=1"], "unknown key 'lr' in coarse"),
        (["--precision", "half"], "precision is 'half'; choose one of auto, 32-true, bf16-mixed"),
        (["--workers", "-1"], "workers is -1; give at least 0"),
        (["--set", "sets.disks.path=nowhere"], "set 'disks': there is no folder"),
    ],
)
def test_mistakes_get_a_sentence(command, capsys, more, sentence):
    assert command(*more) == 2
    assert sentence in capsys.readouterr().err


def test_a_missing_recipe(tmp_path, capsys):
    arguments = ["train", str(tmp_path / "no.toml"), "--data", str(tmp_path), "--output", "x"]
    assert main(arguments) == 2
    assert "there is no recipe" in capsys.readouterr().err


def test_curves_for_tensorboard(command, tmp_path):
    pytest.importorskip("tensorboard")
    assert command("--tensorboard") == 0
    assert list((tmp_path / "run").glob("events.out.tfevents*"))
    assert (tmp_path / "run" / LOG).is_file()


def test_missing_tensorboard_gets_a_sentence(command, capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("torch.utils.tensorboard"):
            raise ModuleNotFoundError("No module named 'tensorboard'", name="tensorboard")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert command("--tensorboard") == 2
    assert "TensorBoard is not installed; run: pip install" in capsys.readouterr().err
