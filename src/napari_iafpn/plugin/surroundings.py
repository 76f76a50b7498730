"""The world around the controller, as functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_iafpn.plugin.history import LabelsTarget
from napari_iafpn.plugin.messages import Job
from napari_iafpn.plugin.planes import PlaneKey, PlaneSource


@dataclass(frozen=True)
class Surroundings:
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
        The labels to commit to, made where there are none; ValueError where that fails.
    """

    submit: Callable[[Job], None]
    stop: Callable[[], None]
    source_of: Callable[[PlaneKey], PlaneSource]
    target: Callable[[], LabelsTarget]
