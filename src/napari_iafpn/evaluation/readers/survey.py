"""What a set holds, what of it can be used, what is left out and why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_iafpn.evaluation.readers.folder import FolderSet
from napari_iafpn.evaluation.readers.inspection import REASONS, Inspection, Remark, inspect
from napari_iafpn.evaluation.readers.labels import MIN_AREA
from napari_iafpn.evaluation.readers.sets import AnnotatedSet, FileSet, Selection

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class ReasonRow:
    """One line of the table: a reason with the images and objects that it concerns."""

    reason: str
    images: int
    objects: int
    """0 where the images could not be read, so that nobody knows."""
    used: bool
    example: str
    """The first finding's sentence."""


@dataclass(frozen=True)
class Survey:
    """The outcome of looking through a set.

    Attributes
    ----------
    base : AnnotatedSet
    inspections : tuple of Inspection
        One per image of ``base``.
    others : tuple of Finding
        What concerns files that belong to no image.
    twins : mapping of int to int
        The place of a used image -> that of an earlier one with the same pixels or file of labels,
        and the same objects.
    """

    base: AnnotatedSet
    inspections: tuple[Inspection, ...]
    others: tuple[Remark, ...] = ()
    twins: Mapping[int, int] = field(default_factory=dict)

    @property
    def found_images(self) -> int:
        """Number of images."""
        return len(self.inspections)

    @property
    def found_objects(self) -> int:
        """Number of objects in the labels that could be read."""
        return sum(len(inspection.found) for inspection in self.inspections)

    @property
    def used_images(self) -> int:
        """Number of images with a usable object."""
        return len(self.used_indices)

    @property
    def used_objects(self) -> int:
        """Number of usable objects."""
        return sum(len(inspection.used) for inspection in self.inspections)

    @property
    def used_indices(self) -> tuple[int, ...]:
        """Places of the images with a usable object."""
        return tuple(i for i, inspection in enumerate(self.inspections) if inspection.used)

    @property
    def findings(self) -> tuple[Remark, ...]:
        """Everything that was noticed, image by image."""
        found = (f for inspection in self.inspections for f in inspection.findings)
        return (*found, *self.others)

    def usable(self) -> Selection:
        """Return the usable images with their usable objects.

        Raises
        ------
        ValueError
            Where nothing can be used; gives the first reason.
        """
        if not self.used_indices:
            raise ValueError(
                f"nothing in the set {self.base.name!r} can be used: {self.findings[0].sentence}"
            )
        chosen = tuple(self.inspections[index].used for index in self.used_indices)
        return Selection(self.base, self.used_indices, chosen)

    def rows(self) -> tuple[ReasonRow, ...]:
        """Return the reasons that occur, in the order of ``REASONS``."""
        return tuple(row for reason in REASONS for row in self._rows(reason))

    def _rows(self, reason: str) -> Iterator[ReasonRow]:
        whole = {
            index: inspection.found
            for index, inspection in enumerate(self.inspections)
            if any(f.reason == reason and not f.labels for f in inspection.findings)
        }
        found = [finding for finding in self.findings if finding.reason == reason]
        if found:
            objects = sum(len(f.labels) for f in found) + sum(map(len, whole.values()))
            yield ReasonRow(reason, len(found), objects, found[0].used, found[0].sentence)

    def summary(self) -> str:
        """Return one sentence with the numbers."""
        return (
            f"{self.base.name}: {self.found_objects:,} objects in {self.found_images:,} images "
            f"found; {self.used_objects:,} in {self.used_images:,} used"
        )

    def table(self) -> Table:
        """Return the table for a console of rich."""
        from rich.table import Table

        summary = self.summary()
        table = Table(title=summary, title_justify="left", min_width=len(summary))
        for heading, justify in (("", "left"), ("images", "right"), ("objects", "right")):
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        table.add_column("example", overflow="fold")
        numbers = [
            ("found", self.found_images, self.found_objects, ""),
            ("used", self.used_images, self.used_objects, ""),
        ]
        for what, images, objects, example in (*numbers, *map(_cells, self.rows())):
            table.add_row(what, f"{images:,}", f"{objects:,}" if objects else "", example)
        return table

    def text(self, width: int = 100) -> str:
        """Return the table as plain text of ``width`` columns."""
        from rich.console import Console

        console = Console(width=width, color_system=None, force_terminal=False)
        with console.capture() as capture:
            console.print(self.table())
        return capture.get()


def survey(
    annotated: AnnotatedSet,
    *,
    min_area: int = MIN_AREA,
    decode: bool = False,
    report: Callable[[int, int], None] | None = None,
) -> Survey:
    """Look through a set once: labels and headers of images.

    Parameters
    ----------
    annotated : AnnotatedSet
    min_area : int
        Objects of fewer pixels are left out.
    decode : bool
        Read the images whole, which also finds files that end early.
    report : callable, optional
        Told (images done, images in all) after each; what it raises ends the survey.
    """
    inspections = []
    for index in range(len(annotated)):
        inspections.append(inspect(annotated, index, min_area, decode=decode))
        if report is not None:
            report(index + 1, len(annotated))
    twins = {}
    for copies in (*_duplicates(annotated), *_shared_labels(annotated)):
        used = [index for index in copies if inspections[index].used]
        for index in used[1:]:
            original, seen = used[0], inspections[index]
            if _same_truth(annotated, index, original) and seen.used == inspections[original].used:
                twins[index] = original
                inspections[index] = _noted(annotated, index, original, seen)
            else:
                inspections[index] = _duplicate(annotated, index, original, seen)
    return Survey(annotated, tuple(inspections), tuple(_others(annotated)), twins)


def _others(annotated: AnnotatedSet) -> Iterator[Remark]:
    """Yield what concerns no single image."""
    if isinstance(annotated, FileSet):
        for note in annotated.notes():
            yield Remark("note", annotated.name, (), note, used=True)
        for name, sentence in annotated.leftovers():
            yield Remark("no image", name, (), sentence)


def _duplicate(annotated: AnnotatedSet, index: int, original: int, seen: Inspection) -> Inspection:
    name, other = annotated.image_name(index), annotated.image_name(original)
    sentence = (
        f"{name!r} is the same image as {other!r}, with other labels; the first of them is used"
    )
    return Inspection(seen.found, (), (*seen.findings, Remark("duplicate", name, (), sentence)))


def _noted(annotated: AnnotatedSet, index: int, original: int, seen: Inspection) -> Inspection:
    name, other = annotated.image_name(index), annotated.image_name(original)
    sentence = f"{name!r} and {other!r} have the same labels and count twice; keep one of them"
    finding = Remark("twin", name, (), sentence, used=True)
    return replace(seen, findings=(*seen.findings, finding))


def _same_truth(annotated: AnnotatedSet, one: int, other: int) -> bool:
    """Tell whether two images have the same ids at the same pixels."""
    return np.array_equal(annotated.truth(one).instances, annotated.truth(other).instances)


def _duplicates(annotated: AnnotatedSet) -> Iterator[list[int]]:
    """Yield the places of the image files that have the same bytes.

    Only files of the same length are read for it. Planes of one file are different images.
    """
    files: dict[Path, list[int]] = {}
    for index in range(len(annotated)):
        path = annotated.image_file(index)
        if path is not None and path.is_file():
            files.setdefault(path, []).append(index)
    by_length: dict[int, list[Path]] = {}
    for path in files:
        by_length.setdefault(path.stat().st_size, []).append(path)
    for paths in by_length.values():
        copies: dict[bytes, list[int]] = {}
        for path in paths if len(paths) > 1 else ():
            digest = hashlib.sha256(path.read_bytes()).digest()
            copies.setdefault(digest, []).append(files[path][0])
        yield from copies.values()


def _shared_labels(annotated: AnnotatedSet) -> Iterator[list[int]]:
    """Yield the places of the images that have the same label file."""
    places: dict[tuple[str, ...], list[int]] = {}
    for index, pair in enumerate(annotated.pairs if isinstance(annotated, FolderSet) else ()):
        if pair.labels:
            places.setdefault(pair.labels, []).append(index)
    yield from places.values()


def _cells(row: ReasonRow) -> tuple[str, int, int, str]:
    note = "noticed" if row.used else "left out"
    return f"{note}: {REASONS[row.reason]}", row.images, row.objects, row.example
