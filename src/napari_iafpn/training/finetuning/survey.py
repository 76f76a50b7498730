"""Looking through the user's folders before the first step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from napari_iafpn.evaluation.readers import (
    FileSet,
    FolderSet,
    Selection,
    SessionSet,
    Survey,
    open_pair,
    survey,
)
from napari_iafpn.training.finetuning.request import FinetuneRequest

NAME = "your images"
SPLIT = (
    "The labels are masks or classes: each piece of connected pixels is taken as an object. Where "
    "objects touch, or have several pieces, give labels with one id for each."
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
    twins : mapping of int to int
        Place of an image in ``usable`` -> that of an earlier one with the same objects.
    """

    usable: Selection
    left_out: tuple[str, ...]
    twins: Mapping[int, int] = field(default_factory=dict)

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
    base = open_pair(request.images, request.labels, NAME, keep_255=request.keep_255)
    seen = survey(base, report=lambda *_: asked())
    usable = seen.usable()
    places = {index: place for place, index in enumerate(usable.indices)}
    twins = {places[index]: places[original] for index, original in seen.twins.items()}
    return Found(usable, (*_how_read(base), *_sentences(seen)), twins)


def _how_read(base: FileSet) -> Iterator[str]:
    """Say what was decided about the values of the labels."""
    if isinstance(base, FolderSet) and base.meaning == "pieces":
        yield SPLIT


def _sentences(seen: Survey) -> tuple[str, ...]:
    sentences = dict.fromkeys(finding.sentence for finding in seen.findings)
    if isinstance(seen.base, SessionSet) and seen.base.damage:
        sentences = dict.fromkeys((seen.base.damage, *sentences))
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
