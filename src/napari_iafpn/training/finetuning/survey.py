"""Looking through the user's folders before the first step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from napari_iafpn.evaluation.readers import (
    FileSet,
    FolderSet,
    Selection,
    SessionSet,
    Survey,
    survey,
)
from napari_iafpn.training.finetuning.request import FinetuneRequest

NAME = "your images"
SPLIT = (
    "The labels are binary masks: each piece of connected pixels is taken as an object. Where "
    "objects touch, give labels with one id for each."
)


@dataclass(frozen=True)
class Found:
    """What can be used.

    Attributes
    ----------
    usable : Selection
        Images with at least one usable object.
    left_out : tuple of str
        A sentence for everything else that was noticed.
    """

    usable: Selection
    left_out: tuple[str, ...]

    @property
    def objects(self) -> tuple[tuple[int, ...], ...]:
        """The usable ids of each image."""
        return tuple(self.usable.objects(index) for index in range(len(self.usable)))

    @property
    def count(self) -> int:
        """Number of usable objects."""
        return sum(map(len, self.objects))

    @property
    def digest(self) -> str:
        """A short hash of the images' names and ids."""
        names = [self.usable.image_name(index) for index in range(len(self.usable))]
        text = json.dumps([names, self.objects])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def look_through(request: FinetuneRequest, asked: Callable[[], None]) -> Found:
    """Pair the folders and judge every label image; ``asked`` is called after each.

    Raises
    ------
    ValueError
        Where there are no pairs, or none of them can be used.
    """
    ids = _survey(request, None, asked)
    if not _looks_binary(ids):
        return Found(ids.usable(), _sentences(ids))
    pieces = _survey(request, "split", asked)
    if not pieces.used_objects:
        return Found(ids.usable(), _sentences(ids))
    return Found(pieces.usable(), (SPLIT, *_sentences(pieces)))


def _survey(request: FinetuneRequest, binary: str | None, asked: Callable[[], None]) -> Survey:
    base: FileSet = (
        SessionSet.open(request.images, NAME)
        if request.images.is_file()
        else FolderSet.of(
            request.images, request.labels, NAME, keep_255=request.keep_255, binary=binary
        )
    )
    return survey(base, report=lambda *_: asked())


def _looks_binary(ids: Survey) -> bool:
    """Tell whether no image has two ids, and one has several objects in one or in 255."""
    most = max((len(inspection.found) for inspection in ids.inspections), default=0)
    pieces = any(finding.reason == "binary" for finding in ids.findings)
    return most == 0 or (most == 1 and pieces)


def _sentences(seen: Survey) -> tuple[str, ...]:
    sentences = dict.fromkeys(finding.sentence for finding in seen.findings)
    return tuple(_ended(sentence[:1].upper() + sentence[1:]) for sentence in sentences)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def survey_words(found: Found, training: int, held_out: int, kind: str) -> str:
    """Say what was found and how it is used."""
    images = len(found.usable)
    where = (
        "on images that are not trained on"
        if kind == "images"
        else "in the same images, where the training ignores their pixels"
    )
    return (
        f"{found.count} objects in {images} image{'s' if images > 1 else ''}: {training} are "
        f"trained on, {held_out} are held out to count clicks, {where}."
    )
