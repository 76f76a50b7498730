"""One training: its folder, what was asked for, and what it told so far."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from napari_iafpn.networks.tables import read_json
from napari_iafpn.plugin.training.history import TrainingHistory
from napari_iafpn.sessions.lines import LineFile, lines_of, sealed
from napari_iafpn.training.finetuning import FinetuneRequest, event_from_json

REQUEST, EVENTS, LOCK = "request.json", "events.jsonl", "window.lock"
RUN_SUFFIX = ".run"


@dataclass(frozen=True)
class Job:
    """A training that can be begun or gone on with, also after napari was closed.

    Attributes
    ----------
    folder : Path
        Holds the state of the run, the request, the events and the images of layers.
    request : FinetuneRequest
    """

    folder: Path
    request: FinetuneRequest

    @property
    def name(self) -> str:
        """The new model's name."""
        return self.request.output.stem

    @property
    def arguments(self) -> list[str]:
        """The command line, after the program's name."""
        request = self.request
        options: dict[str, object] = {
            "images": request.images,
            "labels": request.labels,
            "output": request.output,
            "model": request.model,
            "minutes": request.minutes,
            "level": request.level,
            "device": request.device,
            "run": self.folder,
        }
        given = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        return ["finetune", *given, "--events"]

    def save(self) -> None:
        """Write the request: from now on the job is found again."""
        text = json.dumps(self.request.to_json(), indent=1)
        (self.folder / REQUEST).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Job:
        """Return the job in ``folder``; ValueError or OSError where it holds none."""
        values = read_json((folder / REQUEST).read_bytes())
        return cls(folder, FinetuneRequest.from_json(values))

    def log(self, line: str) -> None:
        """Keep an event, so that the curves are there after napari was closed."""
        file = LineFile(self.folder / EVENTS)
        file.open(wait=1.0)
        try:
            file.append(sealed(json.loads(line)))
        finally:
            file.close()

    def history(self) -> TrainingHistory:
        """Return what the training told so far."""
        history = TrainingHistory(self.request.minutes)
        path = self.folder / EVENTS
        for line in lines_of(path) if path.is_file() else ():
            try:
                history.add(event_from_json(json.dumps(line.entry)))
            except ValueError:  # the last line of a process that was killed, or damage
                continue
        return history

    def delete(self) -> None:
        """Delete the folder; the model is not in it."""
        clear(self.folder)


def clear(folder: Path) -> None:
    """Delete a folder as far as that goes; what is left is not found as a job."""
    (folder / REQUEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
