"""COCO and LVIS on the same images, for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_iafpn.evaluation.readers.coco import (
    CocoSet,
    Masks,
    load_entries,
    truth_of,
)
from napari_iafpn.evaluation.readers.labels import Truth
from napari_iafpn.evaluation.readers.sets import FileSet
from napari_iafpn.masks import iou

SAME_OBJECT = 0.5
"""A COCO object whose IoU with an LVIS object is above this is the same object."""

COCO_IDS = 10**10
"""Added to COCO's ids, so that they differ from LVIS's, which are smaller."""


@dataclass(frozen=True)
class CombinedSet(FileSet):
    """The images of two JSON files, with the objects of both.

    LVIS comes first, since its masks are the more exact ones; an object of COCO is added where its
    IoU with every LVIS object of the image is at most ``SAME_OBJECT``. Images that only one of the
    files lists have its objects alone.

    Attributes
    ----------
    name : str
    lvis, coco : CocoSet
    places : tuple of (int or None, int or None)
        The place of each image in either set.
    """

    name: str
    lvis: CocoSet
    coco: CocoSet
    places: tuple[tuple[int | None, int | None], ...]

    @classmethod
    def of(cls, name: str, lvis: CocoSet, coco: CocoSet) -> CombinedSet:
        """Match images by the ids that both files share, LVIS being drawn from COCO."""
        in_lvis, in_coco = (
            {entry.key: place for place, entry in enumerate(load_entries(found.path))}
            for found in (lvis, coco)
        )
        keys = sorted(in_lvis.keys() | in_coco.keys())
        return cls(name, lvis, coco, tuple((in_lvis.get(key), in_coco.get(key)) for key in keys))

    @classmethod
    def open(cls, folder: Path, name: str) -> CombinedSet:
        """Open the ``instances_*.json`` and ``lvis_*.json`` of a folder or its annotations/.

        Raises
        ------
        ValueError
            Where there is not exactly one of each.
        """
        found = []
        for pattern in ("lvis_*.json", "instances_*.json"):
            files = sorted([*folder.glob(pattern), *folder.glob(f"annotations/{pattern}")])
            if len(files) != 1:
                raise ValueError(
                    f"expected one {pattern} in {folder} or {folder / 'annotations'}, and found "
                    f"{len(files)}; keep there the two files to combine"
                )
            found.append(CocoSet.open(files[0], name))
        return cls.of(name, *found)

    def __len__(self) -> int:
        return len(self.places)

    def _home(self, index: int) -> tuple[CocoSet, int]:
        """Return a set that has the image, and its place there."""
        in_lvis, in_coco = self.places[index]
        if in_lvis is not None:
            return self.lvis, in_lvis
        if in_coco is None:
            raise IndexError(index)
        return self.coco, in_coco

    def image_name(self, index: int) -> str:
        """Return the name that the image has in LVIS, or else in COCO."""
        home, place = self._home(index)
        return home.image_name(place)

    def image_file(self, index: int) -> Path:
        """Return the file of the image."""
        home, place = self._home(index)
        return home.image_file(place)

    def label_files(self, index: int) -> tuple[Path, ...]:  # noqa: ARG002
        """Return both JSON files."""
        return self.lvis.path, self.coco.path

    def truth(self, index: int) -> Truth:
        """Return the truth of an image by both files."""
        in_lvis, in_coco = self.places[index]
        masks = {} if in_lvis is None else self.lvis.masks(in_lvis)
        others = {} if in_coco is None else self.coco.masks(in_coco)
        home, place = self._home(index)
        return truth_of(with_new(masks, others), load_entries(home.path)[place].size)


def with_new(masks: Masks, others: Masks) -> Masks:
    """Return ``masks`` and those of ``others`` that are not among them, with ``COCO_IDS`` added."""
    new = {
        COCO_IDS + label: mask
        for label, mask in others.items()
        if not any(iou(mask, known) > SAME_OBJECT for known in masks.values())
    }
    return masks | new
