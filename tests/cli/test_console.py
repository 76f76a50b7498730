"""What stands in names and files does not act on the terminal."""

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress, TextColumn
from rich.table import Table

from napari_iafpn.cli import main
from napari_iafpn.cli.console import PrintableConsole, plain_console, printable, printable_warnings
from napari_iafpn.exchange import LabelImage, write_labels

HOSTILE = "a\x1b[2J\x9b31m\x07\udce9\u202eb\rc"
SHOWN = r"a\x1b[2J\x9b31m\x07\udce9\u202eb\rc"


def test_readable_text_stays_as_it_is() -> None:
    for text in ("zélle [1].tif", "細胞\u3000一.tif", "a\nb", "\\x1b"):
        assert printable(text) == text
    assert printable(HOSTILE) == SHOWN
    assert printable("10.30\u202fAM") == r"10.30\u202fAM", "it looks like a space and is none"


def test_tables_and_bars_show_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    plain_console().print(HOSTILE)
    # rich itself leaves out what rings and what goes back to the start of the line
    shown = SHOWN.replace("\\x07", "").replace("\\r", "")
    assert capsys.readouterr().out == f"{shown}\n"
    stream = io.StringIO()
    console = PrintableConsole(file=stream, width=100)
    table = Table("name")
    table.add_row("\x1b]0;title")
    console.print(table)
    with Progress(TextColumn("{task.description}"), console=console) as bar:
        bar.add_task("\x1b[2J of a name")
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\\x1b") == 1 + 1


@pytest.mark.parametrize("command", ["segment", "export"])
def test_refusals_show_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = tmp_path / "cells\x1b[31m\u202e.tif"
    path.write_bytes(b"II*\0 damaged")
    options = ["--click", "1,1"] if command == "segment" else []
    output = tmp_path / ("mask.png" if command == "segment" else "labels.npz")
    assert main([command, str(path), *options, "--output", str(output)]) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert told.startswith("napari-iafpn: ")
    assert told.count("\n") == 1, "nothing of the library that reads"
    assert r"cells\x1b[31m\u202e.tif cannot be read as" in told


def test_an_output_without_the_letters_of_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = write_labels(LabelImage(np.ones((4, 5), int)), tmp_path / "łódź.tif")
    with io.TextIOWrapper(io.BytesIO(), encoding="cp1252") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["export", str(labels), "--output", str(tmp_path / "łódź.npz")]) == 0
        stream.flush()
        assert b"\\u0142\xf3d\\u017a.npz (1 objects)" in stream.buffer.getvalue()


def test_an_unknown_option_shows_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "--\x1b[31m"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.filterwarnings("always::UserWarning")
def test_warnings_show_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    with printable_warnings():
        warnings.warn(f"{HOSTILE} is strange", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == f"warning: {SHOWN} is strange\n".replace("\\rc", " c")
