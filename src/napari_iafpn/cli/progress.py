"""How a long evaluation shows that it goes on: a bar in a terminal, now and then a line else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from napari_iafpn.evaluation.results import EvaluationProgress

LINE_SECONDS = 30.0


@contextmanager
def progress_on(stream: TextIO) -> Iterator[Callable[[EvaluationProgress], None]]:
    """Give what shows the progress on ``stream`` for as long as the context lasts."""
    if stream.isatty():
        with _bar(stream) as show:
            yield show
    else:
        yield LineProgress(stream)


class ClickMean:
    """The mean number of clicks of the objects seen so far."""

    def __init__(self) -> None:
        self._clicks = self._objects = 0

    def add(self, progress: EvaluationProgress) -> str:
        """Count the last object; return the mean in words."""
        if progress.last is not None:
            self._clicks += len(progress.last.ious)
            self._objects += 1
        if not self._objects:
            return ""
        return f"{self._clicks / self._objects:.1f} clicks per object"


class LineProgress:
    """Writes a line at the start, at the end and now and then."""

    def __init__(self, stream: TextIO, interval: float = LINE_SECONDS) -> None:
        self._stream, self._interval = stream, interval
        self._mean = ClickMean()
        self._next = -math.inf

    def __call__(self, progress: EvaluationProgress) -> None:
        """Write a line if it is time."""
        parts = [f"{progress.done} of {progress.total} objects", self._mean.add(progress)]
        if time.monotonic() < self._next and progress.done < progress.total:
            return
        self._next = time.monotonic() + self._interval
        if 0 < progress.seconds_left < math.inf:
            parts.append(f"{timedelta(seconds=round(progress.seconds_left))} left")
        self._stream.write(", ".join(filter(None, parts)) + "\n")
        self._stream.flush()


@contextmanager
def _bar(stream: TextIO) -> Iterator[Callable[[EvaluationProgress], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TextColumn

    from napari_iafpn.cli.console import PrintableConsole

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    mean = ClickMean()
    with Bar(*columns, console=PrintableConsole(file=stream), transient=True) as bar:
        task = bar.add_task("listing the objects", total=None, left="")

        def show(progress: EvaluationProgress) -> None:
            seconds = progress.seconds_left
            bar.update(
                task,
                description=mean.add(progress) or "loading the model",
                total=progress.total,
                completed=progress.done,
                left=f"{timedelta(seconds=round(seconds))} left" if seconds < math.inf else "",
            )

        yield show
