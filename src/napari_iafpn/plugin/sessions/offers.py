"""Which earlier sessions there are of an image."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_iafpn.sessions.journal import SUFFIX
from napari_iafpn.sessions.lines import lines_of
from napari_iafpn.sessions.locking import is_locked
from napari_iafpn.sessions.provenance import ImageProvenance, fingerprint_of
from napari_iafpn.sessions.reading import Session, read_session

IMAGE = re.compile(rb'\s*\{\s*"entry"\s*:\s*"image"')


MOST = 30
"""So many of the newest sessions of an image are looked at."""
AGES = ((3600, "minute", 60), (86_400, "hour", 3600), (30 * 86_400, "day", 86_400))


@dataclass(frozen=True, eq=False)
class Offer:
    """An earlier session of an image; its labels stay on the disk until it is resumed.

    Attributes
    ----------
    path : Path
    image : ImageProvenance
        The image as the session knows it.
    objects, unfinished : int
        How many objects of this image were kept, and begun.
    damaged : bool
    worked : float
        When something was written last, in seconds since 1970.
    """

    path: Path
    image: ImageProvenance
    objects: int
    unfinished: int = 0
    damaged: bool = False
    worked: float = 0.0

    @property
    def text(self) -> str:
        """What there is to go on with, and how old it is."""
        parts = [f"{self.objects} object{'s' * (self.objects != 1)}"]
        if self.unfinished:
            parts.append(f"{self.unfinished} unfinished")
        if self.damaged:
            parts.append("damaged")
        return f"{', '.join(parts)}; {age(self.worked)}"

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts offers: twice the objects come first, of about as many the newest."""
        return -(self.objects + 1).bit_length() + self.damaged, -self.worked


def offers_for(folder: Path, array: Any) -> tuple[list[Offer], list[str]]:
    """Return the sessions of an image that no window has open, the most useful first.

    Empty ones are left out. Sentences say which of them cannot be read.

    Parameters
    ----------
    folder : Path
    array : array-like
        The image; some blocks of it are read if a session of its shape and type is found.
    """
    offers: list[Offer] = []
    unreadable: list[str] = []
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_worked, reverse=True):
        if is_locked(path) or not _is_of(path, array):
            continue
        try:
            offer = _offer_of(path, array)
        except ValueError as error:
            unreadable.append(str(error))
            continue
        if offer is not None:
            offers.append(offer)
        if len(offers) >= MOST:
            break
    return sorted(offers, key=lambda offer: offer.rank), unreadable


def age(then: float) -> str:
    """Return how long ago something was."""
    seconds = max(time.time() - then, 0.0)
    for below, unit, length in AGES:
        if seconds < below:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count != 1)} ago" if count else "just now"
    return datetime.fromtimestamp(then).strftime("on %Y-%m-%d")


def image_in(session: Session, array: Any) -> ImageProvenance | None:
    """Return an image as a session knows it, None where the session is of another.

    Where the session lost what it knew of an image, it is this one if its labels fit.
    """
    fingerprint = fingerprint_of(array)
    for provenance in session.images.values():
        if provenance.fingerprint == fingerprint:
            return provenance
    document = session.document
    planes = [step.plane.layer for step in document.steps] + [key.layer for key in document.objects]
    unknown = dict.fromkeys(layer for layer in planes if layer not in session.images)
    for layer in unknown:
        shapes = [labels.shape for labels in session.labels.values() if labels.image == layer]
        if all(tuple(array.shape[: len(shape)]) == shape for shape in shapes):
            shape = tuple(int(size) for size in array.shape)
            return ImageProvenance(layer, "", "", shape, str(array.dtype), False, fingerprint)
    return None


def kept_in(session: Session, image: ImageProvenance) -> int:
    """Return how many objects of an image were kept."""
    labels = (session.labels.get(id_) for id_, _ in session.document.facts)
    return sum(each is not None and each.image == image.id for each in labels)


def _offer_of(path: Path, array: Any) -> Offer | None:
    """Return a session as one of an image, None where nothing was done on it."""
    session = read_session(path)
    image = image_in(session, array)
    session.arrays.clear()  # session and document hold each other, and so the labels
    if image is None:
        return None
    document = session.document
    objects = kept_in(session, image)
    unfinished = sum(key.layer == image.id for key in document.objects)
    painted = any(step.labels and step.plane.layer == image.id for step in document.steps)
    if not (objects or unfinished or painted):
        return None
    return Offer(path, image, objects, unfinished, bool(session.damage), _worked(path))


def _is_of(path: Path, array: Any) -> bool:
    """Tell whether a journal may be of an image; only what it tells of images is parsed."""
    shape, fingerprint = tuple(int(size) for size in array.shape), ""
    for entry, raw in _images(path):
        if entry is None or (entry.shape == shape and entry.dtype == str(array.dtype)):
            fingerprint = fingerprint or fingerprint_of(array)
            # A damaged line has most often kept it.
            if fingerprint.encode() in raw:
                return True
    return False


def _images(path: Path) -> Iterator[tuple[ImageProvenance | None, bytes]]:
    """Yield what a journal tells of images, None where that is damaged, and its line."""
    try:
        for line in lines_of(path, lambda raw: IMAGE.match(raw) is not None):
            try:
                values = {k: v for k, v in (line.entry or {}).items() if k != "entry"}
                yield ImageProvenance.from_json(values), line.raw
            except (KeyError, TypeError, ValueError):
                yield None, line.raw
    except OSError:
        return


def _worked(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
