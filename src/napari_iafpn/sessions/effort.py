"""What the objects of a session cost: clicks, corrections and seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_iafpn.sessions.blocks import SparseArray
from napari_iafpn.sessions.reading import Session


@dataclass(frozen=True, slots=True)
class ObjectEffort:
    """An object that is there at the end of a session.

    Attributes
    ----------
    image, path, labels : str
        Name and file of the image, and name of the labels that hold the object.
    id : int
    category : str
        Its class; empty: none.
    area : int
        In pixels, over all planes; 0 where the labels are not kept in the session.
    found : bool
        It was proposed, and accepted by the user.
    clicks : int
        Corrections included; a box or a stroke counts as two.
    corrections : int
        How often it was kept again after it had been finished.
    seconds : float
        From its first click until it was kept, corrections included.
    reviewed : bool
    quality : float or None
        Estimated probability that its mask is right; None: it is not known.
    """

    image: str
    path: str
    labels: str
    id: int
    category: str
    area: int
    found: bool
    clicks: int
    corrections: int
    seconds: float
    reviewed: bool
    quality: float | None


@dataclass(frozen=True, slots=True)
class ImageEffort:
    """The objects of one image, counted together."""

    image: str
    path: str
    objects: int
    found: int
    reviewed: int
    clicks: int
    corrections: int
    seconds: float

    @property
    def clicks_per_object(self) -> float:
        """Mean; 0 without objects."""
        return self.clicks / self.objects if self.objects else 0.0

    @property
    def seconds_per_object(self) -> float:
        """Mean; 0 without objects."""
        return self.seconds / self.objects if self.objects else 0.0


def effort_of(session: Session) -> list[ObjectEffort]:
    """Return the objects of a session in the order in which they were first kept."""
    facts = session.document.facts
    kept = Counter(
        (step.commit.labels, step.commit.label) for step in session.document.steps if step.commit
    )
    areas = {labels: _areas(session, labels) for labels in {labels for labels, _ in facts}}
    in_order = [*(key for key in kept if key in facts), *(key for key in facts if key not in kept)]
    return [
        _object(session, *key, area=areas[key[0]].get(key[1], 0), corrections=max(kept[key] - 1, 0))
        for key in in_order
    ]


def _object(
    session: Session, labels: str, id_: int, *, area: int, corrections: int
) -> ObjectEffort:
    fact, provenance = session.document.facts[labels, id_], session.labels[labels]
    image = session.images.get(provenance.image)
    return ObjectEffort(
        image=image.name if image else "",
        path=image.path if image else "",
        labels=provenance.name,
        id=id_,
        category=session.categories.get(fact.category, {}).get("name", ""),
        area=area,
        found=fact.found,
        clicks=fact.clicks,
        corrections=corrections,
        seconds=round(fact.seconds, 1),
        reviewed=fact.reviewed,
        quality=fact.quality,
    )


def image_efforts(objects: Iterable[ObjectEffort]) -> list[ImageEffort]:
    """Count the objects of each image together, images in the order of their first object."""
    images: dict[tuple[str, str], list[ObjectEffort]] = {}
    for each in objects:
        images.setdefault((each.image, each.path), []).append(each)
    return [_together(*image, found) for image, found in images.items()]


def total_effort(objects: Iterable[ObjectEffort]) -> ImageEffort:
    """Count all objects together."""
    return _together("", "", list(objects))


def _together(image: str, path: str, objects: list[ObjectEffort]) -> ImageEffort:
    return ImageEffort(
        image=image,
        path=path,
        objects=len(objects),
        found=sum(each.found for each in objects),
        reviewed=sum(each.reviewed for each in objects),
        clicks=sum(each.clicks for each in objects),
        corrections=sum(each.corrections for each in objects),
        seconds=round(sum(each.seconds for each in objects), 1),
    )


def _areas(session: Session, labels: str) -> dict[int, int]:
    """Return the pixels of each object; nothing where the labels' start was not kept."""
    try:
        data = session.labels_of(labels).data
    except ValueError:
        return {}
    areas: Counter[int] = Counter()
    parts = (part for _, part in data.written()) if isinstance(data, SparseArray) else [data]
    for part in parts:
        ids, counts = np.unique(part, return_counts=True)
        areas.update(dict(zip(ids.tolist(), counts.tolist(), strict=True)))
    return areas
