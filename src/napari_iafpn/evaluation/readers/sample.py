"""One annotated image, of evaluation and of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.geometry import Box

TABLE_SIZE = 2**20
"""Ids below this index tables; larger ones, such as packed colours, are counted by sorting."""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and the objects in it.

    Attributes
    ----------
    name : str
        Unique in its set.
    image : (H, W) or (H, W, 3 or 4)
        In any numeric type, as stored.
    instances : (H, W) integer
        Ids of objects, 0 = background.
    objects : tuple of int
        The ids to evaluate or to train on.
    ignore : (H, W) bool or None
        Pixels that count neither as object nor as background.
    masks : mapping of int to (H, W) bool, or None
        The exact mask of each id where objects overlap; ``instances`` then shows the later one.

    Raises
    ------
    ValueError
        Where image, instances and ignored pixels differ in size.
    """

    name: str
    image: NDArray[Any]
    instances: NDArray[np.integer]
    objects: tuple[int, ...]
    ignore: NDArray[np.bool_] | None = None
    masks: Mapping[int, NDArray[np.bool_]] | None = None

    def __post_init__(self) -> None:
        size = self.image.shape[:2]
        for part in (self.instances, self.ignore):
            if part is not None and part.shape != size:
                raise ValueError(size_sentence(self.name, size, part.shape))

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return int(self.instances.shape[0]), int(self.instances.shape[1])

    def truth(self, label: int) -> NDArray[np.bool_]:
        """Return the (H, W) mask of one object, without a pixel where the id is not there."""
        if self.masks is None:
            mask: NDArray[np.bool_] = self.instances == label
            return mask
        return self.masks[label] if label in self.masks else np.zeros(self.shape, bool)

    def object_name(self, label: int) -> str:
        """Return a name that is unique in the set."""
        return f"{self.name}:{label}"

    @cached_property
    def areas(self) -> dict[int, int]:
        """Pixels of each id."""
        if self.masks is not None:
            return {label: int(np.count_nonzero(mask)) for label, mask in self.masks.items()}
        return areas_of(self.instances)

    @cached_property
    def boxes(self) -> dict[int, Box]:
        """Box of each id that has a pixel."""
        if self.masks is None:
            return boxes_of(self.instances)
        boxes = {label: Box.around(mask) for label, mask in self.masks.items()}
        return {label: box for label, box in boxes.items() if box is not None}

    def ids(self, min_area: int) -> NDArray[np.intp]:
        """Return those of ``objects`` that have at least ``min_area`` pixels, in rising order."""
        large = [label for label in self.objects if self.areas.get(label, 0) >= max(min_area, 1)]
        return np.array(sorted(large), np.intp)


def check_object(sample: Sample, label: int) -> str | None:
    """Return a sentence that says why an object cannot be evaluated, None where it can."""
    truth = sample.truth(label)
    if not truth.any():
        return (
            f"the labels of {sample.name!r} have no pixel of id {label}; "
            "correct the list of objects or the labels"
        )
    if sample.ignore is not None and not (truth & ~sample.ignore).any():
        return (
            f"every pixel of object {sample.object_name(label)!r} is ignored; "
            "leave the object out or correct the labels"
        )
    return None


def size_sentence(name: str, image: tuple[int, ...], labels: tuple[int, ...]) -> str:
    """Return the sentence about an image and labels of different sizes."""
    of_image, of_labels = (" x ".join(map(str, shape)) for shape in (image, labels))
    return (
        f"image {name!r} has {of_image} pixels (rows x columns), its labels {of_labels}; "
        "give labels of the image's size"
    )


def areas_of(instances: NDArray[np.integer]) -> dict[int, int]:
    """Return the pixels of each id above 0 in (H, W) ``instances``."""
    ids, places = _compacted(instances)
    counts = np.bincount(places.ravel(), minlength=len(ids))
    return {
        int(label): int(count) for label, count in zip(ids, counts, strict=True) if label and count
    }


def boxes_of(instances: NDArray[np.integer]) -> dict[int, Box]:
    """Return the box of each id above 0 in (H, W) ``instances``."""
    ids, places = _compacted(instances)
    found = ndimage.find_objects(places + 1 if ids[0] else places)
    labels = ids if ids[0] else ids[1:]
    return {
        int(label): Box(rows.start, rows.stop, cols.start, cols.stop)
        for label, box in zip(labels, found, strict=False)
        if box is not None
        for rows, cols in [box]
    }


def _compacted(instances: NDArray[np.integer]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ids in rising order and, for each pixel, the place of its id among them."""
    largest = int(instances.max(initial=0))
    if largest < TABLE_SIZE:
        return np.arange(largest + 1), instances
    ids, places = np.unique(instances, return_inverse=True)
    return ids, places.reshape(instances.shape)
