"""The world around the controller, as functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.messages import Job
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.sessions import LabelsImage, PlaneKey
from napari_iafpn.sessions.actions import Target


class LabelsTarget(LabelsImage, Target, Protocol):
    """A labels image with what it takes to choose ids."""

    @property
    def unseen(self) -> str:
        """A sentence where the user does not see what is written; else empty."""

    def next_label(self, plane: PlaneKey | None = None) -> int:
        """Return an id that no object has; looks again on ``plane``."""

    def check(self, plane: PlaneKey, label: int, box: Box | None = None) -> None:
        """Raise ValueError unless ``label`` can be written in a box of ``plane``, or all of it."""

    def region_of(self, label: int) -> tuple[slice, ...] | None:
        """Return the box of an id in all planes, None where it is not there."""

    def region_on(self, plane: PlaneKey, label: int) -> tuple[slice, ...]:
        """Return a part of a plane outside which an id is not; empty where it is nowhere."""


@dataclass(frozen=True)
class Ports:
    """What the controller needs from the world around it.

    Attributes
    ----------
    submit : callable
        Hand a job to the worker; it replaces an older one.
    stop : callable
        Drop the worker's job.
    source_of : callable
        Where a plane's pixels come from; ValueError where the image is gone.
    target : callable
        The labels that objects of a plane are committed to, made where there are none; ValueError
        where that fails.
    labels_of : callable
        The labels of an id, in the viewer again if they had been removed; ValueError where they are
        gone.
    labels_there : callable
        The labels of an id, to read in; ValueError where they are not in the viewer.
    """

    submit: Callable[[Job], None]
    stop: Callable[[], None]
    source_of: Callable[[PlaneKey], PlaneSource]
    target: Callable[[PlaneKey], LabelsTarget]
    labels_of: Callable[[str], LabelsTarget]
    labels_there: Callable[[str], LabelsTarget]
