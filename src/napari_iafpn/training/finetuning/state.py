"""One sitting of a run: what its parts share, and the counting of clicks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from napari_iafpn.evaluation.protocol import Protocol
from napari_iafpn.inference import Predictor
from napari_iafpn.training.finetuning.desk import Desk
from napari_iafpn.training.finetuning.events import Measured
from napari_iafpn.training.finetuning.gain import Clicks
from napari_iafpn.training.finetuning.record import Moment, Record
from napari_iafpn.training.finetuning.request import FinetuneRequest
from napari_iafpn.training.finetuning.split import Split
from napari_iafpn.training.finetuning.survey import Found
from napari_iafpn.training.finetuning.targets import (
    FULL,
    QUICK,
    Runs,
    TargetList,
    clicks_of,
    measure,
)

LIMITS = {"selection": (4, 16), "replay": (4, 12), "report": (6, 60)}
"""Least and most objects of each part."""
SHARES = {"selection": 0.013, "replay": 0.006, "report": 0.032}
"""Of the whole time, for one count: all counts of a run together take about 15 %."""
TOLERATED = 0.1
"""Rise of the clicks on the replay objects that costs nothing: few objects are not exact."""


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
    desk : Desk
    record : Record
        Changes as the run goes on.
    """

    request: FinetuneRequest
    base: Path
    found: Found
    split: Split
    replay: TargetList | None
    desk: Desk
    record: Record

    def save(self) -> None:
        """Write the record."""
        self.record = replace(self.record, used=self.desk.clock.used)
        self.record.save(self.request.folder)

    def tell_earlier(self) -> None:
        """Tell again what an earlier sitting measured."""
        for place, moment in enumerate(self.record.moments):
            when = "during" if place else "before"
            self._tell(when, moment, best=0 < place == self.record.best)

    def count_before(self, predictor: Predictor) -> None:
        """Count the clicks of the model that is retrained, as many as the time allows."""
        if self.record.moments:
            return
        self.desk.begin("before", "Counting the clicks of the model as it is.")
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
        self.desk.begin("during", "Counting clicks to find the best state.")
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

    def count_again(self, predictor: Predictor, part: str, protocol: Protocol) -> Runs:
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
        clock, start = self.desk.clock, self.desk.clock.used
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
    ) -> Runs:
        def go_on(done: int) -> bool:
            self.desk.ask()
            return more(done)

        return measure(predictor, targets, protocol, go_on)

    def _tell(self, moment: str, numbers: Moment, *, best: bool) -> None:
        where = (numbers.level, numbers.step)
        self.desk.tell(Measured(moment, "yours", numbers.yours, *where, best))
        if numbers.replay is not None:
            self.desk.tell(Measured(moment, "replay", numbers.replay, *where, best))


def penalty_of(before: Clicks | None, now: Clicks | None) -> float:
    """Return the clicks that forgetting adds to a state's own."""
    if before is None or now is None:
        return 0.0
    return max(0.0, now.noc85 - (1.0 + TOLERATED) * before.noc85)
