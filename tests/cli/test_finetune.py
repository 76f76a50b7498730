"""The command ``finetune``: exit codes, sentences, and the lines for a program."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.cli import main
from napari_iafpn.cli.finetune import Orders
from napari_iafpn.networks import read_card
from napari_iafpn.training.finetuning import Command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images of three squares each."""
    rng = np.random.default_rng(8)
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for number in range(4):
        labels = np.zeros((64, 72), np.uint8)
        for place in range(3):
            row = int(rng.integers(2, 44))
            labels[row : row + 16, 24 * place + 3 : 24 * place + 19] = place + 1
        grey = np.where(labels > 0, 160, 70) + rng.normal(0, 9, labels.shape)
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(tmp_path / f"images/{number}.png")
        Image.fromarray(labels).save(tmp_path / f"labels/{number}.png")
    return tmp_path


@pytest.fixture
def arguments(folder: Path, tiny_model: Path) -> list[str]:
    places = {"images": folder / "images", "labels": folder / "labels", "model": tiny_model}
    options = {**places, "output": folder / "new.safetensors", "minutes": 5, "device": "cpu"}
    return ["finetune", *(part for k, v in options.items() for part in (f"--{k}", str(v)))]


def test_it_shows_what_was_gained(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--minutes", "0.02", "--level", "coarse", "--no-replay"]
    assert main([*arguments, *options]) == 0
    output = capsys.readouterr().out
    assert "12 objects in 4 images" in output
    assert "held-out objects:" in output
    assert str(folder / "new.safetensors") in output
    assert read_card(folder / "new.safetensors").name == "new"
    assert (folder / "new.json").is_file()
    assert (folder / "new.html").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "0"], "minutes is 0"),
        (["--level", "middle"], "level is 'middle'"),
        (["--output", "model.pt"], "must end in .safetensors"),
        (["--labels", "nowhere"], "there is no folder nowhere"),
        (["--model", "nobody"], "there is no model 'nobody'"),
        (["--device", "abacus"], "device 'abacus'"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_an_existing_model_is_not_replaced_by_accident(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "new.safetensors").write_bytes(b"precious")
    assert main(arguments) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert (folder / "new.safetensors").read_bytes() == b"precious"


def test_events_tell_of_a_failure(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("resume\n"))
    assert main([*arguments, "--events", "--minutes", "-1"]) == 2
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "failed"
    assert last["sentence"].startswith("minutes is -1.0; give a time above 0")


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        ("pause\n", Command.STOP),  # the end of the lines
        ("pause\nresume\nstop\npause\n", Command.STOP),
    ],
)
def test_the_end_of_the_lines_means_stop(lines: str, command: Command) -> None:
    orders = Orders()
    orders.listen(io.StringIO(lines))
    assert orders.command is command


def test_a_program_pauses_resumes_and_leaves(arguments: list[str], folder: Path) -> None:
    code = "import sys; from napari_iafpn.cli import main; sys.exit(main(sys.argv[1:]))"
    command = (sys.executable, "-c", code, *arguments, "--events", "--no-replay")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        events = (json.loads(line) for line in process.stdout)

        def until(event: str, **values: object) -> dict[str, object]:
            wanted = {"event": event, **values}
            return next(e for e in events if wanted.items() <= e.items())

        until("surveyed", images=4)
        until("step")
        process.stdin.write("pause\n")
        process.stdin.flush()
        until("phase", name="paused")
        process.stdin.write("resume\n")
        process.stdin.flush()
        until("step")
        process.stdin.close()  # the window is gone
        done = until("done")
        assert done["stopped"] is True
    assert process.returncode == 0
    assert (folder / "new.run" / "finetune.json").is_file()
