"""What a run remembers besides the weights: one JSON file in its folder."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from napari_iafpn.networks import write_atomically
from napari_iafpn.networks.tables import Natural, Real, Whole, checked, plain, read_table
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
    step: Whole
    yours: Clicks
    replay: Clicks | None
    penalty: Real = 0.0

    @property
    def order(self) -> tuple[float, float]:
        """The smaller one is the better state: fewer clicks, then the better first mask."""
        return self.yours.noc85 + self.penalty, -self.yours.miou1


@checked
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
    used: Real = 0.0
    before: dict[str, Runs] = field(default_factory=dict)
    cost: dict[str, Real] = field(default_factory=dict)
    finished: tuple[str, ...] = ()
    steps: dict[str, Whole] = field(default_factory=dict)
    pace: dict[str, Real] = field(default_factory=dict)
    ends: dict[str, Real] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    best: Natural = 0

    def __post_init__(self) -> None:
        if self.best and self.best >= len(self.moments):
            raise ValueError(f"best is {self.best} of {len(self.moments)} moments")

    def with_moment(self, moment: Moment) -> Record:
        """Add a measurement; it is the best one where nothing trained is better."""
        moments = (*self.moments, moment)
        place = len(moments) - 1
        better = place > 0 and (not self.best or moment.order < self.moments[self.best].order)
        return dataclasses.replace(self, moments=moments, best=place if better else self.best)

    def save(self, folder: Path) -> None:
        """Write it into the run's folder."""
        with disk_sentences(folder):
            write_atomically(folder / RECORD, sealed(plain(self)))


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
        record = read_table(Record, parsed(path.read_bytes()), "the record")
    except ValueError as error:
        raise ValueError(f"{path} is damaged; delete {folder} and start again") from error
    if (record.digest, record.model) != (digest, model_hash):
        raise ValueError(
            f"{folder} holds a run with other options, labels or another model; go on with the "
            "same ones, or delete the folder"
        )
    return record
