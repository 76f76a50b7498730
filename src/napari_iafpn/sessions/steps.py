"""One step of the user, with what it takes to undo and redo it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_iafpn.sessions.objects import CurrentObject
from napari_iafpn.sessions.pixels import PixelChange
from napari_iafpn.sessions.plane_key import DisplaySettings, PlaneKey
from napari_iafpn.sessions.proposals import Verdict

ACCEPT = "accept"
"""The kind of steps that accept proposals."""


@dataclass(frozen=True, slots=True)
class ObjectStats:
    """What is known of a committed object beside its pixels.

    Attributes
    ----------
    category : int
        Its class; 0: none.
    clicks : int
        Made for it, corrections included; a box or a stroke counts as two.
    seconds : float
        From its first click to its commit, corrections included.
    reviewed : bool
    found : bool
        It was proposed, and accepted by the user: as it was where there are no clicks, else
        corrected by so many.
    quality : float or None
        Estimated probability that the mask is right, from 0 to 1; None: it is not known.
    """

    category: int = 0
    clicks: int = 0
    seconds: float = 0.0
    reviewed: bool = False
    found: bool = False
    quality: float | None = None


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
class StatsChange:
    """What is known of an object changed; None: it is not there."""

    labels: str
    label: int
    before: ObjectStats | None
    after: ObjectStats | None


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
    display : DisplaySettings
        How the image was shown.
    """

    labels: str
    label: int
    policy: str
    model: str
    display: DisplaySettings


@dataclass(frozen=True, slots=True)
class Propagation:
    """How an object of one plane went on to others; clicks and masks follow from its mask there.

    Attributes
    ----------
    axis : int
        The data axis along which the planes lie.
    routes : tuple of tuple of int
        Places along that axis in the order in which they were visited, for each direction.
    threshold : float
        Probability above which a pixel belongs to the object.
    joins : bool
        The object has the number of its class: what else has that number is another object and
        stays, on all planes.
    """

    axis: int
    routes: tuple[tuple[int, ...], ...]
    threshold: float = 0.5
    joins: bool = False

    def reaches(self, start: PlaneKey, plane: PlaneKey) -> bool:
        """Tell whether it goes from ``start`` to ``plane``."""
        if (start.layer, start.axes) != (plane.layer, plane.axes):
            return False
        index = plane.index_along(self.axis)
        visited = any(index in route for route in self.routes)
        return visited and start.moved_to(self.axis, index) == plane


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """Something the user did.

    Attributes
    ----------
    kind : str
        Such as ``click`` or ``commit``.
    plane : PlaneKey
        Where to look when it is undone.
    objects, labels, facts, verdicts : tuple
        What changed.
    commit : Commit or None
    propagation : Propagation or None
        Of an object that ``plane`` and ``commit`` tell.
    number : int
        Tells steps of a document apart, from 1 on; 0: not done yet.
    after : int
        The number of the step that this one was done on; 0: the first.
    """

    kind: str
    plane: PlaneKey
    objects: tuple[ObjectChange, ...] = ()
    labels: tuple[LabelsChange, ...] = ()
    facts: tuple[StatsChange, ...] = ()
    commit: Commit | None = None
    propagation: Propagation | None = None
    verdicts: tuple[Verdict, ...] = ()
    number: int = 0
    after: int = 0

    @property
    def written_area(self) -> int:
        """The pixels of the object that this step committed; 0 where it did not."""
        if self.commit is None or self.propagation is not None:
            return 0
        new = [pixels.new for change in self.labels for pixels in change.pixels]
        return sum(int(runs.counts[runs.values == self.commit.label].sum()) for runs in new)

    def kept_on(self, plane: PlaneKey) -> tuple[str, int, float] | None:
        """Return the one object that this step wrote to a plane: its labels, id and threshold.

        None where it wrote none, or accepted several proposals at once.
        """
        commit, here = self.commit, self.plane == plane
        if self.propagation is not None and commit is not None:
            reached = self.propagation.reaches(self.plane, plane)
            return (commit.labels, commit.label, self.propagation.threshold) if reached else None
        if commit is not None and here:
            return commit.labels, commit.label, self.objects[0].before.threshold
        if self.kind == ACCEPT and here and len(self.verdicts) == 1:
            return self.facts[0].labels, self.facts[0].label, 0.5
        return None
