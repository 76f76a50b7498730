"""A journal read back: the document as it was after its last entry, as far as it is whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.sessions.checks import text, whole
from napari_iafpn.sessions.codec import step_from_json
from napari_iafpn.sessions.document import DO, REDO, UNDO, Document
from napari_iafpn.sessions.journal import FORMAT
from napari_iafpn.sessions.lines import Line, State, is_sealed, lines_of, state_of
from napari_iafpn.sessions.object_codec import found_from_json
from napari_iafpn.sessions.pixels import PixelChange, painted
from napari_iafpn.sessions.provenance import PIECES, ImageProvenance, LabelsProvenance, unpacked
from napari_iafpn.sessions.steps import Step

HEADS = re.compile(rb'\s*\{\s*"entry"\s*:\s*"(session|image|labels|content)"')
"""What is read first: a journal may tell it behind the steps that need it."""
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
NO_SESSION = "{} is no session of napari-iafpn; choose a file that ends in .jsonl"
UNUSABLE = (
    *(KeyError, TypeError, IndexError, AttributeError),
    *(ValueError, OverflowError, MemoryError, RecursionError),
)
"""What comes of entries whose values cannot be."""


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
    images : dict of id to ImageProvenance
    labels : dict of id to LabelsProvenance
    pieces : dict of id to dict of int to str
        What is there of the content of labels, by its first pixel.
    counts : dict of id to int
        How many pieces there shall be.
    models : dict of name to SHA-256
    categories : dict of int to dict
        Name and colour of each class.
    arrays : dict of id to ArrayLabels
        The labels after the last entry; only those whose start is known.
    wider : dict of id to dtype
        Of labels whose later ids are larger than the type holds that they began with.
    document : Document
        With its whole history.
    state : (int, int)
        Of the file when it was read.
    losses : list of str
        What could not be read, each as a clause.
    last_number, skipped : int
        Of the newest step; how many numbers before it are missing.
    """

    path: Path
    created: str = ""
    images: dict[str, ImageProvenance] = field(default_factory=dict)
    labels: dict[str, LabelsProvenance] = field(default_factory=dict)
    pieces: dict[str, dict[int, str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    categories: dict[int, dict[str, str]] = field(default_factory=dict)
    arrays: dict[str, ArrayLabels] = field(default_factory=dict)
    wider: dict[str, np.dtype[Any]] = field(default_factory=dict)
    state: State = (0, 0)
    losses: list[str] = field(default_factory=list)
    last_number: int = 0
    skipped: int = 0

    def __post_init__(self) -> None:
        self.document = Document(self.labels_of)

    def labels_of(self, id_: str) -> ArrayLabels:
        """Return the labels image of an id."""
        if id_ not in self.arrays:
            self.arrays[id_] = ArrayLabels(self.start_of(id_))
        return self.arrays[id_]

    def start_of(self, id_: str) -> Any:
        """Return the pixels of labels before the first step, as far as they are there.

        Raises
        ------
        ValueError
            Where they were not kept, or the session has none of this id.
        """
        if id_ not in self.labels:
            raise ValueError(f"the session {self.path.name} has no labels {id_!r}")
        provenance = self.labels[id_]
        data, wider = provenance.data(self._whole_pieces(provenance)), self.wider.get(id_)
        return data.astype(wider) if wider and isinstance(data, np.ndarray) else data

    def settled(self, id_: str) -> tuple[NDArray[Any], tuple[int, ...]]:
        """Return labels with the objects that were being edited as they were before, and which."""
        data, edited = self.labels_of(id_).data, []
        for plane, now in self.document.objects.items():
            if now.edited is not None and now.edited.labels == id_:
                change = painted(data, plane, now.edited.start, now.edited.label)
                if change is not None:
                    change.apply(data)
                edited.append(now.edited.label)
        return data, tuple(edited)

    @property
    def objects(self) -> int:
        """Number of committed objects."""
        return len(self.document.facts)

    @property
    def damage(self) -> str:
        """One sentence about what could not be read; empty where there is nothing."""
        if not self.losses:
            return ""
        return f"a part of the session {self.path.name} is lost: {'; '.join(self.losses)}"

    def lose(self, what: str) -> None:
        """Note what could not be read."""
        if what not in self.losses:
            self.losses.append(what)

    def take_head(self, entry: dict[str, Any]) -> None:
        """Take what an entry tells of images and labels."""
        kind = entry["entry"]
        if kind == "session":
            self.created = text(entry["created"], "created")
        values = {key: value for key, value in entry.items() if key != "entry"}
        if kind == "image":
            provenance = ImageProvenance.from_json(values)
            self.images[provenance.id] = provenance
        elif kind == "labels":
            labels = LabelsProvenance.from_json(values)
            self.labels[labels.id] = labels
        elif kind == "content" and "pieces" in values:
            self.counts[text(values["labels"], "labels")] = whole(values["pieces"], "pieces")
        elif kind == "content":
            pieces = self.pieces.setdefault(text(values["labels"], "labels"), {})
            pieces[whole(values["start"], "start")] = text(values["pixels"], "pixels")

    def take(self, entry: dict[str, Any]) -> None:
        """Take what any other entry tells."""
        kind, document = entry["entry"], self.document
        if kind == "model":
            self.models[text(entry["name"], "name")] = text(entry["sha256"], "sha256")
        elif kind == "categories":
            self.categories = dict(map(_category, entry["categories"].items()))
        elif kind == "lost":
            raise ValueError(f"it was never written ({entry.get('why')})")
        elif kind == DO:
            step = self._step(entry)
            if "after" in entry:
                # An undo that is lost is made up for.
                document.stand_at(whole(entry["after"], "after"))
            document.do(step, going_on=entry.get("going_on", False) is True)
            assert document.last_done is not None
            number = document.last_done.number
            self.skipped += max(number - self.last_number - 1, 0)
            self.last_number = number
        elif kind == "found":
            found = [found_from_json(each) for each in entry["found"]]
            replaced = [whole(number, "number of a proposal") for number in entry["replaced"]]
            document.discover(found, replaced)
        elif kind in (UNDO, REDO):
            self._walk(kind, entry.get("step"))

    def _walk(self, kind: str, number: int | None) -> None:
        """Undo or redo a step; a number that is not there is that of a step that was lost."""
        document = self.document
        if number is None:  # of a version that did not number them
            document.undo() if kind == UNDO else document.redo()
            return
        document.stand_at(whole(number, "number of a step", 1))
        last = document.last_done
        if kind == UNDO and last is not None and last.number == number:
            document.undo()

    def _step(self, entry: dict[str, Any]) -> Step:
        for change in (*entry.get("labels", ()), *entry.get("facts", ())):
            if change["labels"] not in self.labels:
                self._make_up_labels(text(change["labels"], "labels"), entry["plane"]["image"])
        for change in entry.get("labels", ()):
            for part in change["pixels"]:
                self._make_room(change["labels"], [*part["before"][::2], *part["after"][::2]])
        document = self.document
        return step_from_json(
            entry,
            document.__getitem__,
            lambda labels, label: document.facts.get((labels, label)),
            lambda id_: (self.labels[id_].shape, self._dtype_of(id_)),
        )

    def _dtype_of(self, id_: str) -> np.dtype[Any]:
        return self.wider.get(id_) or np.dtype(self.labels[id_].dtype)

    def _make_room(self, id_: str, values: Iterable[Any]) -> None:
        """Take values into labels of a type that did not hold them: the user had converted it."""
        now, array = self._dtype_of(id_), self.arrays.get(id_)
        whole_numbers = [value for value in values if type(value) is int]
        if now.kind not in "iu" or not whole_numbers:
            return
        ends = map(np.min_scalar_type, (min(whole_numbers), max(whole_numbers)))
        wider = np.result_type(now, *ends)
        if wider == now or wider.kind not in "iu":
            return
        if array is not None and isinstance(array.data, np.ndarray):
            array.data = array.data.astype(wider)
        self.wider[id_] = wider

    def _make_up_labels(self, id_: str, image: str) -> None:
        """Begin with empty labels of the image's shape where nothing is known of them."""
        if image not in self.images:
            raise ValueError("nothing is known of its image and its labels")
        shape = self.images[image].spatial_shape
        self.labels[id_] = LabelsProvenance(id_, "Objects", image, shape, "int64", "")
        self.lose("what the labels were like before the first object")

    def _whole_pieces(self, provenance: LabelsProvenance) -> Iterator[tuple[int, NDArray[Any]]]:
        if provenance.content != PIECES:
            return
        total = int(np.prod(provenance.shape, dtype=np.int64))
        pieces, missing = self.pieces.get(provenance.id, {}), 0
        for start, content in pieces.items():
            try:
                yield start, unpacked(content, provenance.dtype, max(total - start, 0))
            except ValueError:
                missing += 1
        wanted, name = self.counts.get(provenance.id), provenance.name
        if missing or wanted != len(pieces):
            self.lose(f"a part of what the labels {name!r} were like before the first object")


def _category(given: tuple[str, Any]) -> tuple[int, dict[str, str]]:
    key, values = given
    colour = text(values["colour"], "colour of a class")
    if not COLOUR.fullmatch(colour):
        raise ValueError(f"the colour of a class is {colour!r:.60}, not such as '#e69f00'")
    return int(key), {"name": text(values["name"], "name of a class"), "colour": colour}


def read_session(path: Path) -> Session:
    """Read a journal; what is damaged is left out and told.

    Raises
    ------
    ValueError
        One sentence: not there, no journal, or of a newer version.
    """
    session = Session(path)
    try:
        with path.open("rb") as file:
            session.state = state_of(file)
        first = _first(path)
        heads, steps = _Reading(session.take_head), _Reading(session.take)
        for line in lines_of(path, _is_head):
            heads.take(line)
        for line in lines_of(path, lambda raw: not _is_head(raw)):
            steps.take(line)
        if first.entry and first.entry["format"] > 1 and not is_sealed(first.raw):
            heads.damaged.append(first.number)
    except OSError as error:
        raise ValueError(f"cannot open the session {path} ({error.strerror})") from error
    if not heads.good + steps.good:
        raise ValueError(NO_SESSION.format(path))
    for loss in _losses(heads, steps, session.skipped):
        session.lose(loss)
    return session


def _is_head(raw: bytes) -> bool:
    """Tell whether a line is read first."""
    return HEADS.match(raw) is not None


class _Reading:
    """Counts what is taken and what is not."""

    def __init__(self, take: Callable[[dict[str, Any]], None]) -> None:
        self._take = take
        self.good = 0
        self.damaged: list[int] = []
        self.cut_off = False
        self.unusable: dict[int, str] = {}

    def take(self, line: Line) -> None:
        if line.entry is None:
            self.damaged.append(line.number)
            self.cut_off = line.is_cut_off
            return
        try:
            self._take(line.entry)
            self.good += 1
        except UNUSABLE as error:
            self.unusable[line.number] = _reason(error)


def _losses(heads: _Reading, steps: _Reading, skipped: int) -> Iterator[str]:
    """Yield what could not be read, as clauses."""
    damaged = sorted(heads.damaged + steps.damaged)
    if damaged and (heads.cut_off or steps.cut_off):
        damaged.pop()
        yield "the last line is cut off, at most the last thing you did is missing"
    if damaged:
        yield (
            f"{_lines(damaged)} damaged and left out, what comes after was read; look whether an "
            "object is missing"
        )
    unusable = heads.unusable | steps.unusable
    if unusable:
        first = min(unusable)
        yield f"{_lines(sorted(unusable))} left out as unusable ({unusable[first]})"
    if skipped and not damaged and not unusable:
        yield f"{skipped} of the things you did are not in the file"


def _lines(numbers: list[int]) -> str:
    more = f" and {len(numbers) - 1} more are" if len(numbers) > 1 else " is"
    return f"line {numbers[0]}{more}"


def _reason(error: BaseException) -> str:
    """Say in words why an entry cannot be used."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r:.60} is missing"
    if isinstance(error, ValueError):
        return str(error)
    return "its values are of the wrong kind"


def _first(path: Path) -> Line:
    """Return the first line; a damaged one may belong to a session.

    Raises
    ------
    ValueError
        Where it is none, or a newer one.
    """
    line = next(lines_of(path), None)
    if line is None or line.is_cut_off:
        raise ValueError(NO_SESSION.format(path))
    if line.entry is None:
        return line
    if line.entry.get("entry") != "session":
        raise ValueError(NO_SESSION.format(path))
    if line.entry.get("format") not in range(1, FORMAT + 1):
        raise ValueError(
            f"{path} has the format {line.entry.get('format')}, this version reads up to "
            f"{FORMAT}; update napari-iafpn"
        )
    return line
