"""The commands ``finetune`` and ``adapt``: a bar for people, or lines for a program."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from rich.progress import BarColumn, Progress, TextColumn

from napari_iafpn.cli.console import plain_console
from napari_iafpn.training.finetuning import (
    Command,
    Done,
    Event,
    Failed,
    FinetuneRequest,
    Measured,
    Phase,
    Step,
    Surveyed,
    event_to_json,
    outputs_of,
)

COMMANDS = {"pause": Command.PAUSE, "resume": Command.GO, "stop": Command.STOP}
"""Lines on the standard input of a run with events."""


def run_finetuning(values: dict[str, Any], *, events: bool, overwrite: bool) -> None:
    """Fine-tune with the request of ``values``, and show how it goes on."""
    if events:
        _with_events(values, overwrite)
    else:
        _with_a_bar(values, overwrite)


def tell(event: Event) -> None:
    """Write an event on the standard output."""
    sys.stdout.write(event_to_json(event) + "\n")
    sys.stdout.flush()


def listening() -> Orders:
    """Obey the standard input from now on; at its end stop."""
    orders = Orders()
    threading.Thread(target=orders.listen, args=(sys.stdin,), daemon=True).start()
    return orders


def _with_events(values: dict[str, Any], overwrite: bool) -> None:
    orders = listening()
    try:
        request = _request(values, overwrite)
    except ValueError as error:
        tell(Failed(str(error)))
        raise
    _start(request, tell, lambda: orders.command)


class Orders:
    """The last command that was given."""

    def __init__(self) -> None:
        self.command = Command.GO

    def listen(self, lines: IO[str]) -> None:
        """Read commands until the end of the lines, which means that nobody is there any more."""
        for line in lines:
            # What is no command is left alone: a newer window may know more of them.
            self.command = COMMANDS.get(line.strip(), self.command)
            if self.command is Command.STOP:
                return
        self.command = Command.STOP

    def stop(self) -> None:
        """Give the command to stop."""
        self.command = Command.STOP


def _with_a_bar(values: dict[str, Any], overwrite: bool) -> None:
    request = _request(values, overwrite)
    orders = Orders()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=plain_console()) as bar, _interrupts(orders, bar):
        _start(request, BarReport(bar, 60.0 * request.minutes), lambda: orders.command)


class BarReport:
    """Shows the events of a run on a progress bar."""

    def __init__(self, bar: Progress, seconds: float) -> None:
        self._bar, self._seconds = bar, seconds
        self._task = bar.add_task("starting", total=seconds, left="")

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Step):
            self._at(event.seconds_left, f"{event.level}, step {_of(event)}: {event.loss:.4f}")
        elif isinstance(event, Phase):
            self._at(event.seconds_left, event.sentence)
        elif isinstance(event, Surveyed):
            self._print(event.sentence, *event.left_out)
        elif isinstance(event, Measured):
            self._print(_measured(event))
        elif isinstance(event, Done):
            self._bar.update(self._task, completed=self._seconds, left="", description="done")
            self._print(event.sentence, *_places(event))

    def _at(self, left: float, words: str) -> None:
        self._bar.update(
            self._task,
            completed=self._seconds - left,
            description=words,
            left=f"{timedelta(seconds=round(left))} left",
        )

    def _print(self, *lines: str) -> None:
        for line in lines:
            self._bar.console.print(line)


def _of(event: Step) -> str:
    return f"{event.step} of {event.steps}" if event.steps else str(event.step)


def _measured(event: Measured) -> str:
    whose = "of your held-out objects" if event.set == "yours" else "objects of the kinds it knew"
    when = f"{event.level}, step {event.step}" if event.level else event.moment
    best = ", the best so far" if event.best and event.moment == "during" else ""
    return (
        f"{when}: {event.clicks.noc85:.1f} clicks to 85 % on {event.clicks.objects} {whose}{best}"
    )


def _places(done: Done) -> list[str]:
    places = (("model", done.model), ("report", done.report))
    return [f"{what}: {path}" for what, path in places if path]


@contextmanager
def _interrupts(orders: Orders, bar: Progress) -> Iterator[None]:
    """Let the first Ctrl+C stop the run and save it, the second one end it at once."""

    def stop(*_: Any) -> None:
        orders.stop()
        bar.console.print("Stopping after this step; Ctrl+C once more ends at once.")
        signal.signal(signal.SIGINT, old)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)


def _request(values: dict[str, Any], overwrite: bool) -> FinetuneRequest:
    request = FinetuneRequest(**values)
    there = [path for path in outputs_of(request.output) if path.exists()]
    if there and not overwrite and not request.begun:
        raise ValueError(f"{there[0]} exists already; give another name or add --overwrite")
    return request


def _start(
    request: FinetuneRequest, report: Callable[[Event], None], control: Callable[[], Command]
) -> None:
    from napari_iafpn.training.finetuning import finetune

    finetune(request, report, control)


def adapt_of(
    objects: Path,
    output: Path,
    start: str,
    further: Path | None,
    since: Path | None,
    against: str,
    steps: int | None,
    *,
    urgent: bool,
) -> None:
    """Learn, or try what was learned; unless it is urgent, while nobody else computes."""
    from napari_iafpn.training.adaptation import AdaptRequest, run_adaptation, step_back

    if not urgent:
        step_back()
    orders = listening()
    given = {} if steps is None else {"steps": steps}
    request = AdaptRequest(objects, output, start, further, since, against, **given)
    run_adaptation(request, tell, lambda: orders.command)
