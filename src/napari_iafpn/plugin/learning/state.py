"""How far the learning is, and the models that it goes between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from napari_iafpn.plugin.learning.projects import Project
from napari_iafpn.training.finetuning import Done


class LearningPhase(Enum):
    """What comes next."""

    OFF = "off"
    COLLECTING = "collecting"
    """Objects that the model has not seen, until it is worth learning from them."""
    LEARNING = "Learning"
    LEARNED = "learned"
    """Objects are awaited on which the new model is tried."""
    TRYING = "Trying what was learned"
    BETTER = "better"
    """The new model is used as soon as no mask in view would become another."""

    @property
    def is_busy(self) -> bool:
        """Whether a process is at work."""
        return self in (LearningPhase.LEARNING, LearningPhase.TRYING)


@dataclass(frozen=True)
class LearningState:
    """How far the learning is.

    Attributes
    ----------
    phase : Phase
    known : frozenset of int
        The objects that were there when the model learned last.
    taught : frozenset of int
        Those of them that it learned from.
    looked_at : frozenset of int
        The objects that were there when it was last found out which are of use; that takes time.
    project : Project or None
        Where the model that is learned is kept.
    lineage : mapping of int to int
        All objects that the newest model has learned from, also before, and the step that each was
        committed or corrected by then.
    better : Done or None
        What the trial has shown, in ``Phase.BETTER``.
    """

    phase: LearningPhase = LearningPhase.OFF
    known: frozenset[int] = frozenset()
    taught: frozenset[int] = frozenset()
    looked_at: frozenset[int] = frozenset()
    project: Project | None = None
    lineage: Mapping[int, int] = field(default_factory=dict)
    better: Done | None = None


@dataclass(frozen=True)
class Models:
    """The names or files of models; empty where there is none.

    Attributes
    ----------
    base : str
        The one that learns.
    used : str
        The one in use.
    before : str
        Where the way back leads.
    newest : str
        What learned last on images of this folder.
    """

    base: str = ""
    used: str = ""
    before: str = ""
    newest: str = ""

    def offer(self, now: str) -> str:
        """Return the model that one click changes to from ``now``."""
        if self.before and now == self.used:
            return self.before
        return "" if self.newest == now else self.newest
