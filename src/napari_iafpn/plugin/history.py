"""Undo and redo without limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.objects import CurrentObject
from napari_iafpn.plugin.planes import PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


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
        The object's id; 0 until it has one.
    """

    plane: PlaneKey
    box: Box
    mask: NDArray[np.bool_]
    label: int = 0

    @classmethod
    def of(cls, plane: PlaneKey, prediction: Prediction, threshold: float) -> Patch:
        """Take the mask of a prediction; ValueError where it is empty."""
        mask, roi = prediction.roi_mask(threshold), prediction.roi
        around = Box.around(mask)
        if around is None:
            raise ValueError(
                f"the mask is empty at threshold {threshold:.2f}; lower the threshold or click on "
                "the object again"
            )
        box = Box(
            roi.row_start + around.row_start,
            roi.row_start + around.row_stop,
            roi.col_start + around.col_start,
            roi.col_start + around.col_stop,
        )
        return cls(plane, box, mask[around.slices])


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
    before: CurrentObject
    after: CurrentObject


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
