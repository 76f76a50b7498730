"""What a run writes about itself: CSV always, TensorBoard where it is wanted."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from napari_iafpn.networks import write_atomically
from napari_iafpn.training.state import disk_sentences

LOG = "log.csv"
VALIDATION = "validation.csv"


class Log(Protocol):
    """Takes the numbers of one moment of a stage."""

    def write(self, stage: str, step: int, values: Mapping[str, float | str]) -> None:
        """Write ``values``."""


@dataclass(frozen=True)
class CsvLog:
    """One row for each call; the file is opened for each, so a killed run loses none."""

    path: Path

    def write(self, stage: str, step: int, values: Mapping[str, float | str]) -> None:
        """Append a row of the stage, the step, ``values`` and the time."""
        row = {"stage": stage, "step": step, **values, "time": f"{time.time():.1f}"}
        with disk_sentences(self.path.parent), self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)

    def cut(self, stages: tuple[str, ...], stage: str, step: int) -> None:
        """Drop the rows after a step, which a resumed run makes again."""
        if not self.path.is_file():
            return
        with self.path.open(newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            rows = [row for row in reader if _until(row, stages, stage, step)]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(rows)
        with disk_sentences(self.path.parent):
            write_atomically(self.path, text.getvalue().encode())


def _until(row: dict[str, Any], stages: tuple[str, ...], stage: str, step: int) -> bool:
    if None in row or None in row.values() or row["stage"] not in stages:
        return False  # the last row of a killed run may be torn
    at = stages.index(row["stage"]), int(row["step"])
    return at <= (stages.index(stage), step)


class TensorBoardLog:
    """Curves for TensorBoard, which is an optional package."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ValueError(
                "TensorBoard is not installed; run: pip install 'napari-iafpn[tensorboard]', or "
                "leave out --tensorboard (log.csv has the same curves)"
            ) from error
        self._writer: Any = SummaryWriter(str(folder))

    def write(self, stage: str, step: int, values: Mapping[str, float | str]) -> None:
        """Add a point to the curve of each number."""
        prefix = "/".join([stage, *(str(v) for v in values.values() if isinstance(v, str))])
        for name, value in values.items():
            if not isinstance(value, str):
                self._writer.add_scalar(f"{prefix}/{name}", value, step)
        self._writer.flush()
