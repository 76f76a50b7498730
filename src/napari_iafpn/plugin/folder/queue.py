"""The images of a folder, which of them are done, and where their labels lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.readers.pairs import SAVED, STATE, image_files, pair_files
from napari_iafpn.exchange.canvas import stem as stem_of
from napari_iafpn.images.zarr_groups import described, is_zarr, member, open_zarr
from napari_iafpn.plugin.folder.progress import Classes, Mark, Progress

MASKS = (".png", ".bmp", ".webp")
"""What lies beside a JPEG of its stem is labels if it ends so; else the JPEG is a preview of it."""


@dataclass(frozen=True)
class Entry:
    """An image of the folder.

    Attributes
    ----------
    name : str
        Unique in the folder.
    image : Path
    saved : Path
        Where its labels are written.
    given : Path or None
        Labels of another program beside it.
    mark : Mark
    flagged : bool
        To be looked at once more.
    """

    name: str
    image: Path
    saved: Path
    given: Path | None = None
    mark: Mark = Mark.OPEN
    flagged: bool = False

    @property
    def labels(self) -> Path | None:
        """The labels to open: those that were saved, else those of another program."""
        return self.saved if self.saved.exists() else self.given


class ImageQueue:
    """The images of a folder, or the fields of an OME-Zarr plate, in the order of their names.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    entries : list of Entry
    place : int
        Of the image at work.
    classes : dict of int to dict
        Name and colour of each class, the same on all images.

    Raises
    ------
    ValueError
        Where there is no image.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = _state_of(folder)
        self._progress = Progress.found(self._state)
        is_plate = _is_plate(folder)
        self.entries = _fields(folder) if is_plate else _images(folder, self._progress)
        if not self.entries:
            raise ValueError(f"there is no image in {folder}; choose the folder that holds them")
        if self._progress == Progress() and is_zarr(folder):
            self._progress = self._shared()
        self.entries = self._marked(self._progress)
        names, last = [entry.name for entry in self.entries], self._progress.current
        self.place = names.index(last) if last in names else 0
        self.classes = self._progress.classes

    @property
    def entry(self) -> Entry:
        """The image at work."""
        return self.entries[self.place]

    @property
    def done(self) -> int:
        """How many images are done."""
        return sum(entry.mark is Mark.DONE for entry in self.entries)

    def mark(self, mark: Mark) -> None:
        """Say what became of the image at work."""
        self._write(self.place, mark=mark)

    def flag(self, on: bool) -> None:
        """Mark the image at work to be looked at once more, or take that back."""
        self._write(self.place, flagged=on)

    def go(self, place: int) -> None:
        """Work on another image."""
        self._write(place)

    def note_classes(self, classes: Classes) -> None:
        """Keep the classes for the next images."""
        self._write(self.place, classes)

    def _shared(self) -> Progress:
        """Return the state of a plate that is called as plates beside each other shared it once.

        Their fields have the same names, so it says something of a plate that is alone only.
        """
        shared = Progress.found(self.folder.with_name(STATE))
        is_own = shared.current in {entry.name for entry in self.entries}
        return shared if is_own and _is_alone(self.folder) else Progress()

    def _marked(self, progress: Progress) -> list[Entry]:
        return [
            replace(
                entry,
                mark=progress.marks.get(entry.name, Mark.OPEN),
                flagged=entry.name in progress.flagged,
            )
            for entry in self.entries
        ]

    def _write(self, place: int, classes: Classes | None = None, **values: Any) -> None:
        """Write what changed, and where one is, beside what others wrote meanwhile.

        Raises
        ------
        ValueError
            Where the folder cannot be written to; then nothing changes here.
        """
        classes = self.classes if classes is None else dict(classes)
        try:
            there = Progress.read(self._state)
            there = self._progress if there == Progress() else there
            entries = self._marked(there)
            entry = entries[place] = replace(entries[place], **values)
            flagged = tuple(name for name in there.flagged if name != entry.name)
            progress = Progress(
                entry.name,
                {**there.marks, entry.name: entry.mark},
                (*flagged, entry.name) if entry.flagged else flagged,
                self._merged(there.classes, classes),
                {**there.images, **{entry.name: self._file(entry) for entry in entries}},
                {**there.labels, **{self._file(entry): entry.saved.name for entry in entries}},
            )
            progress.write(self._state)
        except OSError as error:
            raise ValueError(
                f"how far you got cannot be noted in {self._state.parent} ({error.strerror}); make "
                "room there, or copy the images into a folder of your own"
            ) from error
        self.entries, self.place, self.classes = entries, place, classes
        self._progress = progress

    def _merged(self, there: Classes, classes: Classes) -> Classes:
        """Return classes with what others changed meanwhile, and nobody here."""
        theirs = {n: each for n, each in there.items() if classes.get(n) == self.classes.get(n)}
        return {**classes, **theirs}

    def _file(self, entry: Entry) -> str:
        return entry.image.relative_to(self.folder).as_posix()


def _images(folder: Path, progress: Progress) -> list[Entry]:
    """Return the images of a folder.

    Those of before keep their names and their labels when another image of their stem comes or
    goes.
    """
    names = {image: name for name, image in progress.images.items()}
    there = (path for path in image_files(folder) if path.suffix.lower() not in MASKS)
    kept = {*names, *(path.relative_to(folder).as_posix() for path in there)}
    saved = {**_saved_before(folder, progress.images), **progress.labels}
    return [
        Entry(
            names.get(pair.image, pair.name),
            folder / pair.image,
            folder / pair.saved,
            next((folder / each for each in pair.labels if each != pair.saved), None),
        )
        for pair in pair_files(folder, folder, kept=kept, saved=saved)
    ]


def _saved_before(folder: Path, images: Mapping[str, str]) -> dict[str, str]:
    """Return where labels were saved when a state did not say so: by the stem, of the first."""
    stems = {image: image.rpartition(".")[0] for image in images.values()}
    beside = Counter(stems.values())
    return {
        image: saved.name
        for name, image in images.items()
        for saved in [folder / f"{stems[image]}{SAVED}"]
        if (name == stem_of(Path(image)) or beside[stems[image]] == 1) and saved.exists()
    }


def _fields(plate: Path) -> list[Entry]:
    """Return the fields of all wells of a plate; their labels lie beside the plate."""
    group = open_zarr(plate)
    fields = [
        f"{well['path']}/{field['path']}"
        for well in described(group)["plate"]["wells"]
        for field in described(member(group, well["path"]))["well"]["images"]
    ]
    entries = [Entry(field, plate / field, _saved(plate, _stem(plate), field)) for field in fields]
    shared = plate.name.split(".")[0]  # once the stem, which plates beside each other shared
    if shared == _stem(plate):
        return entries
    before = [_saved(plate, shared, field) for field in fields]
    if not any(path.exists() for path in before) or not _is_alone(plate):
        return entries
    return [
        replace(entry, given=path if path.exists() else None)
        for entry, path in zip(entries, before, strict=True)
    ]


def _saved(plate: Path, stem: str, field: str) -> Path:
    return plate.with_name(f"{stem}-{field.replace('/', '-')}{SAVED}")


def _stem(plate: Path) -> str:
    """Return the name of a plate without its suffix; there may be other dots in it."""
    return plate.name.removesuffix(".zarr").removesuffix(".ome")


def _is_alone(plate: Path) -> bool:
    """Tell whether no other plate lies beside a plate; what cannot be read may be one."""
    try:
        return not any(each != plate and _is_plate(each) for each in plate.parent.iterdir())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_plate(folder: Path) -> bool:
    return is_zarr(folder) and "plate" in described(open_zarr(folder))


def _state_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-{STATE}") if is_zarr(folder) else folder / STATE
