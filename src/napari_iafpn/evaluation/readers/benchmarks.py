"""Benchmarks of one mask per image: GrabCut, Berkeley, DAVIS and COCO MVal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers.instances import need_folders, read_list
from napari_iafpn.evaluation.readers.labels import Truth
from napari_iafpn.evaluation.readers.pairs import image_files
from napari_iafpn.evaluation.readers.sets import FileSet
from napari_iafpn.images.files import read_picture

DAVIS_LIST = "davis345.txt"
"""A file beside ``img/`` that lists the frames to evaluate, one name a line."""


def trimap(values: NDArray[Any]) -> Truth:
    """Read 128 as ignored and what is above as the object, in the blue channel (as published)."""
    grey = values[..., 2] if values.ndim == 3 else values
    ignore: NDArray[np.bool_] = grey == 128
    inside: NDArray[np.bool_] = grey > 128
    return Truth(inside.astype(np.uint8), ignore if ignore.any() else None)


def any_object(values: NDArray[Any]) -> Truth:
    """Read whatever is not 0 in some channel as the object."""
    colours = values[..., :3] if values.ndim == 3 else values[..., None]
    inside: NDArray[np.bool_] = np.any(colours > 0, axis=-1)
    return Truth(inside.astype(np.uint8))


RULES: dict[str, Callable[[NDArray[Any]], Truth]] = {
    "trimap": trimap,
    "any": any_object,
}


@dataclass(frozen=True)
class MaskSet(FileSet):
    """Images with one mask each, which is object 1.

    Attributes
    ----------
    name : str
    images, masks : Path
        The two folders.
    pairs : tuple of (str, str)
        File names of image and mask.
    rule : str
        One of ``RULES``: what the values of a mask mean.
    """

    name: str
    images: Path
    masks: Path
    pairs: tuple[tuple[str, str], ...]
    rule: str

    @classmethod
    def open(cls, folder: Path, name: str, *, images: str, masks: str, rule: str) -> MaskSet:
        """Pair the files of two folders by what comes before the first dot of their names.

        Raises
        ------
        ValueError
            Where a folder is missing or empty, or an image has no mask.
        """
        need_folders(folder, images, masks)
        files = {path.name.split(".")[0]: path.name for path in image_files(folder / masks)}
        found = [path.name for path in image_files(folder / images)]
        if not found:
            raise ValueError(f"there is no image in {folder / images}")
        lacking = next((image for image in found if image.split(".")[0] not in files), None)
        if lacking is not None:
            raise ValueError(
                f"image {lacking} in {folder / images} has no mask; expected "
                f"{lacking.split('.')[0]}.png (or .bmp, .jpg) in {folder / masks}"
            )
        pairs = tuple((image, files[image.split(".")[0]]) for image in found)
        return cls(name, folder / images, folder / masks, pairs, rule)

    def __len__(self) -> int:
        return len(self.pairs)

    def image_name(self, index: int) -> str:
        """Return what comes before the first dot of the file's name."""
        return self.pairs[index][0].split(".")[0]

    def image_file(self, index: int) -> Path:
        """Return the file of the image."""
        return self.images / self.pairs[index][0]

    def label_files(self, index: int) -> tuple[Path, ...]:
        """Return the file of the mask."""
        return (self.masks / self.pairs[index][1],)

    def truth(self, index: int) -> Truth:
        """Return the truth of an image."""
        (path,) = self.label_files(index)
        values = read_picture(path)
        return RULES[self.rule](values * np.uint8(255) if values.dtype == bool else values)

    def only(self, names: Sequence[str], source: Path) -> MaskSet:
        """Keep the images that a list in ``source`` names, with or without suffix."""
        pairs = {pair[0].split(".")[0]: pair for pair in self.pairs}
        stems = [entry.split(".")[0] for entry in names]
        missing = next((stem for stem in stems if stem not in pairs), None)
        if missing is not None:
            raise ValueError(
                f"{source} lists frame {missing!r}, which {self.images} does not have; "
                "correct the list or add the frame"
            )
        chosen = tuple(pairs[stem] for stem in dict.fromkeys(stems))
        return MaskSet(self.name, self.images, self.masks, chosen, self.rule)


def open_grabcut(folder: Path, name: str) -> MaskSet:
    """``data_GT/`` and ``boundary_GT/``, as Microsoft published them."""
    return MaskSet.open(folder, name, images="data_GT", masks="boundary_GT", rule="trimap")


def open_berkeley(folder: Path, name: str) -> MaskSet:
    """``images/`` and ``masks/``."""
    return MaskSet.open(folder, name, images="images", masks="masks", rule="trimap")


def open_davis(folder: Path, name: str) -> MaskSet:
    """``img/`` and ``gt/``, only the frames of ``DAVIS_LIST`` where it lies beside them."""
    found = open_coco_mval(folder, name)
    path = folder / DAVIS_LIST
    return found.only(read_list(path), path) if path.is_file() else found


def open_coco_mval(folder: Path, name: str) -> MaskSet:
    """``img/`` and ``gt/``."""
    return MaskSet.open(folder, name, images="img", masks="gt", rule="any")
