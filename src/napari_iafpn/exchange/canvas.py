"""Objects that may overlap, drawn into one label image."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.axes import DEFAULT_AXES, rows_last
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.exchange.outlines import fill
from napari_iafpn.images.opening import UnfitError, UnreadableError, check_size

LARGEST_ID = 2**64 - 1

SHOWN = 5
"""Ids that a note names at most."""

_PARTS = {"T": "frame", "C": "channel", "Z": "plane"}


class Canvas:
    """Background on which objects are drawn; the earlier one keeps its pixels.

    Raises
    ------
    UnfitError
        Where no memory or no type of integers holds such labels.
    """

    def __init__(self, metadata: LabelMetadata, largest: int) -> None:
        if largest > LARGEST_ID:
            raise UnfitError(
                f"the ids reach {largest}, labels hold up to {LARGEST_ID}; renumber the objects"
            )
        self.metadata = metadata
        dtype = np.min_scalar_type(largest)
        check_size(metadata.shape, dtype)
        self.labels: NDArray[np.integer] = np.zeros(metadata.shape, dtype)
        self.contested = 0
        self.notes: list[str] = []
        self._objects, self._beyond = dict[int, None](), set[int]()
        self._filled, self._kept = set[int](), set[int]()

    def index(self, position: Mapping[str, int], what: str) -> tuple[int, ...]:
        """Return the plane at a position, counted from 0 along each axis; ``what`` lies there.

        Objects of all channels are drawn into one image where the labels have no channels.

        Raises
        ------
        UnreadableError
            Where there is no such plane.
        """
        sizes = self.metadata.sizes
        for axis, place in position.items():
            if axis not in sizes and axis != "C" and place > 0:
                raise UnreadableError(
                    f"{what} lies in {_PARTS[axis]} {place}, counted from 0, and the image has the "
                    f"axes {self.metadata.letters}; give the image that it was drawn on"
                )
        index = tuple(position.get(axis, 0) for axis in self.metadata.letters[:-2])
        if any(not 0 <= i < n for i, n in zip(index, self.metadata.shape, strict=False)):
            raise UnreadableError(
                f"{what} lies in the plane {index}, counted from 0, of an image of "
                f"{self.labels.shape}; give the image that it was drawn on"
            )
        return index

    def outline(
        self, label: int, index: tuple[int, ...], rings: Sequence[NDArray[np.floating]]
    ) -> None:
        """Draw the pixels inside ``rings``, each (N, 2) corners (row, col); see `fill`.

        Raises
        ------
        UnfitError
            Where a corner is no number.
        """
        corners = np.concatenate([np.zeros((0, 2)), *rings])
        if not np.isfinite(corners).all():
            raise UnfitError(f"object {label} has a corner that is no number")
        height, width = self.labels.shape[-2:]
        # Less than half a pixel beyond the border there is no centre of a pixel.
        if (corners < -0.5).any() or (corners > (height + 0.5, width + 0.5)).any():
            self._beyond.add(label)
        self.draw(label, index, *fill(rings, (height, width)))

    def draw(
        self,
        label: int,
        index: tuple[int, ...],
        slices: tuple[slice, slice],
        mask: NDArray[np.bool_],
    ) -> None:
        """Draw the pixels of ``mask``, which lie at ``slices`` of the plane at ``index``."""
        place = self.labels[index][slices]
        free = mask & (place == 0)
        self.contested += int(np.count_nonzero(mask & (place != 0) & (place != label)))
        place[free] = label
        self._objects[label] = None
        self._filled |= {label} if mask.any() else set()
        self._kept |= {label} if free.any() else set()

    def finished(self, path: Path, classes: dict[int, str]) -> LabelImage:
        """Return the label image of the file ``path``, with notes about what it does not hold."""
        notes = [*self.notes, *self._losses(path.name)]
        metadata = replace(self.metadata, classes=classes)
        return LabelImage.of(self.labels, stem(path), metadata, tuple(notes))

    def _losses(self, name: str) -> Iterator[str]:
        empty = [label for label in self._objects if label not in self._filled]
        outside = [label for label in empty if label in self._beyond]
        thin = [label for label in empty if label not in self._beyond]
        cut = [label for label in self._beyond if label in self._filled]
        hidden = [label for label in self._filled if label not in self._kept]
        if outside:
            yield f"{_counted(outside, name)} outside the image and were left out"
        if thin:
            yield f"{_counted(thin, name)} between the centres of pixels and were left out"
        if cut:
            yield f"{_counted(cut, name)} partly outside the image and were cut off at its border"
        if self.contested:
            yield (
                f"{self.contested} pixel(s) of {name} belong to several objects; each stays "
                "with the first of them in the file"
            )
        if hidden:
            yield f"{_counted(hidden, name)} wholly under others and were left out"


def _counted(labels: Sequence[int], name: str) -> str:
    ids = ", ".join(map(str, sorted(labels)[:SHOWN])) + ", ..." * (len(labels) > SHOWN)
    return f"{len(labels)} object(s) of {name} (ids {ids}) lie"


def canvas_of(
    said: LabelMetadata, image: LabelMetadata | None, path: Path, moving: Collection[str] = ()
) -> LabelMetadata:
    """Return the metadata of a file of outlines; where it has none, those of its image.

    Parameters
    ----------
    said : LabelMetadata
        What the file says of itself.
    image : LabelMetadata or None
        The image that the outlines lie on.
    path : Path
    moving : collection of {"T", "C", "Z"}
        The axes along which the objects of the file are not all in the first plane. They name the
        first of three axes that the image does not name.

    Raises
    ------
    ValueError
        Where neither says the shape.
    """
    if said.shape:
        return said
    if image is None:
        raise UnreadableError(
            f"{path} does not say how large its image is; give the image, or its shape such as "
            "(512, 512)"
        )
    if image.axes:
        return image.along(rows_last("".join(axis for axis in image.axes if axis not in "CS")))
    if len(image.shape) not in DEFAULT_AXES or min(image.shape) < 1:
        raise UnfitError(
            f"the shape {image.shape} is not that of an image; give 2 to 5 sizes above 0"
        )
    timed = len(image.shape) == 3 and "T" in moving and "Z" not in moving
    return replace(image, axes="TYX" if timed else "")


def stem(path: Path) -> str:
    """Return the name of a file without its suffix, of which ``.ome`` is a part."""
    name = path.name
    for suffix in (path.suffix, ".ome"):
        if suffix and name.lower().endswith(suffix.lower()):
            name = name[: -len(suffix)]
    return name or path.name
