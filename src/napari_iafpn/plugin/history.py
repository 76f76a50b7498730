"""Undo and redo without limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.planes import PlaneKey


@dataclass(frozen=True, slots=True)
class CurrentObject:
    """The object being annotated on one plane.

    Attributes
    ----------
    number : int
        Tells objects apart.
    clicks : ClickSequence
        In pixels of the plane.
    threshold : float
        Probability above which a pixel belongs to the mask.
    """

    number: int
    clicks: ClickSequence = field(default_factory=ClickSequence)
    threshold: float = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Patch:
    """Pixels of one object in a labels image.

    Attributes
    ----------
    plane : PlaneKey
    box : Box
        In pixels of the plane.
    mask : (box.height, box.width) bool
    label : int
        The object's id, positive.
    """

    plane: PlaneKey
    box: Box
    mask: NDArray[np.bool_]
    label: int


class LabelsTarget(Protocol):
    """Where committed objects go."""

    def next_label(self, plane: PlaneKey) -> int:
        """Return an id that no object has."""

    def write(self, patch: Patch) -> Patch:
        """Write the pixels that are still free and return them; ValueError where it cannot."""

    def erase(self, patch: Patch) -> None:
        """Free those pixels of ``patch`` that still have its id."""


@dataclass(frozen=True, slots=True)
class ClicksChanged:
    """Clicks of the current object were added, moved, deleted or cleared."""

    plane: PlaneKey
    before: ClickSequence
    after: ClickSequence


@dataclass(frozen=True, slots=True)
class Committed:
    """The current object was written into a labels image."""

    plane: PlaneKey
    committed: CurrentObject
    target: LabelsTarget
    patch: Patch


Action = ClicksChanged | Committed


class History:
    """A line of actions and the place on it."""

    def __init__(self) -> None:
        self._done: list[Action] = []
        self._undone: list[Action] = []

    def record(self, action: Action) -> None:
        """Append ``action``; what was undone before can no longer be redone."""
        self._done.append(action)
        self._undone.clear()

    @property
    def last_done(self) -> Action | None:
        """What undo takes back."""
        return self._done[-1] if self._done else None

    @property
    def last_undone(self) -> Action | None:
        """What redo does again."""
        return self._undone[-1] if self._undone else None

    def step_back(self) -> None:
        """Move behind the last action."""
        self._undone.append(self._done.pop())

    def step_forward(self) -> None:
        """Move in front of the next action."""
        self._done.append(self._undone.pop())
