"""Run lengths of COCO: down the columns, background first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.opening import UnfitError


def column_runs(
    slices: tuple[slice, slice], mask: NDArray[np.bool_], shape: tuple[int, int]
) -> list[int]:
    """Return the runs in an (H, W) plane whose object fills ``mask`` at ``slices``."""
    rows, cols = slices
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1]), np.int8)
    padded[1:-1] = mask
    changes = np.diff(padded, axis=0).T  # (width, height + 1)
    col, row = np.nonzero(changes)
    places = (col + cols.start) * shape[0] + row + rows.start
    # A run that ends at the foot of a column goes on at the head of the next one.
    repeated = np.flatnonzero(places[1:] == places[:-1])
    places = np.delete(places, np.concatenate([repeated, repeated + 1]))
    runs: list[int] = np.diff([0, *places.tolist(), shape[0] * shape[1]]).tolist()
    return runs[:-1] if len(runs) % 2 and not runs[-1] else runs


def compressed(runs: list[int]) -> str:
    """Return runs as text, as COCO's own tools write them.

    Each run, from the fourth on less the one before the last, is a signed number in groups of five
    bits, the lowest first; bit 32 of a character says that another group follows.
    """
    characters = []
    for place, run in enumerate(runs):
        rest = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            group, rest = rest & 31, rest >> 5
            more = rest != (-1 if group & 16 else 0)
            characters.append(chr(48 + group + 32 * more))
    return "".join(characters)


def uncompressed(text: str) -> list[int]:
    """Return the runs of a text of `compressed`."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        group = ord(character) - 48
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            value -= (group & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return runs


def drawn(
    segmentation: dict[str, Any], shape: tuple[int, int]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return where in an (H, W) plane a segmentation lies, and its mask there.

    Raises
    ------
    UnfitError
        Where its size is another one or its counts do not fit.
    """
    counts = segmentation["counts"]
    runs = np.array(counts if isinstance(counts, list) else uncompressed(counts), np.int64)
    size = shape[0] * shape[1]
    whole = ((runs >= 0) & (runs <= size)).all() and runs.sum() == size
    if tuple(segmentation["size"]) != shape or not whole:
        raise UnfitError(
            f"run lengths cover {runs.sum()} pixels of {segmentation['size']}, the image has "
            f"{shape}"
        )
    starts, lengths = np.cumsum(runs)[: len(runs) // 2 * 2 : 2], runs[1::2]
    # Numbers of the object's pixels, down the columns.
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    cols, rows = np.divmod(np.repeat(starts, lengths) + within, shape[0])
    if not rows.size:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    top, left = int(rows.min()), int(cols.min())
    bottom, right = int(rows.max()) + 1, int(cols.max()) + 1
    mask = np.zeros((bottom - top, right - left), bool)
    mask[rows - top, cols - left] = True
    return (slice(top, bottom), slice(left, right)), mask
