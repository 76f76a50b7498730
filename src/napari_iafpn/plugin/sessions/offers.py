"""Which earlier sessions there are of an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_iafpn.sessions.about import ImageAbout, fingerprint_of
from napari_iafpn.sessions.journal import SUFFIX
from napari_iafpn.sessions.lines import lines_of
from napari_iafpn.sessions.locking import is_locked
from napari_iafpn.sessions.reading import Session, read_session

IMAGE = re.compile(rb'\s*\{\s*"entry"\s*:\s*"image"')


@dataclass(frozen=True, eq=False)
class Offer:
    """An earlier session of an image.

    Attributes
    ----------
    session : Session
    image : ImageAbout
        The image as the session knows it.
    skipped : tuple of str
        Why newer ones are not offered.
    """

    session: Session
    image: ImageAbout
    skipped: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What there is to go on with."""
        count, open_ = self.session.objects, len(self.session.document.objects)
        parts = [f"{count} object{'s' * (count != 1)}"]
        if open_:
            parts.append(f"{open_} unfinished")
        day = self.session.created.replace("T", " ")[:16] or "of an unknown time"
        told = f"An earlier session of this image ({day} UTC) has {', '.join(parts)}."
        more = (self.session.damage, *self.skipped)
        return " ".join([told, *(f"{text[0].upper()}{text[1:]}." for text in more if text)])


def latest_session(folder: Path, array: Any) -> Offer | None:
    """Return the newest session of an image that no window has open, None where there is none.

    One that cannot be read, or is damaged and has fewer objects than an older whole one, is
    skipped and told.

    Parameters
    ----------
    folder : Path
    array : array-like
        The image; some blocks of it are read if a session of its shape and type is found.
    """
    skipped: list[str] = []
    damaged: Offer | None = None
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_age):
        if is_locked(path) or not _is_of(path, array):
            continue
        try:
            found = offer_of(read_session(path), array)
        except ValueError as error:
            skipped.append(str(error))
            continue
        if found is None or not (found.session.document.facts or found.session.document.objects):
            continue
        if damaged is None and found.session.damage:
            damaged = found
        elif damaged is None or (
            not found.session.damage and found.session.objects > damaged.session.objects
        ):
            if damaged is not None:
                skipped.append(damaged.session.damage)
            return Offer(found.session, found.image, tuple(skipped))
    return damaged and Offer(damaged.session, damaged.image, tuple(skipped))


def offer_of(session: Session, array: Any) -> Offer | None:
    """Return a session as one of an image, None where it is of another.

    Where the session lost what it knew of an image, it is this one if its labels fit.
    """
    fingerprint = fingerprint_of(array)
    for about in session.images.values():
        if about.fingerprint == fingerprint:
            return Offer(session, about)
    document = session.document
    planes = [step.plane.layer for step in document.steps] + [key.layer for key in document.objects]
    unknown = dict.fromkeys(layer for layer in planes if layer not in session.images)
    for layer in unknown:
        shapes = [labels.shape for labels in session.labels.values() if labels.image == layer]
        if all(tuple(array.shape[: len(shape)]) == shape for shape in shapes):
            shape = tuple(int(size) for size in array.shape)
            return Offer(
                session, ImageAbout(layer, "", "", shape, str(array.dtype), False, fingerprint)
            )
    return None


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


def _images(path: Path) -> Iterator[tuple[ImageAbout | None, bytes]]:
    """Yield what a journal tells of images, None where that is damaged, and its line."""
    try:
        for line in lines_of(path, lambda raw: IMAGE.match(raw) is not None):
            try:
                values = {k: v for k, v in (line.entry or {}).items() if k != "entry"}
                yield ImageAbout.from_json(values), line.raw
            except (KeyError, TypeError, ValueError):
                yield None, line.raw
    except OSError:
        return


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0
