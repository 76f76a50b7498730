"""What a fine-tuning is asked to do."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_iafpn.networks.tables import check_fields, check_range, read_table

PATHS = ("images", "labels", "output", "run")
LEVELS = ("both", "coarse", "fine")
MOST_MINUTES = 366 * 24 * 60
RECORD = "finetune.json"
"""What is in the folder of a run that has begun."""


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
    minutes: float = 20.0
    level: str = "both"
    validation_share: float = 0.25
    seed: int = 0
    device: str = "auto"
    replay: bool = True
    run: Path | None = None
    keep_255: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("seed", self.seed, 0)
        if not 0 < self.minutes <= MOST_MINUTES:
            raise ValueError(
                f"minutes is {self.minutes:g}; give a time above 0, up to {MOST_MINUTES} (a year)"
            )
        if self.level not in LEVELS:
            raise ValueError(f"level is {self.level!r}; use one of {', '.join(LEVELS)}")
        if not 0 < self.validation_share <= 0.5:
            raise ValueError(
                f"the validation share is {self.validation_share:g}; give a share above 0, up to "
                "0.5: without held-out objects nobody knows whether the model became better"
            )
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
        values = dataclasses.asdict(self)
        return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, values: Any) -> FinetuneRequest:
        """Return what ``to_json`` was given; ValueError where it is no request."""
        if isinstance(values, dict):
            paths = {key: Path(values[key]) for key in PATHS if isinstance(values.get(key), str)}
            values = {**values, **paths}
        request: FinetuneRequest = read_table(cls, values, "the request")
        return request
