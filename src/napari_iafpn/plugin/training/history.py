"""What a training has told so far, as it is shown: curves, a table, how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_iafpn.training.finetuning import (
    ClickComparison,
    Clicks as Counted,
    Done,
    Event,
    Failed,
    Measured,
    Phase,
    Step,
    Surveyed,
)

SETS = {"yours": "Your objects", "replay": "Kinds it knew"}
"""What the sets of held-out objects are called."""


@dataclass(frozen=True)
class Count:
    """Clicks that were counted after ``step`` steps of all levels."""

    step: int
    clicks: Counted
    best: bool


@dataclass(frozen=True)
class SetRow:
    """One set in the table; ``now`` is the best state so far, in the end the new model."""

    name: str
    before: Counted
    now: Counted | None


@dataclass
class TrainingHistory:
    """Grows by one event after the other; a part of the training that is repeated replaces itself.

    Attributes
    ----------
    minutes : float
        The time that was given.
    surveyed : Surveyed or None
    phase : str
        A sentence.
    step, steps : int
        Of the level that is trained; ``steps`` is what the minutes allow, 0 until that is known.
    paused : bool
    seconds_left : float or None
    losses : list of (int, float)
        Steps of all levels, and the loss.
    counts : dict
        The counts of clicks of each set, in the order of their steps.
    starts : dict
        The first step of each level on the scale of all.
    end : Done, Failed or None
        What came last, if it was one of these.
    """

    minutes: float
    surveyed: Surveyed | None = None
    phase: str = ""
    step: int = 0
    steps: int = 0
    paused: bool = False
    seconds_left: float | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)
    counts: dict[str, list[Count]] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    end: Done | Failed | None = None

    def add(self, event: Event) -> None:
        """Take in an event."""
        self.end = event if isinstance(event, Done | Failed) else None
        if isinstance(event, Surveyed):
            self.surveyed = event
        elif isinstance(event, Phase):
            self.paused = event.name == "paused"
            self.phase, self.seconds_left = event.sentence, event.seconds_left
            self.step = 0
        elif isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Measured) and event.moment != "after":
            self._count(event)

    @property
    def told(self) -> str:
        """The phase, and the step of how many that the time allows."""
        if not self.step:
            return self.phase
        of = f" of about {self.steps}, as many as the time allows" if self.steps else ""
        return f"{self.phase} Step {self.step}{of}."

    @property
    def begun(self) -> bool:
        """Whether anything was counted that a new start would lose."""
        return bool(self.counts)

    @property
    def share(self) -> float:
        """How much of the time is used, from 0 to 1."""
        if isinstance(self.end, Done) and not self.end.stopped:
            return 1.0
        if self.seconds_left is None:
            return 0.0
        return min(1.0, max(0.0, 1.0 - self.seconds_left / (60.0 * self.minutes)))

    def rows(self) -> list[SetRow]:
        """Return the table, before and now."""
        rows = []
        for key, name in SETS.items():
            gain = self._gain(key)
            counts = self.counts.get(key, [])
            if gain is not None:
                rows.append(SetRow(name, gain.before, gain.after))
            elif counts:
                best = [count.clicks for count in counts[1:] if count.best]
                rows.append(SetRow(name, counts[0].clicks, best[-1] if best else None))
        return rows

    def _gain(self, key: str) -> ClickComparison | None:
        if not isinstance(self.end, Done):
            return None
        return self.end.yours if key == "yours" else self.end.replay

    def _step(self, event: Step) -> None:
        last = self.losses[-1][0] if self.losses else 0
        step = self.starts.setdefault(event.level, last) + event.step
        if step <= last:
            self.losses = [point for point in self.losses if point[0] < step]
        self.losses.append((step, event.loss))
        self.step, self.steps = event.step, event.steps
        self.seconds_left = event.seconds_left

    def _count(self, event: Measured) -> None:
        step = self.starts.get(event.level, 0) + event.step
        earlier = [count for count in self.counts.get(event.set, []) if count.step < step]
        self.counts[event.set] = [*earlier, Count(step, event.clicks, event.best)]
