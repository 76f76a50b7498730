"""How far one got in a folder, and the file that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from napari_iafpn.networks import write_atomically

Classes = dict[int, dict[str, str]]
CLASS = ("name", "colour")


class Mark(Enum):
    """What became of an image."""

    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Progress:
    """How far one got.

    Attributes
    ----------
    current : str
        The name of the image at work.
    marks : mapping of str to Mark
        Of images by their names.
    flagged : tuple of str
    classes : dict of int to dict
    images : mapping of str to str
        The file of each name.
    labels : mapping of str to str
        The name of the file of labels of each image file.
    """

    current: str = ""
    marks: Mapping[str, Mark] = field(default_factory=dict)
    flagged: tuple[str, ...] = ()
    classes: Classes = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Progress:
        """Read a file; one that is damaged is put aside, since the labels tell most of it.

        Raises
        ------
        OSError
            Where it cannot be read or put aside.
        """
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return cls()
        try:
            state = json.loads(text)
            return cls(
                str(state.get("current", "")),
                {name: Mark(mark) for name, mark in state["marks"].items()},
                tuple(map(str, state.get("flagged", ()))),
                {int(n): {k: str(of[k]) for k in CLASS} for n, of in state["classes"].items()},
                {name: Path(image).as_posix() for name, image in state.get("images", {}).items()},
                {Path(k).as_posix(): str(of) for k, of in state.get("labels", {}).items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            path.replace(path.with_suffix(".damaged.json"))
            return cls()

    @classmethod
    def found(cls, path: Path) -> Progress:
        """Read a file; nothing is known where that is not possible."""
        try:
            return cls.read(path)
        except OSError:
            return cls()

    def write(self, path: Path) -> None:
        """Write a file whole or not at all."""
        state = {
            "current": self.current,
            "marks": {name: mark.value for name, mark in self.marks.items() if mark != Mark.OPEN},
            "flagged": self.flagged,
            "classes": self.classes,
            "images": self.images,
            "labels": self.labels,
        }
        write_atomically(path, (json.dumps(state, indent=1) + "\n").encode())
