"""Progress for terminals and for files."""

import io
from types import SimpleNamespace
from typing import Any

import pytest

from napari_iafpn.cli.progress import LineProgress, progress_on
from napari_iafpn.evaluation import EvaluationProgress


def after(done: int, clicks: int) -> EvaluationProgress:
    last: Any = SimpleNamespace(ious=(0.5,) * clicks)
    return EvaluationProgress(done, 4, 10.0 * (4 - done), last)


def test_a_file_gets_a_line_now_and_then() -> None:
    stream = io.StringIO()
    with progress_on(stream) as show:
        show(EvaluationProgress(0, 4, float("inf"), None))
        for done, clicks in enumerate((1, 2, 6, 3), start=1):
            show(after(done, clicks))
    assert stream.getvalue().splitlines() == [
        "0 of 4 objects",
        "4 of 4 objects, 3.0 clicks per object",
    ]


def test_each_line_says_what_is_left_and_the_mean_so_far() -> None:
    stream = io.StringIO()
    show = LineProgress(stream, interval=0)
    show(after(1, 1))
    show(after(2, 4))
    assert stream.getvalue().splitlines() == [
        "1 of 4 objects, 1.0 clicks per object, 0:00:30 left",
        "2 of 4 objects, 2.5 clicks per object, 0:00:20 left",
    ]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    with progress_on(stream) as show:
        show(after(2, 4))
    assert "4.0 clicks per object" in stream.getvalue()
    assert "2/4" in stream.getvalue()
    assert "0:00:20 left" in stream.getvalue()
