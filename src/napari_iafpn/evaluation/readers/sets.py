"""What every annotated set offers, and the sets that are made from others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from napari_iafpn.evaluation.readers.labels import Truth
from napari_iafpn.evaluation.readers.sample import Sample
from napari_iafpn.images.files import picture_shape, read_picture


class MissingLabelsError(ValueError):
    """An image has no labels."""


class AnnotatedSet(Protocol):
    """Annotated images with the objects in them; every one is a value that can be pickled."""

    @property
    def name(self) -> str:
        """What reports call the set."""

    def __len__(self) -> int:
        """Return the number of images."""

    def image_name(self, index: int) -> str:
        """Return a name that is unique in the set."""

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the ids to evaluate; the labels may be read for that, the image is not.

        A ValueError says in a sentence why they cannot be listed, also where there are none. An
        id that a list chose may turn out not to be there: see ``check_object``.
        """

    def truth(self, index: int) -> Truth:
        """Return the truth without the image."""

    def listed(self, index: int) -> tuple[int, ...] | None:
        """Return the ids that a list chose, None where all are to be evaluated."""

    def image_shape(self, index: int) -> tuple[int, int]:
        """Return (H, W) of the image, from its header where it is a file."""

    def image_file(self, index: int) -> Path | None:
        """Return the file of the image, None where it is in memory."""

    def read(self, index: int) -> Sample:
        """Return image and truth.

        A ValueError says in a sentence what is wrong with a file: unreadable, of another size, no
        ids.
        """


class FileSet(ABC):
    """A set whose images are files: the rest follows from where they and their truths are.

    A new format is a frozen dataclass that inherits from this and has a ``name``.
    """

    name: str

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images."""

    @abstractmethod
    def image_name(self, index: int) -> str:
        """Return a name that is unique in the set."""

    @abstractmethod
    def image_file(self, index: int) -> Path:
        """Return the file of the image."""

    @abstractmethod
    def truth(self, index: int) -> Truth:
        """Return the truth without the image."""

    def label_files(self, index: int) -> tuple[Path, ...]:  # noqa: ARG002
        """Return what the truth of an image is read from; none where it is in memory."""
        return ()

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the ids of all objects of an image, of which there is at least one."""
        ids = self.truth(index).ids
        if not ids:
            raise ValueError(empty_sentence(self.image_name(index)))
        return ids

    def truths(self, index: int) -> Iterator[Truth]:
        """Return the truth by each annotator; most sets have one."""
        yield self.truth(index)

    def leftovers(self) -> tuple[tuple[str, str], ...]:
        """Return the names of files that belong to no image, each with a sentence."""
        return ()

    def notes(self) -> tuple[str, ...]:
        """Return sentences about what of the set's files is left out."""
        return ()

    def stack(self, index: int) -> str | None:  # noqa: ARG002
        """Return what the image is a plane of, None where it is one by itself."""
        return None

    def caveats(self) -> tuple[str, ...]:
        """Return sentences about how the set is read that its user should know."""
        return ()

    def listed(self, index: int) -> tuple[int, ...] | None:  # noqa: ARG002
        """Return None: all objects are to be evaluated."""
        return None

    def image_shape(self, index: int) -> tuple[int, int]:
        """Return (H, W) of the image from its file's header."""
        return picture_shape(self.image_file(index))

    def read(self, index: int) -> Sample:
        """Return image and truth."""
        return sample_of(
            self.image_name(index), read_picture(self.image_file(index)), self.truth(index)
        )


def sample_of(name: str, image: NDArray[Any], truth: Truth) -> Sample:
    """Put image and truth together; all objects are chosen."""
    return Sample(name, image, truth.instances, truth.ids, truth.ignore, truth.masks)


def empty_sentence(name: str) -> str:
    """Return the sentence about an image without objects."""
    return f"the labels of {name!r} hold no object; leave the image out or annotate it"


@dataclass(frozen=True, eq=False)
class LayerSet:
    """Annotated images in memory, for example layers of napari."""

    name: str
    samples: tuple[Sample, ...]

    def __post_init__(self) -> None:
        names = [sample.name for sample in self.samples]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two images are called {twice!r}; give each its own name")

    def __len__(self) -> int:
        return len(self.samples)

    def image_name(self, index: int) -> str:
        """Return the sample's name."""
        return self.samples[index].name

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the sample's objects, of which there is at least one."""
        if not self.samples[index].objects:
            raise ValueError(empty_sentence(self.samples[index].name))
        return self.samples[index].objects

    def truth(self, index: int) -> Truth:
        """Return the sample's truth."""
        sample = self.samples[index]
        return Truth(sample.instances, sample.ignore, sample.masks)

    def listed(self, index: int) -> tuple[int, ...]:
        """Return the sample's objects."""
        return self.samples[index].objects

    def image_file(self, index: int) -> None:
        """Return None: the image is in memory."""

    def image_shape(self, index: int) -> tuple[int, int]:
        """Return (H, W) of the sample."""
        return self.samples[index].shape

    def read(self, index: int) -> Sample:
        """Return the sample."""
        return self.samples[index]


@dataclass(frozen=True)
class Selection:
    """Some images of a set, and all or some objects of each.

    Attributes
    ----------
    base : AnnotatedSet
    indices : tuple of int
        The chosen images' places in ``base``.
    chosen : tuple of (tuple of int or None)
        For each chosen image the ids that are chosen; None: all.
    """

    base: AnnotatedSet
    indices: tuple[int, ...]
    chosen: tuple[tuple[int, ...] | None, ...]

    @classmethod
    def images(cls, base: AnnotatedSet, indices: Sequence[int]) -> Selection:
        """Choose whole images."""
        return cls(base, tuple(indices), (None,) * len(indices))

    @property
    def name(self) -> str:
        """The name of ``base``."""
        return self.base.name

    def __len__(self) -> int:
        return len(self.indices)

    def image_name(self, index: int) -> str:
        """Return the image's name in ``base``."""
        return self.base.image_name(self.indices[index])

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the chosen ids."""
        chosen = self.chosen[index]
        return self.base.objects(self.indices[index]) if chosen is None else chosen

    def truth(self, index: int) -> Truth:
        """Return the whole truth of the image, chosen or not."""
        return self.base.truth(self.indices[index])

    def listed(self, index: int) -> tuple[int, ...] | None:
        """Return the chosen ids, None where all are to be evaluated."""
        chosen = self.chosen[index]
        return self.base.listed(self.indices[index]) if chosen is None else chosen

    def image_file(self, index: int) -> Path | None:
        """Return the file of the image, None where it is in memory."""
        return self.base.image_file(self.indices[index])

    def image_shape(self, index: int) -> tuple[int, int]:
        """Return (H, W) of the image."""
        return self.base.image_shape(self.indices[index])

    def read(self, index: int) -> Sample:
        """Return the image with the chosen ids as its objects."""
        sample = self.base.read(self.indices[index])
        chosen = self.chosen[index]
        return sample if chosen is None else replace(sample, objects=chosen)


def all_truths(annotated: AnnotatedSet, index: int) -> Iterator[Truth]:
    """Return the truth of an image by each of its annotators."""
    return (
        annotated.truths(index)
        if isinstance(annotated, FileSet)
        else iter((annotated.truth(index),))
    )


def caveats_of(sets: Sequence[AnnotatedSet]) -> tuple[str, ...]:
    """Return what one should know about how sets are read."""
    bases = (each.base if isinstance(each, Selection) else each for each in sets)
    said = (said for base in bases if isinstance(base, FileSet) for said in base.caveats())
    return tuple(dict.fromkeys(said))
