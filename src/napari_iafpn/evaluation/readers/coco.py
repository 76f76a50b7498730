"""COCO and LVIS: one JSON file of polygons and run lengths for all images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers.labels import Truth
from napari_iafpn.evaluation.readers.sets import FileSet, empty_sentence
from napari_iafpn.exchange.coco_file import CocoFile, CocoImage, Part, read_coco_file
from napari_iafpn.images.opening import UnfitError, check_size, needed, opening, sizes

Masks = dict[int, NDArray[np.bool_]]


@dataclass(frozen=True)
class CocoSet(FileSet):
    """A JSON file in the format of COCO or LVIS with its images; crowds are left out.

    Ids of objects are the file's ids of annotations; where those are not different and above 0,
    the places of the annotations in the file, counted from 1. Pickled, the set is two paths: each
    process reads the JSON file once.

    Attributes
    ----------
    name : str
    path : Path
        The JSON file.
    images : Path
        The folder of images.
    """

    name: str
    path: Path
    images: Path

    @classmethod
    def open(cls, path: Path, name: str, images: Path | None = None) -> CocoSet:
        """Open a JSON file, or a folder that holds one.

        The images are looked for in ``images`` if that is given, else around the file.

        Raises
        ------
        ValueError
            Where the file is no such JSON, or its first image is nowhere around; says where it was
            looked for.
        """
        path = json_in(path) if path.is_dir() else path
        entries = load_entries(path)
        if not entries:
            raise ValueError(f"{path} lists no images; give the annotations of a set with images")
        if not all(entry.files for entry in entries):
            raise ValueError(f"{path} has an image without a file; each needs file_name")
        if not any(entry.shapes for entry in entries):
            notes = "; ".join(load_file(path).notes) or "it has no annotation"
            raise ValueError(f"{path} holds no mask of an object: {notes}")
        folders = [images] if images else list(_image_folders(path))
        for folder in folders:
            if any((folder / file).is_file() for entry in entries for file in entry.files):
                return cls(name, path, folder)
        looked = ", ".join(str(folder) for folder in folders)
        raise ValueError(
            f"the image {entries[0].files[0]} of {path} was not found; looked in {looked}: put the "
            "images into one of these folders"
        )

    def __len__(self) -> int:
        return len(load_entries(self.path))

    def image_name(self, index: int) -> str:
        """Return the stem of the image's file, or the path where two images share the stem."""
        return _names(self.path)[index]

    def image_file(self, index: int) -> Path:
        """Return the file of the image."""
        paths = [self.images / file for file in load_entries(self.path)[index].files]
        return next((path for path in paths if path.is_file()), paths[0])

    def label_files(self, index: int) -> tuple[Path, ...]:  # noqa: ARG002
        """Return the JSON file."""
        return (self.path,)

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the ids of an image's annotations, of which there is at least one, undrawn."""
        ids = tuple(sorted(load_entries(self.path)[index].shapes))
        if not ids:
            raise ValueError(empty_sentence(self.image_name(index)))
        return ids

    def notes(self) -> tuple[str, ...]:
        """Return what was left out, counted."""
        return load_file(self.path).notes

    def masks(self, index: int) -> Masks:
        """Return the (H, W) mask of each object."""
        return decode(load_entries(self.path)[index], self.path)

    def truth(self, index: int) -> Truth:
        """Return the truth of an image."""
        return truth_of(self.masks(index), load_entries(self.path)[index].size)


def load_entries(path: Path) -> tuple[CocoImage, ...]:
    """Return the images of a JSON file; see ``load_file``."""
    return load_file(path).images


def load_file(path: Path) -> CocoFile:
    """Return what a JSON file says, parsed once per process as long as it stays the same.

    Raises
    ------
    ValueError
        Where it cannot be read or lacks images or annotations.
    """
    with opening(path, "annotations of COCO"):
        return _parse(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _parse(path: Path, _changed: int) -> CocoFile:
    return read_coco_file(path)


def decode(entry: CocoImage, source: Path) -> Masks:
    """Draw the objects of an image.

    Raises
    ------
    ValueError
        Where pycocotools is missing or a segmentation is no polygon and no run length.
    """
    coco = needed("pycocotools.mask", "COCO and LVIS")
    masks: Masks = {}
    with opening(source, "annotations of COCO"):
        check_size((len(entry.shapes), *entry.size), np.uint8)
        for label, parts in entry.shapes.items():
            what = f"annotation {label} of image {entry.files[-1]}"
            for size in (tuple(part["size"]) for part in parts if isinstance(part, dict)):
                if size != entry.size:
                    raise UnfitError(f"{what} has {sizes(size)} pixels, not {sizes(entry.size)}")
            try:
                masks[label] = coco.decode(_encoded(coco, parts, entry.size)).astype(bool)
            except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
                raise UnfitError(f"{what} is neither polygons nor run lengths") from error
    return masks


def _encoded(coco: ModuleType, parts: tuple[Part, ...], size: tuple[int, int]) -> Any:
    """Return the compressed run lengths of all parts together."""
    polygons = [part for part in parts if isinstance(part, list)]
    runs = [part for part in parts if isinstance(part, dict)]
    packed = coco.frPyObjects(polygons, *size) if polygons else []
    packed += [
        coco.frPyObjects(part, *part["size"]) if isinstance(part["counts"], list) else part
        for part in runs
    ]
    return packed[0] if len(packed) == 1 else coco.merge(packed)


def truth_of(masks: Masks, size: tuple[int, int]) -> Truth:
    """Lay masks over each other, the largest at the bottom, so that small objects stay visible."""
    largest = max(masks, default=0)
    instances = np.zeros(size, np.int32 if largest < 2**31 else np.min_scalar_type(largest))
    for label in sorted(masks, key=lambda label: -np.count_nonzero(masks[label])):
        instances[masks[label]] = label
    return Truth(instances, None, masks)


@lru_cache(maxsize=4)
def _unique_names(files: tuple[str, ...]) -> tuple[str, ...]:
    stems = [Path(file).stem for file in files]
    if len(set(stems)) == len(stems):
        return tuple(stems)
    return files


def _names(path: Path) -> tuple[str, ...]:
    return _unique_names(tuple(entry.files[0] for entry in load_entries(path)))


def json_in(folder: Path) -> Path:
    """Return the only JSON file of a folder or of its annotations/."""
    for place in (folder, folder / "annotations"):
        files = sorted(place.glob("*.json"))
        if len(files) == 1:
            return files[0]
        if files:
            raise ValueError(
                f"{place} holds {len(files)} JSON files, {files[0].name} among them; give the path "
                "of the one to read"
            )
    raise ValueError(
        f"there is no JSON file in {folder} or {folder / 'annotations'}; give its path"
    )


def _image_folders(path: Path) -> Iterator[Path]:
    """Yield where the images of a JSON file may lie: beside it or inside its folder."""
    split = path.stem.rsplit("_", 1)[-1]
    for around in (path.parent, path.parent.parent):
        named = sorted(path for path in around.glob(f"{split}*") if path.is_dir())
        usual = (around / inside for inside in ("images", f"images/{split}", "img", "JPEGImages"))
        yield from (*named, *(path for path in usual if path.is_dir()))
        yield around
