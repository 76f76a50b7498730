"""`napari-iafpn evaluate --protocol images`: what it writes, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder ``squares`` of one image with eight objects, and one with two."""
    folder = tmp_path / "squares"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name, count in (("many", 8), ("few", 2)):
        labels = np.zeros((64, 128), np.uint8)
        for number in range(count):
            top, left = 6 + 30 * (number // 4), 6 + 30 * (number % 4)
            labels[top : top + 16, left : left + 16] = number + 1
        image = np.where(labels > 0, 200, 40).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{name}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{name}.png")
    # a list of single objects is no list for whole images
    listed = {"squares": [["many", 1], ["few", 1]]}
    (tmp_path / "objects.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder


def arguments_of(folder: Path, model: Path, output: Path) -> list[str]:
    return [
        "evaluate",
        f"{folder}",
        "--protocol=images",
        "--assist=none",
        f"--model={model}",
        "--max-clicks=2",
        f"--output={output}",
    ]


def test_numbers_and_page(
    folder: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    arguments = arguments_of(folder, tiny_model, output)
    assert main(arguments) == 0
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    numbers = results["tiny"]["squares"]["none"]
    assert numbers["images"] == 1
    assert numbers["objects"] == 8
    assert numbers["actions"] == numbers["clicks"] + 1
    assert results["about"]["options"]["view_scale"] == 8
    assert results["about"]["options"]["target"] == 0.85
    assert "squares" in (output / "report.html").read_text(encoding="utf-8")
    assert "1 of 1 images and modes" in capsys.readouterr().err
    assert main([*arguments, "--assist=find"]) == 0
    assert "2 of 2 images and modes" in capsys.readouterr().err
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert results["tiny"]["squares"]["none"] == numbers
    assert set(results["tiny"]["squares"]) == {"none", "find"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--view-scale=whole"], "whole images are annotated in one view scale"),
        (["--assist=all"], "assist"),
        (["--assist=none"], "the mode 'none' is given twice"),
        (["--images=0"], "images is 0; give a whole number from 1 on"),
        (["--exemplars=0"], "exemplars is 0; give at least 1"),
        (["--target=1.2"], "target is 1.2"),
        (["--first=box"], "--first does not go with --protocol images"),
        (["--jobs=1"], "--jobs does not go with --protocol images"),
        (["--protocol=objects"], "--assist does not go with --protocol objects"),
        (["--protocol=stacks"], "unknown protocol 'stacks'; choose objects or images"),
    ],
)
def test_what_is_refused(
    folder: Path,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    sentence: str,
) -> None:
    arguments = arguments_of(folder, tiny_model, tmp_path / "run")
    assert main([*arguments, *options]) != 0
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
