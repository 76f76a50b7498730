"""Readers of labelled images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""In 8-bit label images, pixels of this value count neither as object nor as background."""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and the objects in it that are evaluated.

    Attributes
    ----------
    name : str
    image : (H, W) or (H, W, 3)
    labels : (H, W) integer
        Instance ids, 0 = background.
    objects : tuple of int
        The ids to evaluate.
    ignore : (H, W) bool or None
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[np.integer]
    objects: tuple[int, ...]
    ignore: NDArray[np.bool_] | None = None

    def truth(self, label: int) -> NDArray[np.bool_]:
        """Return the mask of one object."""
        mask: NDArray[np.bool_] = self.labels == label
        return mask

    def object_name(self, label: int) -> str:
        """Return a name that is unique in the set."""
        return f"{self.name}:{label}"


def read_folder(folder: Path | str) -> Iterator[Sample]:
    """Read ``images/STEM.*`` and ``labels/STEM.png`` of a folder one by one.

    ``objects.json`` beside the folder, ``{folder name: [[STEM, id], ...]}``, chooses the objects;
    without it, or where it does not mention the folder, all of them are taken.
    """
    folder = Path(folder)
    images = {path.stem: path for path in sorted((folder / "images").glob("*.*"))}
    if not images:
        raise ValueError(f"there is no image in {folder / 'images'}; give a folder with images/")
    chosen = _chosen(folder)
    for stem in images if chosen is None else chosen:
        if stem not in images:
            raise ValueError(f"objects.json names image {stem!r}, which {folder} does not have")
        labels = _read(folder / "labels" / f"{stem}.png")
        ignore = labels == IGNORE if labels.dtype == np.uint8 else None
        present = {int(label) for label in np.unique(labels)} - {0}
        if ignore is not None:
            present.discard(IGNORE)
        objects = tuple(sorted(present)) if chosen is None else chosen[stem]
        if not present.issuperset(objects):
            raise ValueError(
                f"the labels of {stem!r} lack id {min(set(objects) - present)}; "
                "correct objects.json"
            )
        yield Sample(stem, _read(images[stem]), labels, objects, ignore)


def _chosen(folder: Path) -> dict[str, tuple[int, ...]] | None:
    """Return the listed ids of each listed image, None where there is no list."""
    path = folder.parent / "objects.json"
    listed = json.loads(path.read_text()).get(folder.name) if path.is_file() else None
    if listed is None:
        return None
    chosen: dict[str, tuple[int, ...]] = {}
    for stem, label in listed:
        chosen[stem] = (*chosen.get(stem, ()), int(label))
    return chosen


def _read(path: Path) -> NDArray[Any]:
    from PIL import Image

    if not path.is_file():
        raise ValueError(f"{path} is missing; each image needs a label image of the same name")
    with Image.open(path) as image:
        return np.asarray(image)
