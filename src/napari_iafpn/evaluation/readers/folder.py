"""A folder of images and a folder of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from napari_iafpn.evaluation.readers.labels import (
    IGNORE,
    LabelFile,
    Truth,
    pieces_are_objects,
    read_labels,
)
from napari_iafpn.evaluation.readers.pairs import Pair, image_files, pair_files, unpaired_labels
from napari_iafpn.evaluation.readers.sample import Sample
from napari_iafpn.evaluation.readers.sets import FileSet, MissingLabelsError, sample_of
from napari_iafpn.images.files import picture_shape, read_picture

LOOKED_AT = 100
"""About so many label files decide on what the values mean."""
MEANINGS = ("ids", "pieces", "whole")
LAYOUTS = (
    ("images", "labels"),
    ("images", "masks"),
    ("JPEGImages", "SegmentationObject"),
    ("images", "SegmentationObject"),
)
"""Names of the two folders in one folder; where there are none, that one holds both."""


PLANES = ".planes"
"""So ends the name of a folder whose images are the planes of a stack."""
SPLIT = (
    "The labels are masks or classes: each piece of connected pixels is taken as an object. Where "
    "objects touch, or have several pieces, give labels with one id for each."
)


@dataclass(frozen=True)
class FolderSet(FileSet):
    """Images with label files of the same names, in any format of ``exchange``.

    Attributes
    ----------
    name : str
    images, labels : Path
        The two folders, which may be the same one.
    pairs : tuple of Pair
    keep_255 : bool
        255 is an id in 8-bit labels too; else its pixels are ignored.
    meaning : {"ids", "pieces", "whole"}
        The values of labels are ids; or each piece of connected pixels of one value is its own
        object; or what is not 0 is one object.
    several : bool
        There may be several label files for an image, by different annotators.
    """

    name: str
    images: Path
    labels: Path
    pairs: tuple[Pair, ...]
    keep_255: bool = False
    meaning: str = "ids"
    several: bool = False

    def __post_init__(self) -> None:
        if self.meaning not in MEANINGS:
            raise ValueError(f"the meaning is {self.meaning!r}; use one of {', '.join(MEANINGS)}")

    @classmethod
    def open(
        cls,
        folder: Path,
        name: str | None = None,
        *,
        keep_255: bool = False,
        meaning: str | None = None,
        annotators: bool = False,
    ) -> FolderSet:
        """Open a folder with two of ``LAYOUTS`` in it, or one with images and labels side by side.

        See ``of`` for the arguments.
        """
        there = (pair for pair in LAYOUTS if all((folder / part).is_dir() for part in pair))
        images, labels = next(there, ("", ""))
        if not images and not (folder.is_dir() and image_files(folder)):
            images, labels = LAYOUTS[0]
        return cls.of(
            folder / images,
            folder / labels,
            name or folder.resolve().name,
            keep_255=keep_255,
            meaning=meaning,
            annotators=annotators,
        )

    @classmethod
    def of(
        cls,
        images: Path,
        labels: Path,
        name: str,
        *,
        keep_255: bool = False,
        meaning: str | None = None,
        annotators: bool = False,
    ) -> FolderSet:
        """Pair two folders, which may be the same one; see ``pair_files`` for the names.

        Parameters
        ----------
        images, labels : Path
        name : str
        keep_255 : bool
        meaning : str, optional
            One of ``MEANINGS``; without it, the labels decide, all together.
        annotators : bool
            There may be several label files for an image, STEM_a0, STEM_a1 ...; they hold ids.

        Raises
        ------
        ValueError
            Where there is no image, or none has labels.
        """
        for folder, content in ((images, "images"), (labels, "labels")):
            if not folder.is_dir():
                raise ValueError(f"there is no folder {folder}, where {content} were looked for")
        pairs = pair_files(images, labels, annotators=annotators)
        if not pairs:
            raise ValueError(
                f"there is no image in {images}; expected NAME.png, .tif, .jpg, .webp, .bmp, .npy "
                "or .zarr"
            )
        if not any(pair.labels for pair in pairs):
            raise ValueError(
                f"no pairs of images and labels: none of the {len(pairs)} images in {images} has "
                f"labels in {labels}; labels are called as their image, for example "
                f"{pairs[0].name}.png or {pairs[0].name}_mask.png"
            )
        found = cls(name, images, labels, pairs, keep_255, meaning or "ids", annotators)
        if meaning is None and not annotators and pieces_are_objects(found._readable(), labels):
            return replace(found, meaning="pieces")
        return found

    def _readable(self) -> Iterator[LabelFile]:
        """Yield the label files that can be read; of a large set, an even draw."""
        there = self.labelled()
        for index in range(0, len(there), max(1, len(there) // LOOKED_AT)):
            try:
                yield there.label_file(index)
            except (ValueError, OSError):
                continue  # the survey tells why

    def only(self, indices: Iterable[int]) -> FolderSet:
        """Return the set with some of its images."""
        return replace(self, pairs=tuple(self.pairs[index] for index in indices))

    def labelled(self) -> FolderSet:
        """Return the set without the images that have no labels."""
        return self.only(index for index, pair in enumerate(self.pairs) if pair.labels)

    def __len__(self) -> int:
        return len(self.pairs)

    def image_name(self, index: int) -> str:
        """Return the stem of the file, or its whole name where two files share the stem."""
        return self.pairs[index].name

    def image_file(self, index: int) -> Path:
        """Return the file of the image."""
        return self.images / self.pairs[index].image

    def label_path(self, index: int, annotator: int = 0) -> Path:
        """Return a label file of an image.

        Raises
        ------
        MissingLabelsError
            Where the image has none.
        ValueError
            Where it has several and they are not those of annotators.
        """
        pair = self.pairs[index]
        if not pair.labels:
            raise MissingLabelsError(
                f"{self.labels / pair.name}.* is missing; each image needs a label image of the "
                "same name"
            )
        if len(pair.labels) > 1 and not self.several:
            raise ValueError(
                f"image {pair.name!r} has {len(pair.labels)} label files in {self.labels}, "
                f"{' and '.join(pair.labels[:2])}; keep one"
            )
        return self.labels / pair.labels[annotator]

    def stack(self, index: int) -> str | None:
        """Return the folder of the planes of a stack."""
        parent = self.image_file(index).parent.name
        return parent if parent.endswith(PLANES) else None

    def caveats(self) -> tuple[str, ...]:
        """Say where the values of the labels are no ids."""
        return (SPLIT,) if self.meaning == "pieces" else ()

    def label_files(self, index: int) -> tuple[Path, ...]:
        """Return the label files of an image."""
        return tuple(self.labels / name for name in self.pairs[index].labels)

    def annotators(self, index: int) -> int:
        """Return the number of label files of an image."""
        return len(self.pairs[index].labels)

    def truth(self, index: int, annotator: int = 0) -> Truth:
        """Return the truth of an image, by one of its annotators."""
        file = self.label_file(index, annotator)
        if self.meaning == "ids":
            return file.truth(keep_255=self.keep_255)
        return file.pieces(keep_255=self.keep_255) if self.meaning == "pieces" else file.whole()

    def label_file(self, index: int, annotator: int = 0) -> LabelFile:
        """Return the values of a label file of an image."""
        image = self.image_file(index)
        return read_labels(self.label_path(index, annotator), lambda: picture_shape(image))

    def truths(self, index: int) -> Iterator[Truth]:
        """Return the truth by each annotator."""
        return (self.truth(index, each) for each in range(max(1, self.annotators(index))))

    def leftovers(self) -> tuple[tuple[str, str], ...]:
        """Return the label files that no image claims."""
        names = unpaired_labels(self.pairs, self.labels, self.images)
        return tuple(
            (name, f"{self.labels / name} has no image of that name in {self.images}")
            for name in names
        )

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the ids of all objects of an image, of which there is at least one."""
        truth = self.truth(index)
        if not truth.ids and truth.ignore is not None:
            raise ValueError(
                f"the labels of {self.image_name(index)!r} hold no id but {IGNORE}, which is "
                "ignored in 8-bit labels; put binary masks into masks/, or keep 255 as an id"
            )
        return super().objects(index)

    def read(self, index: int, annotator: int = 0) -> Sample:
        """Return image and truth, by one of its annotators."""
        truth = self.truth(index, annotator)
        return sample_of(self.image_name(index), read_picture(self.image_file(index)), truth)
