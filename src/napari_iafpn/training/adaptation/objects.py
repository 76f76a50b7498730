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

ROOM = 12.0
"""Side of what is kept of the image, in longer sides of the object."""
LONGEST = 768
"""Pixels of that side at most."""
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
    ids = pick_nearest(np.asarray(ids_in(view)), size)
    _, places = np.unique(ids, return_inverse=True)
    instances = np.where(ids > 0, places.reshape(size) + TARGET + 1, 0)
    instances = np.where(pick_nearest(mask.within(view), size), TARGET, instances).astype(np.uint16)
    return Sample(name, np.ascontiguousarray(pixels.transpose(1, 2, 0)), instances, (TARGET,))


def write_objects(folder: Path, samples: Sequence[Sample]) -> None:
    """Write samples as ``images/`` and ``labels/``, which fine-tuning reads too."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for sample in samples:
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
