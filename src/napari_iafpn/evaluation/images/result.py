"""What became of one image in one mode, and what many of them come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_iafpn.evaluation.masks import MaskCode

ASSISTS = ("none", "context", "find")
"""Each object alone; with what the objects before tell; and with similar objects found."""


@dataclass(frozen=True)
class ObjectCost:
    """What one object cost.

    Attributes
    ----------
    label : int
    clicks : int
    first_iou : float or None
        After the first click; None where a proposal was there before.
    iou : float
        Of what was committed.
    accepted : bool
        As it was proposed, without a click.
    mask : MaskCode
        What was committed.
    """

    label: int
    clicks: int
    first_iou: float | None
    iou: float
    accepted: bool
    mask: MaskCode


@dataclass(frozen=True)
class Judged:
    """A proposal beside the truth: the object that it overlaps most of those that were left."""

    quality: float
    iou: float
    label: int | None
    verdict: str
    """``accepted``, ``opened`` or ``rejected``."""


@dataclass(frozen=True, eq=False)
class ImageResult:
    """One image, annotated in one mode.

    Attributes
    ----------
    set, image, model, assist : str
        The mode: ``find``, or ``find+adapt10`` where the model learned after each ten objects.
    exemplars : int
        Objects before finding began; 0 in the other modes.
    objects : tuple of ObjectCost
        In the order in which they were done.
    proposals : tuple of Judged
        The best first.
    seconds : float
        Of computing, the simulated user's included.
    """

    set: str
    image: str
    model: str
    assist: str
    exemplars: int
    objects: tuple[ObjectCost, ...]
    proposals: tuple[Judged, ...]
    seconds: float

    @property
    def clicks(self) -> int:
        """Clicks on all objects."""
        return sum(cost.clicks for cost in self.objects)

    @property
    def actions(self) -> int:
        """Clicks, commits, accepted and rejected proposals."""
        rejected = sum(each.verdict == "rejected" for each in self.proposals)
        return self.clicks + len(self.objects) + rejected

    @property
    def actions_accept_all(self) -> int:
        """The same where one action accepts all proposals."""
        accepted = sum(cost.accepted for cost in self.objects)
        return self.actions - accepted + bool(self.proposals)

    def found(self, least: float) -> int:
        """Return the number of objects that proposals overlap with this IoU."""
        return len({each.label for each in self.proposals if each.label and each.iou >= least})


def summary_of(results: Sequence[ImageResult], target: float) -> dict[str, Any]:
    """Return the numbers of one model, set and mode; means are per object.

    ``curve`` holds the clicks of each object, in the order in which they were done.
    """
    objects = sum(len(result.objects) for result in results)
    proposed = sum(len(result.proposals) for result in results)
    rest = sum(len(result.objects) - result.exemplars for result in results)
    first = [cost.first_iou for r in results for cost in r.objects if cost.first_iou is not None]
    searched = results[0].assist.startswith("find") and rest > 0

    def per_object(name: str) -> float:
        return float(sum(getattr(result, name) for result in results) / objects)

    def share(least: float, of: int) -> float | None:
        return sum(result.found(least) for result in results) / of if searched and of else None

    return {
        "images": len(results),
        "objects": objects,
        "clicks": per_object("clicks"),
        "actions": per_object("actions"),
        "actions_accept_all": per_object("actions_accept_all"),
        "first_iou": float(np.mean(first)) if first else None,
        "failed": sum(cost.iou < target for r in results for cost in r.objects),
        "proposals": proposed,
        "precision@50": share(0.5, proposed),
        "precision@75": share(0.75, proposed),
        "recall@50": share(0.5, rest),
        "recall@75": share(0.75, rest),
        "found@target": share(target, rest),
        "seconds": per_object("seconds"),
        "curve": [cost.clicks for result in results for cost in result.objects],
    }
