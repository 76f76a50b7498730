"""What a run remembers besides the weights: one JSON file in its folder."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_iafpn.networks import write_atomically
from napari_iafpn.networks.tables import read_table
from napari_iafpn.sessions.lines import parsed, sealed
from napari_iafpn.training.finetuning.gain import Clicks
from napari_iafpn.training.finetuning.request import RECORD
from napari_iafpn.training.finetuning.targets import Runs
from napari_iafpn.training.state import disk_sentences

BEST = "best.safetensors"


@dataclass(frozen=True)
class Moment:
    """A measurement during the training.

    ``penalty`` is added to the clicks where the replay objects became much harder.
    """

    level: str
    step: int
    yours: Clicks
    replay: Clicks | None
    penalty: float = 0.0

    @property
    def order(self) -> tuple[float, float]:
        """The smaller one is the better state: fewer clicks, then the better first mask."""
        return self.yours.noc85 + self.penalty, -self.yours.miou1

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Moment:
        """Return what ``dataclasses.asdict`` was given."""
        clicks = {
            key: None if values[key] is None else read_table(Clicks, values[key], key)
            for key in ("yours", "replay")
        }
        moment: Moment = read_table(cls, {**values, **clicks}, "a moment")
        return moment


@dataclass(frozen=True)
class Record:
    """How far a run is.

    Attributes
    ----------
    digest : str
        Of the request and of the objects that were found.
    model : str
        SHA-256 of the model that is retrained.
    used : float
        Seconds so far, without pauses.
    before : dict
        Runs on ``selection``, ``replay`` and ``report`` objects, as far as they were measured.
    cost : dict
        Seconds that each of these measurements took.
    finished : tuple of str
        Levels whose training has ended.
    steps, pace, ends : dict
        Of each level that was begun: finished steps, seconds per step, and the time at which its
        training shall be over, on the scale of ``used``.
    moments : tuple of Moment
        All measurements; the first is the one before.
    best : int
        Place in ``moments`` of the best trained state, whose weights are in the folder; 0: none.
    """

    digest: str
    model: str
    used: float = 0.0
    before: dict[str, Runs] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    finished: tuple[str, ...] = ()
    steps: dict[str, int] = field(default_factory=dict)
    pace: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    best: int = 0

    def with_moment(self, moment: Moment) -> Record:
        """Add a measurement; it is the best one where nothing trained is better."""
        moments = (*self.moments, moment)
        place = len(moments) - 1
        better = place > 0 and (not self.best or moment.order < self.moments[self.best].order)
        return dataclasses.replace(self, moments=moments, best=place if better else self.best)

    def save(self, folder: Path) -> None:
        """Write it into the run's folder."""
        with disk_sentences(folder):
            write_atomically(folder / RECORD, sealed(dataclasses.asdict(self)))


def load_record(folder: Path, digest: str, model_hash: str) -> Record:
    """Return the record of the run in ``folder``, or of a new one.

    Raises
    ------
    ValueError
        Where the folder holds a run of another request, data or model.
    """
    path = folder / RECORD
    if not path.is_file():
        return Record(digest, model_hash)
    try:
        record = _from_json(parsed(path.read_bytes()) or {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged; delete {folder} and start again") from error
    if (record.digest, record.model) != (digest, model_hash):
        raise ValueError(
            f"{folder} holds a run with other options, labels or another model; go on with the "
            "same ones, or delete the folder"
        )
    return record


def _from_json(values: dict[str, Any]) -> Record:
    before = {
        part: {name: tuple(ious) for name, ious in runs.items()}
        for part, runs in values["before"].items()
    }
    moments = tuple(map(Moment.from_json, values["moments"]))
    record: Record = read_table(
        Record, {**values, "before": before, "moments": moments}, "the record"
    )
    if not 0 <= record.best <= len(moments) - bool(moments):
        raise ValueError(f"best is {record.best} of {len(moments)} moments")
    return record
