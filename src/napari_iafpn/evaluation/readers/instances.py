"""PASCAL VOC and SBD: one file of instances per image, images listed in a text file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers.labels import Truth, read_labels
from napari_iafpn.evaluation.readers.sample import areas_of, boxes_of
from napari_iafpn.evaluation.readers.sets import FileSet
from napari_iafpn.exchange.ids import ids_of
from napari_iafpn.images.opening import opening


def need_folders(folder: Path, *parts: str) -> None:
    """Check that ``folder`` holds the folders ``parts``.

    Raises
    ------
    ValueError
        That says which are missing and what is there.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; check the path")
    missing = [part for part in parts if not (folder / part).is_dir()]
    if missing:
        wanted = " and ".join(f"{part}/" for part in parts)
        raise ValueError(
            f"{folder} has no {missing[0]}/; expected {wanted} in it, and found {_content(folder)}"
        )


def find_root(folder: Path, parts: Sequence[str], below: Sequence[str]) -> Path:
    """Return ``folder``, or the first of its folders ``below``, that holds all ``parts``.

    Archives unpack into folders of their own; either may be given.
    """
    roots = [folder, *(folder / inner for inner in below)]
    for root in roots:
        if all((root / part).exists() for part in parts):
            return root
    looked = ", ".join(str(root) for root in roots)
    raise ValueError(
        f"expected {', '.join(parts)} in one folder, and found them neither together nor at all "
        f"in {looked}; give the folder that holds them"
        if len(roots) > 1
        else f"expected {', '.join(parts)} in {folder}, and found {_content(folder)}"
    )


def read_list(path: Path) -> list[str]:
    """Read the names in a text file, one a line; empty lines and lines with ``#`` are left out.

    Raises
    ------
    ValueError
        Where there is no such file or no name in it.
    """
    if not path.is_file():
        raise ValueError(f"there is no list {path}; it names the images, one a line")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise ValueError(f"the list {path} is empty; it names the images, one a line")
    return names


def _content(folder: Path) -> str:
    """Say in a few words what a folder holds."""
    if not folder.is_dir():
        return "no such folder"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) or "nothing") + more


SLIP = 0.08
"""Training instances of SBD that fill less of their box are slips of annotation (RITM's rule)."""


@dataclass(frozen=True)
class ListedSet(FileSet):
    """Images of a list, ``images/NAME.jpg`` with ``labels/NAME`` and a suffix.

    Attributes
    ----------
    name : str
    images, labels : Path
        The two folders.
    names : tuple of str
        The list.
    min_fill : float
        Objects that fill less of their box become background.
    """

    name: str
    images: Path
    labels: Path
    names: tuple[str, ...] = field(repr=False)
    min_fill: float = 0.0
    suffix: ClassVar[str] = ""

    def __len__(self) -> int:
        return len(self.names)

    def image_name(self, index: int) -> str:
        """Return the entry of the list."""
        return self.names[index]

    def image_file(self, index: int) -> Path:
        """Return the file of the image."""
        return self.images / f"{self.names[index]}.jpg"

    def label_files(self, index: int) -> tuple[Path, ...]:
        """Return the file of instances."""
        return (self.labels / f"{self.names[index]}{self.suffix}",)


@dataclass(frozen=True)
class VocSet(ListedSet):
    """PASCAL VOC: the palette's indices are the instances, void (255) is ignored."""

    suffix: ClassVar[str] = ".png"

    def truth(self, index: int) -> Truth:
        """Return the truth of an image."""
        (path,) = self.label_files(index)
        return read_labels(path).truth(keep_255=False)


@dataclass(frozen=True)
class SbdSet(ListedSet):
    """SBD: instances in ``GTinst.Segmentation`` of a MATLAB file; 0 is background."""

    suffix: ClassVar[str] = ".mat"

    def truth(self, index: int) -> Truth:
        """Return the truth of an image."""
        (path,) = self.label_files(index)
        instances = read_sbd(path)
        if self.min_fill > 0.0:
            areas = areas_of(instances)
            slips = [
                label
                for label, box in boxes_of(instances).items()
                if areas[label] < self.min_fill * box.area
            ]
            instances = np.where(np.isin(instances, slips), 0, instances).astype(instances.dtype)
        return Truth(instances)


def read_sbd(path: Path) -> NDArray[np.integer]:
    """Read the instances of one MATLAB file of SBD.

    Raises
    ------
    UnreadableError
        Where the file is missing, unreadable or holds no ``GTinst``.
    """
    from scipy.io import loadmat

    with opening(path, "instances of SBD, a MATLAB file with GTinst.Segmentation"):
        return ids_of(loadmat(path)["GTinst"]["Segmentation"][0, 0], str(path))


def open_voc(folder: Path, name: str, split: str = "val") -> VocSet:
    """``JPEGImages/``, ``SegmentationObject/`` and ``ImageSets/Segmentation/val.txt``."""
    parts = ("JPEGImages", "SegmentationObject", f"ImageSets/Segmentation/{split}.txt")
    below = ("VOC2012", "VOCdevkit/VOC2012")
    root = find_root(folder, parts, below)
    return VocSet(name, root / parts[0], root / parts[1], tuple(read_list(root / parts[2])))


def open_sbd(folder: Path, name: str, split: str = "val") -> SbdSet:
    """``img/``, ``inst/`` and ``val.txt``."""
    parts = ("img", "inst", f"{split}.txt")
    root = find_root(folder, parts, ("dataset", "benchmark_RELEASE/dataset"))
    return SbdSet(name, root / parts[0], root / parts[1], tuple(read_list(root / parts[2])))


def open_sbd_train(folder: Path, name: str) -> SbdSet:
    """``img/``, ``inst/`` and ``train.txt``, without the slips of annotation."""
    return replace(open_sbd(folder, name, "train"), min_fill=SLIP)
