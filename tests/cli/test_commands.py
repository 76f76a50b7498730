"""The other commands, on the shipped model."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_iafpn.cli import main
from napari_iafpn.plugin.samples import SAMPLES, load_image, load_labels


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from napari_iafpn.cli import main; assert main(['segment', '--help']) == 0; "
        "heavy = {'torch', 'numpy', 'scipy', 'napari', 'qtpy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "--click" in run.stdout


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    output = capsys.readouterr().out
    for command in ("segment", "models", "doctor", "demo"):
        assert command in output


def test_models_lists_the_default_with_its_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    output = capsys.readouterr().out
    assert "default" in output
    assert "licence" in output
    assert "trained on" in output


def test_doctor_makes_a_real_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert "s per click on cpu" in output
    assert "with PyTorch" in output
    assert "engine" in output
    assert "model default" in output


def test_doctor_refuses_an_unknown_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--device", "abacus"]) == 2
    assert "device 'abacus' is not available" in capsys.readouterr().err


def test_demo_does_the_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    assert main(["demo", "--output-dir", str(folder), "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert str(folder / "nuclei_mask.tif") in output
    assert "seconds per click" in output

    labels = load_labels("nuclei")
    truth = labels == labels[SAMPLES["nuclei"].click]
    mask = tifffile.imread(folder / "nuclei_mask.tif") > 0
    assert (mask & truth).sum() / (mask | truth).sum() >= 0.9
    with Image.open(folder / "nuclei_overlay.png") as overlay:
        assert overlay.size == (mask.shape[1], mask.shape[0])


def test_demo_replaces_nothing_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "nuclei_mask.tif"
    mine.write_bytes(b"mine")
    command = ["demo", "--output-dir", str(tmp_path), "--device", "cpu"]
    assert main(command) == 2
    assert "holds nuclei_mask.tif already; give another folder" in capsys.readouterr().err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
    assert main([*command, "--overwrite"]) == 0
    assert tifffile.imread(mine).any()


def test_demo_refuses_an_unknown_sample(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--sample", "moon"]) == 2
    assert "there is no sample 'moon'; choose one of nuclei" in capsys.readouterr().err


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_has_an_object_under_its_click(name: str) -> None:
    image, labels = load_image(name), load_labels(name)
    assert image.dtype == labels.dtype == np.uint8
    assert image.shape[:2] == labels.shape
    assert labels[SAMPLES[name].click] > 0
