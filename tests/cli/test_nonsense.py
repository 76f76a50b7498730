"""Whatever is typed: one sentence and the exit code 2, never a traceback."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.cli import main

HUGE = "9" * 25
NONSENSE = ("", "nan", "-1", HUGE, "folder", "text.txt")
"""Values that options do not take; ``folder`` and ``text.txt`` exist."""
TINY = "--model=tiny.safetensors"
COMMANDS = {
    "segment": ["image.png", "--click=5,5", "--output=mask.png", TINY],
    "demo": ["--output-dir=demo", TINY],
    "doctor": [],
    "train": ["recipe.toml", "--data=folder", "--output=run"],
    "evaluate": ["set", "--output=scores", TINY],
    "finetune": ["--images=set/images", "--labels=set/labels", "--output=new.safetensors", TINY],
    "export": ["labels.png", "--output=labels.tif"],
    "replay": ["text.txt", "--output=labels.tif"],
    "published": ["folder"],
}
OPTIONS = {
    "segment": "click output overlay model device",
    "demo": "sample model device",
    "doctor": "device",
    "train": "data set workers devices nodes device precision",
    "evaluate": "objects model preset view-scale max-clicks target threshold user jitter jobs "
    "threads seed device",
    "finetune": "output images labels model minutes level validation-share seed device",
    "export": "output image format scale",
    "replay": "output image labels model device",
    "published": "against",
}
TAKEN = {
    ("evaluate", "view-scale", HUGE),
    ("evaluate", "target", HUGE),
    ("evaluate", "seed", HUGE),
    ("export", "format", ""),
}
"""What makes sense after all: an empty path is the current folder."""


@pytest.fixture
def desk(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which is the current one, with an image, its labels, a recipe and other files."""
    monkeypatch.chdir(tmp_path)
    labels = np.zeros((40, 50), np.uint8)
    labels[5:20, 5:20] = 1
    for folder in ("folder", "set/images", "set/labels"):
        Path(folder).mkdir(parents=True)
    for path, pixels in {"image.png": labels + 90, "set/images/a.png": labels + 90}.items():
        Image.fromarray(pixels).save(path)
    for path in ("labels.png", "set/labels/a.png"):
        Image.fromarray(labels).save(path)
    Path("text.txt").write_text("text")
    Path("tiny.safetensors").symlink_to(tiny_model)
    Path("recipe.toml").write_text(
        "name = 'x'\nmodel = {preset = 'tiny', fine = false}\n"
        "[[sets]]\nname = 'a'\nweight = 1\n[coarse]\nsteps = 2\nwarmup_steps = 1\n"
    )
    return tmp_path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that cannot work and return its sentence."""
    assert main(arguments) == 2, arguments
    sentence = capsys.readouterr().err
    assert sentence.startswith("napari-iafpn: "), arguments
    assert sentence.count("\n") == 1, arguments
    for raw in ("Traceback", "Error", "object has no attribute", "codec can't", "Errno"):
        assert raw not in sentence, arguments
    return sentence


@pytest.mark.parametrize("option", [(c, o) for c, names in OPTIONS.items() for o in names.split()])
def test_nonsense_in_every_option(
    desk: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    command, name = option
    before = sorted(desk.rglob("*"))
    for value in NONSENSE:
        if (command, name, value) not in TAKEN:
            given = [each for each in COMMANDS[command] if not each.startswith(f"--{name}=")]
            refused([command, *given, f"--{name}={value}"], capsys)
    assert sorted(desk.rglob("*")) == before


@pytest.mark.parametrize("command", [command for command, given in COMMANDS.items() if given])
def test_nonsense_as_the_first_argument(
    desk: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in NONSENSE if command != "export" else NONSENSE[1:]:
        refused([command, value, *COMMANDS[command][1:]], capsys)


@pytest.mark.parametrize(
    "given", [["sgement"], ["--model"], ["segment"], ["models", "x"], ["train", "--resume"]]
)
def test_commands_that_are_none(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    refused(given, capsys)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("coarse.batch=99999999", "batch is 99999999"),
        ("coarse.learning_rate=nan", "coarse.learning_rate is nan"),
        ("model.coarse.channels=1000000000", "channels is 1000000000"),
        ("seed=-1", "seed is -1"),
    ],
)
def test_absurd_values_of_a_recipe(
    desk: Path, assignment: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("folder/a.png")
    Path("set").rename("folder/a")
    given = [*COMMANDS["train"], "--set=pretrained=none", f"--set={assignment}"]
    assert words in refused(["train", *given], capsys)
