"""Whether the values of label files are ids, or masks and classes whose pieces are the objects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.evaluation.readers.labels import LabelFile
from napari_iafpn.exchange.ids import pieces_of

MIN_AREA = 24
"""Objects of fewer pixels are left out."""
PIECE_SHARE = 0.1
"""Another piece may be an object where it has this share of the largest piece's pixels."""
SEVERAL_SHARE = 0.25
"""One value alone in all files is a mask where so many of them have several such pieces."""
MOST_CLASSES, CLASS_PIECES = 10, 2.0
"""At most so many values in all files, of so many pieces each, are classes."""
MOST_FULL = 3
"""At most so many values in all files, and never a 0, are classes of which one is background."""


def pieces_are_objects(files: Iterable[LabelFile], source: Path) -> bool:
    """Judge all label files of a set together; reading ends where they clearly are ids.

    ``source`` is their folder; one called ``masks`` holds masks if one value is all there is.

    Raises
    ------
    ValueError
        Where they are classes of every pixel, so that nobody knows which one is the background.
    """
    values: set[int] = set()
    pieces: list[list[int]] = []
    marked, full = 0, True
    for file in files:
        if file.outlined:
            continue
        found = np.unique(file.ids)
        full = full and bool(found[0] > 0)
        if _is_marked(file.ids.dtype, found):
            marked += 1
            continue
        truth = file.truth(keep_255=False)
        values |= set(truth.ids[: MOST_CLASSES + 1])
        if len(values) > MOST_CLASSES:
            return False
        if truth.ids:
            pieces.append(_pieces_of_each(truth.instances))
    if not pieces:
        return marked > 0
    if full and len(values) <= MOST_FULL:
        raise ValueError(
            f"the labels in {source} hold the values {', '.join(map(str, sorted(values)))} and no "
            "0 for the background, as classes of pixels do (ilastik's Simple Segmentation); give "
            "ids of objects (Object Identities), or masks with 0 for the background"
        )
    if max(map(len, pieces)) == 1:
        if source.name == "masks":
            return True
        return sum(each[0] > 1 for each in pieces) >= SEVERAL_SHARE * len(pieces)
    return float(np.mean([count for each in pieces for count in each])) >= CLASS_PIECES


def _is_marked(dtype: np.dtype[np.integer], found: NDArray[np.integer]) -> bool:
    """Tell whether 0 and the largest value of 8 or 16 bits are all there is: a mask for sure."""
    return dtype.itemsize <= 2 and set(found.tolist()) - {0} == {np.iinfo(dtype).max}


def _pieces_of_each(instances: NDArray[np.integer]) -> list[int]:
    """Return for each id the number of its pieces that count as objects."""
    pieces = pieces_of(instances)
    areas = np.bincount(pieces.ravel())[1:]
    ids = ndimage.maximum(instances, pieces, np.arange(1, len(areas) + 1))
    return [large_pieces(areas[ids == value]) for value in np.unique(ids)]


def large_pieces(areas: NDArray[np.integer]) -> int:
    """Count the pieces that may be objects among ``areas`` of the pieces of one id; at least 1."""
    least = max(PIECE_SHARE * areas.max(initial=0), MIN_AREA)
    return max(1, int(np.count_nonzero(areas >= least)))
