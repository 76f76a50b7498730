"""What a fine-tuning is asked to do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from napari_iafpn.networks.tables import (
    Flag,
    Natural,
    Real,
    checked,
    must,
    one_of,
    plain,
    read_table,
)

LEVELS = ("both", "coarse", "fine")
MOST_MINUTES = 366 * 24 * 60
RECORD = "finetune.json"
"""What is in the folder of a run that has begun."""


def outputs_of(output: Path) -> tuple[Path, ...]:
    """Return all files that a fine-tuning leaves: the model, and its report twice."""
    return output, output.with_suffix(".json"), output.with_suffix(".html")


@checked
@dataclass(frozen=True)
class FinetuneRequest:
    """Retrain ``model`` on the objects of a folder of images and a folder of labels.

    Attributes
    ----------
    images, labels : Path
        The two folders; labels are called as their image. They may be the same folder.
    output : Path
        The new model, ``.safetensors``; ``NAME.json`` and ``NAME.html`` beside it report the gain.
    model : str
        Name of an installed model, or the file of one.
    minutes : float
        Time for everything: reading, measuring and training. Pauses do not count.
    level : {"both", "coarse", "fine"}
        The level that is trained.
    validation_share : float
        Share of the images (objects where there are few images) that is held out, above 0, up to
        0.5.
    seed : int
        Decides the split and every random choice of the training.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    replay : bool
        Mix in the small bundled set of the original kinds, and watch the clicks on it.
    run : Path or None
        Folder of the run's state, with which a killed, stopped or paused run goes on. None:
        ``NAME.run`` beside the output; it is deleted when the run has come to its end.
    keep_255 : bool
        255 is an object in 8-bit labels; else its pixels are ignored.

    Raises
    ------
    ValueError
        One sentence, where a value is out of its range.
    """

    images: Path
    labels: Path
    output: Path
    model: str = "default"
    minutes: Annotated[
        Real,
        must(lambda m: 0 < m <= MOST_MINUTES, f"a time above 0, up to {MOST_MINUTES} (a year)"),
    ] = 20.0
    level: Annotated[str, one_of(*LEVELS)] = "both"
    validation_share: Annotated[
        Real,
        must(
            lambda share: 0 < share <= 0.5,
            "a share above 0, up to 0.5: without held-out objects nobody knows whether the model "
            "became better",
        ),
    ] = 0.25
    seed: Natural = 0
    device: str = "auto"
    replay: Flag = True
    run: Path | None = None
    keep_255: Flag = False

    def __post_init__(self) -> None:
        if self.output.suffix != ".safetensors":
            raise ValueError(f"cannot write {self.output}; its name must end in .safetensors")

    @property
    def folder(self) -> Path:
        """Folder of the run's state."""
        return self.run or self.output.with_suffix(".run")

    @property
    def begun(self) -> bool:
        """Whether there is a run to go on with."""
        return (self.folder / RECORD).is_file()

    @property
    def digest(self) -> str:
        """A short hash of what decides the weights; a run goes on only with the same one."""
        values = self.to_json()
        for key in ("output", "run", "device"):
            del values[key]
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values: dict[str, Any] = plain(self)
        return values

    @classmethod
    def from_json(cls, values: Any) -> FinetuneRequest:
        """Return what ``to_json`` was given; ValueError where it is no request."""
        return read_table(cls, values, "the request")
