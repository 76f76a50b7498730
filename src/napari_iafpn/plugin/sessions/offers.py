"""Which earlier sessions there are of an image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_iafpn.sessions.about import ImageAbout, fingerprint_of
from napari_iafpn.sessions.journal import SUFFIX
from napari_iafpn.sessions.locking import is_locked
from napari_iafpn.sessions.reading import Session, read_session


@dataclass(frozen=True, eq=False)
class Offer:
    """An earlier session of an image.

    Attributes
    ----------
    session : Session
    image : ImageAbout
        The image as the session knows it.
    """

    session: Session
    image: ImageAbout

    @property
    def sentence(self) -> str:
        """What there is to go on with."""
        count, open_ = self.session.objects, len(self.session.document.objects)
        parts = [f"{count} object{'s' * (count != 1)}"]
        if open_:
            parts.append(f"{open_} unfinished")
        day = self.session.created.replace("T", " ")[:16]
        return f"An earlier session of this image ({day} UTC) has {', '.join(parts)}."


def latest_session(folder: Path, array: Any) -> Offer | None:
    """Return the newest session of an image that no window has open, None where there is none.

    Parameters
    ----------
    folder : Path
    array : array-like
        The image; some blocks of it are read if a session of its shape and type is found.
    """
    shape = tuple(int(size) for size in array.shape)
    fingerprint = None
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_age):
        for about in _images(path):
            if about.shape != shape or about.dtype != str(array.dtype) or is_locked(path):
                continue
            fingerprint = fingerprint or fingerprint_of(array)
            if about.fingerprint == fingerprint:
                session = read_session(path)
                if session.document.facts or session.document.objects:
                    return Offer(session, about)
    return None


def _images(path: Path) -> list[ImageAbout]:
    """Return what a journal tells of images; its other lines are not parsed."""
    found = []
    try:
        with path.open("rb") as file:
            for line in file:
                if line.startswith(b'{"entry":"image"'):
                    values = json.loads(line)
                    del values["entry"]
                    found.append(ImageAbout.from_json(values))
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return found


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0
