"""A journal read back: the document as it was after its last whole entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.sessions.about import ImageAbout, LabelsAbout
from napari_iafpn.sessions.codec import step_from_json
from napari_iafpn.sessions.document import DO, REDO, UNDO, Document
from napari_iafpn.sessions.journal import FORMAT
from napari_iafpn.sessions.lines import parsed
from napari_iafpn.sessions.pixels import PixelChange
from napari_iafpn.sessions.steps import Step


class ArrayLabels:
    """A `LabelsImage` in an array."""

    def __init__(self, data: NDArray[Any]) -> None:
        self.data = data

    def apply(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values after."""
        for change in changes:
            change.apply(self.data)

    def revert(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values before."""
        for change in reversed(changes):
            change.revert(self.data)


@dataclass
class Session:
    """What a journal tells.

    Attributes
    ----------
    path : Path
    created : str
        ISO time.
    images : dict of id to ImageAbout
    labels : dict of id to LabelsAbout
    models : dict of name to SHA-256
    categories : dict of int to dict
        Name and colour of each class.
    arrays : dict of id to ArrayLabels
        The labels after the last entry; only those whose start is known.
    document : Document
        With its whole history.
    end : int
        Where the last whole entry ends, in bytes.
    damage : str
        One sentence about what could not be read behind that; empty where there is nothing.
    """

    path: Path
    created: str = ""
    images: dict[str, ImageAbout] = field(default_factory=dict)
    labels: dict[str, LabelsAbout] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    categories: dict[int, dict[str, Any]] = field(default_factory=dict)
    arrays: dict[str, ArrayLabels] = field(default_factory=dict)
    end: int = 0
    damage: str = ""

    def __post_init__(self) -> None:
        self.document = Document(self.labels_of)

    def labels_of(self, id_: str) -> ArrayLabels:
        """Return the labels image of an id."""
        if id_ not in self.arrays:
            self.arrays[id_] = ArrayLabels(self.labels[id_].data())
        return self.arrays[id_]

    @property
    def objects(self) -> int:
        """Number of committed objects."""
        return len(self.document.facts)

    def take(self, entry: dict[str, Any]) -> None:
        """Take one entry."""
        kind = entry["entry"]
        values = {key: value for key, value in entry.items() if key != "entry"}
        if kind == "image":
            about = ImageAbout.from_json(values)
            self.images[about.id] = about
        elif kind == "labels":
            labels = LabelsAbout.from_json(values)
            self.labels[labels.id] = labels
        elif kind == "model":
            self.models[values["name"]] = values["sha256"]
        elif kind == "categories":
            self.categories = {int(key): value for key, value in values["categories"].items()}
        elif kind == DO:
            self.document.do(self._step(entry), going_on=entry.get("going_on", False))
        elif kind == UNDO:
            self.document.undo()
        elif kind == REDO:
            self.document.redo()

    def _step(self, entry: dict[str, Any]) -> Step:
        document = self.document
        return step_from_json(
            entry["kind"],
            entry,
            document.__getitem__,
            lambda labels, label: document.facts.get((labels, label)),
            lambda labels: np.dtype(self.labels[labels].dtype),
        )


def read_session(path: Path) -> Session:
    """Read a journal up to its last whole entry.

    Raises
    ------
    ValueError
        One sentence: not there, no journal, or of a newer version.
    """
    session = Session(path)
    for entry, end in entries_of(path):
        try:
            session.take(entry)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            session.damage = (
                f"{path.name} is damaged behind byte {session.end} "
                f"({type(error).__name__}: {error}); what comes before was read"
            )
            return session
        session.created = entry.get("created", session.created)
        session.end = end
    lost = path.stat().st_size - session.end
    if lost:
        session.damage = (
            f"the last {lost} bytes of {path.name} are damaged and were left out; "
            "at most the last thing you did is missing"
        )
    return session


def entries_of(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the whole entries of a journal, each with the byte where it ends.

    Raises
    ------
    ValueError
        One sentence: not there, no journal, or of a newer version.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ValueError(f"cannot open the session {path} ({error.strerror})") from error
    with file:
        end = 0
        for line in file:
            entry = parsed(line)
            if entry is None or not isinstance(entry.get("entry"), str):
                break
            end += len(line)
            if end == len(line):
                _check_first(entry, path)
            yield entry, end
    if not end:
        raise ValueError(f"{path} is no session of napari-iafpn; choose a file that ends in .jsonl")


def _check_first(entry: dict[str, Any], path: Path) -> None:
    if entry["entry"] != "session":
        raise ValueError(f"{path} is no session of napari-iafpn; choose a file that ends in .jsonl")
    if entry.get("format") != FORMAT:
        raise ValueError(
            f"{path} has the format {entry.get('format')}, this version reads {FORMAT}; "
            "update napari-iafpn"
        )
