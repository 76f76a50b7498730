"""The objects that show what is looked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click
from napari_iafpn.prompts.deepest import deepest

LEAST_SPREAD = np.array([0.15, 0.03, 0.03, 0.03, 0.03])
"""Of log area, mean colour and contrast: exemplars of a kind that are more alike tell nothing
more."""


class Kinds:
    """Tells kinds apart by size, colour and contrast.

    Parameters
    ----------
    plane : Plane
        That shows the exemplars.
    exemplars : mapping of int to iterable of BoxedMask
        Of each kind.
    """

    def __init__(self, plane: Plane, exemplars: Mapping[int, Iterable[BoxedMask]]) -> None:
        looks = {
            kind: np.array([_look(plane, c) for c in them]) for kind, them in exemplars.items()
        }
        within = np.concatenate([each - each.mean(0) for each in looks.values()])
        self._looks = looks
        self._spread = np.maximum(np.sqrt((within**2).mean(0)), LEAST_SPREAD)

    def of(self, plane: Plane, boxed: BoxedMask) -> int:
        """Return the kind of an object."""
        own = _look(plane, boxed)
        return min(self._looks, key=lambda kind: self._distance(kind, own))

    def _distance(self, kind: int, look: NDArray[np.float64]) -> float:
        away = (self._looks[kind] - look) / self._spread
        return float(np.square(away).sum(1).min())


def _look(plane: Plane, boxed: BoxedMask) -> NDArray[np.float64]:
    """Return log area, the mean of three colours, and the contrast of an object."""
    pixels = plane.read(boxed.box, boxed.box.shape)[:, boxed.mask]
    return np.array([math.log(boxed.area), *pixels.mean(1), pixels.std()])


LEAST_AREA = 16
"""Pixels of an exemplar; of a smaller one nothing can be learned."""
SOME = 6
"""So many are drawn again."""
MOST_COVERED = 0.9
"""Share of what is searched that exemplars may cover."""


@dataclass(frozen=True)
class Exemplars:
    """One or more objects of a kind.

    Attributes
    ----------
    boxed_masks : tuple of BoxedMask
        In the image frame; they do not overlap.
    shape : (H, W)
        The plane, in pixels.
    left_out : tuple of int
        Numbers or ids of the objects that were too small to be one.

    Raises
    ------
    ValueError
        Where there is none, or one is too small, outside the plane or overlaps another.
    """

    boxed_masks: tuple[BoxedMask, ...]
    shape: tuple[int, int]
    left_out: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, given: Iterable[BoxedMask | NDArray[np.bool_]], shape: tuple[int, int]
    ) -> Exemplars:
        """Take boxed masks, or (H, W) masks of the plane; of each the largest piece.

        Those that are too small are left out, unless all are.
        """
        pieces = {}
        for number, each in enumerate(given, 1):
            if not isinstance(each, BoxedMask):
                _check_shape(number, each, shape)
            boxed = each if isinstance(each, BoxedMask) else BoxedMask.of(each.astype(bool))
            if boxed is None:
                raise ValueError(f"exemplar {number} has no pixel; give an object that was drawn")
            pieces[number] = largest_piece(boxed)
        return cls._of_pieces(pieces, shape, "exemplar")

    @classmethod
    def of_labels(
        cls, labels: NDArray[np.integer], shape: tuple[int, int], ids: Sequence[int] = ()
    ) -> Exemplars:
        """Take the objects of an (H, W) label image, all or those with these ``ids``."""
        if labels.shape != shape:
            raise ValueError(
                f"the labels of the exemplars have {labels.shape[0]} x {labels.shape[-1]} pixels, "
                f"the image {shape[0]} x {shape[1]}; give labels of the image's size"
            )
        pieces = {}
        for label in list(ids) or np.setdiff1d(np.unique(labels), [0]).tolist():
            boxed = BoxedMask.of(labels == label)
            if boxed is None:
                raise ValueError(f"there is no object {label} in the labels; give another id")
            pieces[label] = largest_piece(boxed)
        return cls._of_pieces(pieces, shape, "object")

    @classmethod
    def _of_pieces(
        cls, pieces: Mapping[int, BoxedMask], shape: tuple[int, int], noun: str
    ) -> Exemplars:
        """Take those of some pieces, by number, that are large enough."""
        small = {number: boxed.area for number, boxed in pieces.items() if boxed.area < LEAST_AREA}
        if small and len(small) == len(pieces):
            number, area = next(iter(small.items()))
            raise ValueError(f"{noun} {number} has {too_few(area)}")
        large = tuple(boxed for number, boxed in pieces.items() if number not in small)
        return cls(large, shape, tuple(small))

    def __post_init__(self) -> None:
        if not self.boxed_masks:
            raise ValueError("there is no exemplar to look for; keep at least one object first")
        whole = Box.whole(self.shape)
        for number, boxed in enumerate(self.boxed_masks, 1):
            if not whole.encloses(boxed.box):
                raise ValueError(
                    f"exemplar {number} reaches outside the image of {self.shape[0]} x "
                    f"{self.shape[1]}; give objects of this image"
                )
            if boxed.area < LEAST_AREA:
                raise ValueError(f"exemplar {number} has {too_few(boxed.area)}")
        for (one, first), (other, second) in combinations(enumerate(self.boxed_masks, 1), 2):
            common = first.box.intersection(second.box)
            if common is not None and (first.within(common) & second.within(common)).any():
                raise ValueError(
                    f"exemplars {one} and {other} overlap; give objects that share no pixel"
                )

    @property
    def areas(self) -> NDArray[np.float64]:
        """(K,) pixels of each."""
        return np.array([boxed.area for boxed in self.boxed_masks], float)

    @property
    def radii(self) -> NDArray[np.float64]:
        """(K,) radii of disks of their areas, in pixels."""
        radii: NDArray[np.float64] = np.sqrt(self.areas / math.pi)
        return radii

    @property
    def sides(self) -> NDArray[np.float64]:
        """(K,) longer sides of their boxes, in pixels."""
        return np.array([max(boxed.box.shape) for boxed in self.boxed_masks], float)

    @property
    def radius(self) -> float:
        """The geometric mean of the radii: the size of the kind."""
        return float(np.exp(np.log(self.radii).mean()))

    @property
    def stretch(self) -> float:
        """Longer side of the median exemplar, in its radii."""
        return float(np.median(self.sides / self.radii))

    def some(self) -> Exemplars:
        """Return at most `SOME` of them, spread over their sizes."""
        order = np.argsort(self.areas, kind="stable")
        places = np.linspace(0, len(order) - 1, min(SOME, len(order))).round().astype(int)
        return replace(self, boxed_masks=tuple(self.boxed_masks[each] for each in order[places]))

    def clicks(self) -> list[Click]:
        """Return the deepest pixel of each."""
        return [deepest_click(boxed) for boxed in self.boxed_masks]

    def inside(self, box: Box) -> NDArray[np.int32]:
        """Return (box.height, box.width) numbers of the exemplars, from 1 on, 0 elsewhere."""
        numbers = np.zeros(box.shape, np.int32)
        for number, boxed in enumerate(self.boxed_masks, 1):
            if box.intersection(boxed.box) is not None:
                numbers[boxed.within(box)] = number
        return numbers

    def check_room(self, region: Box) -> None:
        """Raise ValueError where they leave nothing of ``region`` to search."""
        common = (boxed.box.intersection(region) for boxed in self.boxed_masks)
        inside = (
            np.count_nonzero(boxed.within(box))
            for boxed, box in zip(self.boxed_masks, common, strict=True)
            if box is not None
        )
        covered = sum(inside) / region.area
        if covered > MOST_COVERED:
            raise ValueError(
                f"the exemplars cover {covered:.0%} of what is to be searched; give a larger "
                "region, or fewer exemplars"
            )


def too_few(area: int) -> str:
    """Say that an exemplar has so few pixels."""
    return f"{area} pixel(s) in one piece; give objects of at least {LEAST_AREA}"


def largest_piece(boxed: BoxedMask) -> BoxedMask:
    """Return an object without what lies apart, whose box would be that of all between."""
    pieces, count = ndimage.label(boxed.mask, np.ones((3, 3)))
    if count == 1:
        return boxed
    largest = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
    found = BoxedMask.of(largest, (boxed.box.row_start, boxed.box.col_start))
    assert found is not None
    return found


def deepest_click(boxed: BoxedMask) -> Click:
    """Return a positive click on the pixel of a mask that is deepest inside."""
    found = deepest(boxed.mask.view(np.uint8))
    assert found is not None  # it has a pixel
    _, row, col = found
    return Click(row + boxed.box.row_start, col + boxed.box.col_start)


def solidity(mask: NDArray[np.bool_]) -> float:
    """Return the share of a mask's convex hull that it fills; 1 for what has no area."""
    from skimage.measure import regionprops

    with np.errstate(all="ignore"):
        filled = ndimage.binary_fill_holes(mask).astype(np.uint8)
        (region,) = regionprops(filled)  # type: ignore[no-untyped-call]
        return float(region.solidity) if min(mask.shape) > 2 else 1.0


def _check_shape(number: int, mask: NDArray[Any], shape: tuple[int, int]) -> None:
    if mask.shape != shape:
        raise ValueError(
            f"exemplar {number} is a mask of shape {mask.shape}, the image has {shape}; give masks "
            "of the image's size"
        )
