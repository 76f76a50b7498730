"""The annotated images that a training starts from: layers of the window, or two folders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers.folder import PLANES
from napari_iafpn.exchange.ids import ids_of

GENERAL_NAMES = {"images", "image", "img", "imgs", "data", "raw"}
"""Folders of these names are called after the folder that they are in."""


@dataclass(frozen=True)
class LayerPair:
    """An image layer and the labels of its objects.

    Attributes
    ----------
    name, labels_name : str
        Names of the layers.
    image : array-like
        (..., H, W), for colours (..., H, W, 3 or 4), at full resolution; never read as a whole.
    labels : array-like
        Ids, of the image's shape without colours.
    axes : (int, int)
        The axes of the planes that were annotated, ascending.
    """

    name: str
    labels_name: str
    image: Any = field(repr=False)
    labels: Any = field(repr=False)
    axes: tuple[int, int]

    def planes(self) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
        """Yield the place in the stack as a suffix, image and labels of each plane that has labels.

        Raises
        ------
        ValueError
            Where the layers do not fit, or the labels hold no ids.
        """
        shape = tuple(int(size) for size in self.labels.shape)
        if tuple(int(size) for size in self.image.shape)[: len(shape)] != shape:
            raise ValueError(
                f"the labels {self.labels_name!r} are not of the size of the image {self.name!r}; "
                "choose labels of its size"
            )
        others = [axis for axis in range(len(shape)) if axis not in self.axes]
        for place in np.ndindex(*(shape[axis] for axis in others)):
            index: list[int | slice] = [slice(None)] * len(shape)
            for axis, position in zip(others, place, strict=True):
                index[axis] = position
            labels = _as_ids(np.asarray(self.labels[tuple(index)]), self.labels_name)
            if labels.any():
                yield (
                    "".join(f"-{position:04d}" for position in place),
                    np.asarray(self.image[tuple(index)]),
                    labels,
                )


@dataclass(frozen=True)
class LayersSource:
    """Layers of the window."""

    pairs: tuple[LayerPair, ...]

    @property
    def name(self) -> str:
        """What to call a model that was trained on them."""
        return self.pairs[0].name if self.pairs else ""

    def prepare(self, folder: Path) -> tuple[Path, Path]:
        """Write the annotated planes as TIFF pairs and return the folders of images and labels.

        The planes of each layer are in a folder of their own, since they are much alike.

        Raises
        ------
        ValueError
            Where there are no labels.
        OSError
        """
        images, labels = folder / "images", folder / "labels"
        used: set[str] = set()
        for pair in self.pairs:
            stack = _unused(file_name(pair.name), used)
            for place, image, ids in pair.planes():
                file = Path(stack + PLANES, f"{stack}{place}.tif")
                _write(images / file, image)
                _write(labels / file, ids)
        if not images.is_dir():
            names = ", ".join(repr(pair.labels_name) for pair in self.pairs) or "chosen"
            raise ValueError(
                f"the labels {names} hold no object; annotate some objects, or choose other labels"
            )
        return images, labels


@dataclass(frozen=True)
class FoldersSource:
    """A folder of images and a folder of labels."""

    images: Path
    labels: Path

    @property
    def name(self) -> str:
        """What to call a model that was trained on them."""
        folder = self.images.absolute()
        general = folder.name.lower() in GENERAL_NAMES and folder.parent.name
        return folder.parent.name if general else folder.name

    def prepare(self, folder: Path) -> tuple[Path, Path]:  # noqa: ARG002
        """Return the two folders; ValueError where one is not there.

        The labels may also be one file for all images.
        """
        for path, what in ((self.images, "images"), (self.labels, "labels")):
            if not (path.is_dir() or (what == "labels" and path.is_file())):
                raise ValueError(f"there is no folder {path}; choose the folder of your {what}")
        return self.images.absolute(), self.labels.absolute()


Source = LayersSource | FoldersSource


def file_name(text: str) -> str:
    """Return ``text`` without what some file systems refuse."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._")[:80] or "image"


def _unused(name: str, used: set[str]) -> str:
    free, number = name, 2
    while free.lower() in used:
        free, number = f"{name}_{number}", number + 1
    used.add(free.lower())
    return free


def _as_ids(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return ids in 16 or 32 bits, in which 255 is an object like any other."""
    ids = ids_of(values, repr(name))
    wide = np.min_scalar_type(max(int(ids.max(initial=0)), 2**8))
    return ids.astype(wide)


def _write(path: Path, values: NDArray[Any]) -> None:
    colour = values.ndim == 3
    path.parent.mkdir(parents=True, exist_ok=True)
    values = values.astype(np.uint8) if values.dtype.kind == "b" else values
    photometric = "rgb" if colour else "minisblack"
    tifffile.imwrite(path, values, photometric=photometric, compression="zlib")
