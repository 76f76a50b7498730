"""One step of the user, with what it takes to undo and redo it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_iafpn.sessions.objects import CurrentObject
from napari_iafpn.sessions.pixels import PixelChange
from napari_iafpn.sessions.plane_key import PlaneKey


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a committed object beside its pixels.

    Attributes
    ----------
    category : int
        Its class; 0: none.
    clicks : int
        Made for it, corrections included.
    seconds : float
        From its first click to its commit, corrections included.
    reviewed : bool
    """

    category: int = 0
    clicks: int = 0
    seconds: float = 0.0
    reviewed: bool = False


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """The current object of a plane became another."""

    plane: PlaneKey
    before: CurrentObject
    after: CurrentObject


@dataclass(frozen=True, eq=False, slots=True)
class LabelsChange:
    """Pixels of the labels image of id ``labels`` changed."""

    labels: str
    pixels: tuple[PixelChange, ...]


@dataclass(frozen=True, slots=True)
class FactsChange:
    """What is known of an object changed; None: it is not there."""

    labels: str
    label: int
    before: Facts | None
    after: Facts | None


@dataclass(frozen=True, slots=True)
class Commit:
    """What decided the pixels of a commit, to compute them again.

    Attributes
    ----------
    labels : str
    label : int
    policy : {"keep", "overwrite"}
    model : str
        Digest of the model's file; empty where no click was needed.
    limits : (float, float)
        Image values shown black and white.
    gamma : float
        The power to which what is between them was raised.
    """

    labels: str
    label: int
    policy: str
    model: str
    limits: tuple[float, float]
    gamma: float = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """Something the user did.

    Attributes
    ----------
    kind : str
        Such as ``click`` or ``commit``.
    plane : PlaneKey
        Where to look when it is undone.
    objects, labels, facts : tuple
        What changed.
    commit : Commit or None
    """

    kind: str
    plane: PlaneKey
    objects: tuple[ObjectChange, ...] = ()
    labels: tuple[LabelsChange, ...] = ()
    facts: tuple[FactsChange, ...] = ()
    commit: Commit | None = None
