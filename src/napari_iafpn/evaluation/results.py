"""What an evaluation gives: finished objects, problems, progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.evaluation.protocol import ObjectResult


@dataclass(frozen=True)
class Problem:
    """Why an object, or a whole image (``label`` None), could not be evaluated."""

    set: str
    image: str
    label: int | None
    sentence: str

    def __str__(self) -> str:
        return f"set {self.set!r}, {self.place}: {self.sentence}"

    @property
    def place(self) -> str:
        """The image, and the object where it is one."""
        return f"image {self.image!r}" + ("" if self.label is None else f", object {self.label}")


@dataclass(frozen=True)
class Results:
    """Everything that a report needs.

    Attributes
    ----------
    objects : tuple of ObjectResult
        By model, set, view (all as given in the evaluation), image and label (as in the set).
    problems : tuple of Problem
        In the order of sets and images, each once, whatever number of models met it.
    provenance : mapping of plain data
        ``options`` (of the protocol and of the run, flat: everything that changes a number),
        ``versions`` {package: version}, ``models`` {name: SHA-256}, ``sets`` {name: {"images",
        "objects", "chosen"}} (images read or not, objects in the set, objects that were
        evaluated), ``started`` (ISO 8601, UTC), ``machine``, ``jobs``.
    notes : tuple of str
        What was damaged in the file of finished objects, or in a session that is a set.
    """

    objects: tuple[ObjectResult, ...]
    problems: tuple[Problem, ...]
    provenance: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far an evaluation is; an object counts once for each model and view.

    Attributes
    ----------
    done, total : int
        Objects finished, failed ones and those of an earlier run included; all objects.
    seconds_left : float
        At the mean pace so far; infinite before the first object.
    last : ObjectResult or None
        The object that was finished last; None at the start and after a problem.
    """

    done: int
    total: int
    seconds_left: float
    last: ObjectResult | None
