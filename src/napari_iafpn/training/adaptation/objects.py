"""What is learned from: committed objects, each with what is around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.evaluation.readers import FolderSet, LayerSet, Sample
from napari_iafpn.geometry import Box, pick_nearest, view_around
from napari_iafpn.images import Plane
from napari_iafpn.training.adaptation.wording import LEAST_PIXELS

ROOM = 12.0
"""Side of what is kept of the image, in longer sides of the object."""
LONGEST = 768
"""Pixels of that side at most."""
STRIP_PIXELS = 2**22
"""So many ids are read at once."""
TARGET = 1
"""The id of the object that is learned from, in its sample."""


class Mask(Protocol):
    """A committed object, such as a `masks.BoxedMask`."""

    @property
    def box(self) -> Box:
        """Around its pixels."""

    def within(self, box: Box) -> NDArray[np.bool_]:
        """Return the (box.height, box.width) mask of what lies in ``box``."""


def object_sample(
    name: str, plane: Plane, mask: Mask, ids_in: Callable[[Box], NDArray[Any]]
) -> Sample:
    """Return an object and its surroundings as the network sees them, in 8-bit colours.

    Parameters
    ----------
    name : str
        Part of a file name, unique among the objects that are learned from.
    plane : Plane
    mask : Mask
        The object's pixels.
    ids_in : callable
        Returns the ids of all objects in a box of the plane, 0 elsewhere.
    """
    view = view_around(mask.box, ROOM, plane.shape)
    shrink = max(1.0, max(view.shape) / LONGEST)
    size = max(1, round(view.height / shrink)), max(1, round(view.width / shrink))
    pixels = np.rint(plane.read(view, size) * 255.0).astype(np.uint8)
    # Ids may be of any size, as packed colours are; here they only tell objects apart.
    ids = _picked(ids_in, view, size)
    _, places = np.unique(ids, return_inverse=True)
    instances = np.where(ids > 0, places.reshape(size) + TARGET + 1, 0)
    instances = np.where(_shrunk(mask, view, size), TARGET, instances).astype(np.uint16)
    return Sample(name, np.ascontiguousarray(pixels.transpose(1, 2, 0)), instances, (TARGET,))


def teaches(sample: Sample) -> bool:
    """Tell whether enough of the object is left in its sample."""
    return bool(np.count_nonzero(sample.instances == TARGET) >= LEAST_PIXELS)


def _picked(
    ids_in: Callable[[Box], NDArray[Any]], view: Box, size: tuple[int, int]
) -> NDArray[Any]:
    """Return what ``pick_nearest`` makes of the ids in a view, of which only strips are read."""
    rows = ((np.arange(size[0]) + 0.5) * view.height / size[0]).astype(int)
    count = max(1, STRIP_PIXELS * size[0] // (view.height * view.width))  # of the result's rows
    strips = []
    for start in range(0, size[0], count):
        some = rows[start : start + count]
        first = view.row_start + int(some[0])
        strip = Box(first, view.row_start + int(some[-1]) + 1, view.col_start, view.col_stop)
        strips.append(pick_nearest(np.asarray(ids_in(strip))[some - some[0]], (len(some), size[1])))
    return np.concatenate(strips)


def _shrunk(mask: Mask, view: Box, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of a view in ``size`` are the object's: half of them, or more.

    Where that leaves nothing of a thin object, all pixels that it touches.
    """
    rows, cols = np.nonzero(mask.within(mask.box))
    rows = (rows + mask.box.row_start - view.row_start) * size[0] // view.height
    cols = (cols + mask.box.col_start - view.col_start) * size[1] // view.width
    covered = np.bincount(rows * size[1] + cols, minlength=size[0] * size[1]).reshape(size)
    half = covered * (2.0 * size[0] * size[1]) >= view.area
    return half if np.count_nonzero(half) >= LEAST_PIXELS else covered > 0


def write_objects(folder: Path, samples: Sequence[Sample]) -> None:
    """Write samples as ``images/`` and ``labels/``, which fine-tuning reads too.

    Those of which too little is left are left out.
    """
    folder.mkdir(exist_ok=True)
    for part in ("images", "labels"):
        (folder / part).mkdir(exist_ok=True)
    for sample in filter(teaches, samples):
        for part, values in (("images", sample.image), ("labels", sample.instances)):
            picture = Image.fromarray(values)
            picture.save(folder / part / f"{sample.name}.png", compress_level=1)


def open_objects(folder: Path) -> LayerSet:
    """Read what was written, of each sample the object that is learned from.

    Raises
    ------
    ValueError
        Where the folder holds none.
    """
    found = FolderSet.open(folder, "yours", keep_255=True, meaning="ids")
    read = (found.read(index) for index in range(len(found)))
    return LayerSet("yours", tuple(_of_target(sample) for sample in read))


def _of_target(sample: Sample) -> Sample:
    return Sample(sample.name, sample.image, sample.instances, (TARGET,))
