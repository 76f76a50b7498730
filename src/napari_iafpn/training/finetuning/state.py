"""How far a run is: what it remembers on the disk, and what its parts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_iafpn.evaluation.protocol import Protocol
from napari_iafpn.inference import Predictor
from napari_iafpn.networks import write_atomically
from napari_iafpn.networks.tables import Natural, Real, Whole, checked, plain, read_table
from napari_iafpn.sessions.lines import parsed, sealed
from napari_iafpn.training.finetuning.control import RunControl
from napari_iafpn.training.finetuning.counting import (
    FULL,
    QUICK,
    Overlaps,
    TargetList,
    clicks_of,
    measure,
)
from napari_iafpn.training.finetuning.data import Found, Split
from napari_iafpn.training.finetuning.events import Clicks, Measured
from napari_iafpn.training.finetuning.request import RECORD, FinetuneRequest
from napari_iafpn.training.state import disk_sentences

BEST = "best.safetensors"
LIMITS = {"selection": (4, 16), "replay": (4, 12), "report": (6, 60)}
"""Least and most objects of each part."""
SHARES = {"selection": 0.013, "replay": 0.006, "report": 0.032}
"""Of the whole time, for one count: all counts of a run together take about 15 %."""
TOLERATED = 0.1
"""Rise of the clicks on the replay objects that costs nothing: few objects are not exact."""


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
        Overlaps on ``selection``, ``replay`` and ``report`` objects, as far as they were measured.
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
    before: dict[str, Overlaps] = field(default_factory=dict)
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
        return replace(self, moments=moments, best=place if better else self.best)

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


@dataclass
class FinetuneState:
    """What the parts of a run share.

    Attributes
    ----------
    request : FinetuneRequest
    base : Path
        The model that is retrained.
    found : Found
    split : Split
    replay : TargetList or None
    control : RunControl
    record : Record
        Changes as the run goes on.
    """

    request: FinetuneRequest
    base: Path
    found: Found
    split: Split
    replay: TargetList | None
    control: RunControl
    record: Record

    def save(self) -> None:
        """Write the record."""
        self.record = replace(self.record, used=self.control.clock.used)
        self.record.save(self.request.folder)

    def tell_earlier(self) -> None:
        """Tell again what was measured before the run was stopped."""
        for place, moment in enumerate(self.record.moments):
            when = "during" if place else "before"
            self._tell(when, moment, best=0 < place == self.record.best)

    def count_before(self, predictor: Predictor) -> None:
        """Count the clicks of the model that is retrained, as many as the time allows."""
        if self.record.moments:
            return
        self.control.begin("before", "Counting the clicks of the model as it is.")
        self._count_part(predictor, "report", self.split.report, FULL)
        if not self.split.shared:
            self._count_part(predictor, "selection", self.split.selection, QUICK)
        if self.replay is not None:
            self._count_part(predictor, "replay", self.replay, QUICK)
        before = self.record.before
        yours = clicks_of(before["report" if self.split.shared else "selection"], QUICK)
        replayed = clicks_of(before["replay"], QUICK) if self.replay is not None else None
        self.record = self.record.with_moment(Moment("", 0, yours, replayed))
        self.save()
        self._tell("before", self.record.moments[0], best=False)

    def count_during(self, predictor: Predictor, level: str, step: int) -> bool:
        """Count clicks and return whether this is the best trained state so far."""
        self.control.begin("during", "Counting clicks to find the best state.")
        yours = self.count_again(predictor, "report" if self.split.shared else "selection", QUICK)
        replayed = None
        if self.replay is not None:
            replayed = clicks_of(self.count_again(predictor, "replay", QUICK), QUICK)
        start = self.record.moments[0]
        penalty = penalty_of(start.replay, replayed)
        moment = Moment(level, step, clicks_of(yours, QUICK), replayed, penalty)
        self.record = self.record.with_moment(moment)
        best = self.record.moments[self.record.best] is moment
        self._tell("during", moment, best=best)
        return best

    def count_again(self, predictor: Predictor, part: str, protocol: Protocol) -> Overlaps:
        """Count clicks on the objects that were counted before."""
        every = {"report": self.split.report, "selection": self.split.selection}
        targets = every.get(part, self.replay)
        assert targets is not None
        return self._measure(predictor, targets.first(len(self.record.before[part])), protocol)

    @property
    def measurement(self) -> float:
        """Seconds that a count during the training takes."""
        return sum(seconds for part, seconds in self.record.cost.items() if part != "report") + (
            self.record.cost["report"] if self.split.shared else 0.0
        )

    def _count_part(
        self, predictor: Predictor, part: str, targets: TargetList, protocol: Protocol
    ) -> None:
        if part in self.record.before:
            return
        clock, start = self.control.clock, self.control.clock.used
        least, most = LIMITS[part]
        allowed = SHARES[part] * clock.budget
        runs = self._measure(
            predictor,
            targets,
            protocol,
            lambda done: done < least or (done < most and clock.used - start < allowed),
        )
        cost = {**self.record.cost, part: clock.used - start}
        self.record = replace(self.record, before={**self.record.before, part: runs}, cost=cost)
        self.save()

    def _measure(
        self,
        predictor: Predictor,
        targets: TargetList,
        protocol: Protocol,
        more: Callable[[int], bool] = lambda _: True,
    ) -> Overlaps:
        def go_on(done: int) -> bool:
            self.control.ask()
            return more(done)

        return measure(predictor, targets, protocol, go_on)

    def _tell(self, moment: str, numbers: Moment, *, best: bool) -> None:
        where = (numbers.level, numbers.step)
        self.control.tell(Measured(moment, "yours", numbers.yours, *where, best))
        if numbers.replay is not None:
            self.control.tell(Measured(moment, "replay", numbers.replay, *where, best))


def penalty_of(before: Clicks | None, now: Clicks | None) -> float:
    """Return the clicks that forgetting adds to a state's own."""
    if before is None or now is None:
        return 0.0
    return max(0.0, now.noc85 - (1.0 + TOLERATED) * before.noc85)
