"""The command ``evaluate``: what it prints, refuses, keeps and goes on with."""

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from napari_iafpn.cli import main
from napari_iafpn.evaluation import Protocol, evaluate_set
from napari_iafpn.evaluation.readers import FolderSet
from napari_iafpn.evaluation.report.numbers import objects_csv
from napari_iafpn.inference import Predictor

posix = pytest.mark.skipif(os.name != "posix", reason="process groups and signals of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder ``squares`` of three images with two objects each."""
    folder = tmp_path / "squares"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number in range(3):
        labels = np.zeros((64, 80), np.uint8)
        labels[10 : 30 + number, 8:30] = 1
        labels[30 : 50 + number, 45:70] = 2
        noise = np.random.default_rng(number).integers(0, 40, labels.shape)
        image = (60 * labels + noise).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{number}.png")
    return folder


def journal_lines(output: Path) -> int:
    path = output / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def untimed(table: str) -> list[dict[str, str]]:
    """Return the rows of objects.csv without the columns of seconds."""
    rows = list(csv.DictReader(io.StringIO(table)))
    assert any("seconds" in name for name in rows[0])
    return [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]


def table_of(folder: Path, models: list[Path]) -> str:
    """Return the objects.csv that is due, without any process, journal or interruption."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    samples = [FolderSet.open(folder).read(number) for number in range(3)]
    objects = [
        result
        for model in models
        for scale in (None, 1.5)
        for result in evaluate_set(
            Predictor.load(model, "cpu"),
            samples,
            Protocol(target=1.01, max_clicks=15),
            set_name=folder.name,
            model=model.stem,
            view_scale=scale,
        )
    ]
    torch.set_num_threads(threads)
    return objects_csv(objects)


@pytest.mark.slow
@posix
def test_interrupted_in_every_way_it_ends_with_the_same_table(
    folder: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = tmp_path / "second.safetensors"
    second.write_bytes(tiny_model.read_bytes())
    arguments = [
        "evaluate", f"folder:{folder}", "--model", str(tiny_model), "--model", str(second),
        "--view-scale", "whole", "--view-scale", "1.5", "--target", "1.01", "--max-clicks", "15",
        "--device", "cpu", "--output",
    ]  # fmt: skip
    (folder / "images" / "3.png").write_bytes(b"no picture")
    shutil.copy(folder / "labels" / "0.png", folder / "labels" / "3.png")
    out = tmp_path / "out"
    # Without `if __name__ == "__main__"`: the worker processes must not run it again.
    script = tmp_path / "script.py"
    # A shell may have told the tests, and so their processes, to ignore Ctrl+C.
    script.write_text(
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from napari_iafpn.cli import main; sys.exit(main())"
    )

    def interrupt(how: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str]:
        """Start, interrupt when two images more are finished, and see that no process is left."""
        enough = max(journal_lines(out), 1) + 8
        run = subprocess.Popen(
            [sys.executable, script, *arguments, str(out), "--jobs", "2"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        wait_for(lambda: journal_lines(out) >= enough or run.poll() is not None)
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) >= 2
        how(run)
        said = run.communicate(timeout=30)[1]
        assert not psutil.wait_procs(family, timeout=10)[1]
        return run.returncode, said

    assert interrupt(lambda run: run.kill())[0] == -signal.SIGKILL
    code, said = interrupt(lambda run: os.killpg(run.pid, signal.SIGINT))
    assert code == 130
    assert "everything that was finished is kept" in said
    assert "Traceback" not in said
    assert 16 < journal_lines(out) < 25

    assert main([*arguments, str(out)]) == 0
    said = capsys.readouterr()
    assert "32 of 32 objects" in said.err
    assert "1 problem(s)" in said.out
    assert "set 'squares', image '3': " in said.out
    assert "second needs no more and no fewer clicks per object to" in said.out
    assert str(out / "report.html") in said.out
    rows = untimed((out / "objects.csv").read_text())
    assert rows == untimed(table_of(folder, [tiny_model, second]))
    assert len(rows) == 24 * 15
    for name in ("results.json", "report.html", "curves.png", "success.png"):
        assert (out / name).stat().st_size


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{folder}", "--preset", "field"], "unknown preset 'field'; choose one of paper, plugin"),
        (["{folder}", "--view-scale", "all"], "view scale 'all' is not understood"),
        (["{folder}", "--target", "0"], "target is 0"),
        (["{folder}", "--model", "best"], "there is no model 'best'"),
        (["{folder}", "{folder}"], "the set 'squares' is given twice"),
        (["{folder}/images"], "images"),
        (["zip:{folder}"], "zip"),
        (["{folder}", "--objects", "{folder}/list.json"], "list.json"),
        (["{folder}", "--user", "random"], "user is 'random'"),
    ],
)
def test_wrong_arguments_get_a_sentence(
    folder: Path,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    filled = [text.format(folder=folder) for text in arguments]
    output = tmp_path / "out"
    assert main(["evaluate", *filled, "--output", str(output), "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize("first", ["box", "stroke"])
def test_the_first_prompt_is_chosen(folder: Path, tmp_path: Path, first: str) -> None:
    output = tmp_path / "report"
    command = ["evaluate", str(folder), "--first", first, "--max-clicks", "4", "--limit", "2"]
    command += ["--device", "cpu", "--output", str(output)]
    assert main(command) == 0
    rows = list(csv.DictReader(io.StringIO((output / "objects.csv").read_text())))
    begun = [row for row in rows if row["sign"] == first]
    assert [row["click"] for row in begun] == ["2", "2"]
    assert {row["click"] for row in rows} <= {"2", "3", "4"}
    assert (output / "report.html").stat().st_size > 1000
    assert main(command) == 0, "the same command goes on"


def test_an_unknown_first_prompt_gets_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(folder), "--first", "lasso", "--output", str(tmp_path / "r")]
    assert main(command) == 2
    assert "choose one of click, box, stroke" in capsys.readouterr().err
