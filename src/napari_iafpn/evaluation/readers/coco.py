"""COCO and LVIS: one JSON file of polygons and run lengths for all images."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers.labels import Truth
from napari_iafpn.evaluation.readers.sets import FileSet, empty_sentence

Masks = dict[int, NDArray[np.bool_]]


@dataclass(frozen=True)
class ImageEntry:
    """What a JSON file says about one image; ``shapes`` maps ids to its segmentations."""

    key: int
    """The image's id in the file."""
    files: tuple[str, ...]
    """Where the image may lie under the folder of images, the likeliest first."""
    size: tuple[int, int]
    """(H, W) in pixels."""
    shapes: Mapping[int, Any]


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
    def open(cls, path: Path, name: str) -> CocoSet:
        """Open a JSON file, or a folder that holds one; the images are looked for around it.

        Raises
        ------
        ValueError
            Where the file is no such JSON, or its first image is nowhere around; says where it was
            looked for.
        """
        path = _json_in(path) if path.is_dir() else path
        entries = load_entries(path)
        if not entries:
            raise ValueError(f"{path} lists no images; give the annotations of a set with images")
        folders = list(_image_folders(path))
        for folder in folders:
            if any((folder / file).is_file() for file in entries[0].files):
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

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the ids of an image's annotations, of which there is at least one, undrawn."""
        ids = tuple(sorted(load_entries(self.path)[index].shapes))
        if not ids:
            raise ValueError(empty_sentence(self.image_name(index)))
        return ids

    def masks(self, index: int) -> Masks:
        """Return the (H, W) mask of each object."""
        return decode(load_entries(self.path)[index], self.path)

    def truth(self, index: int) -> Truth:
        """Return the truth of an image."""
        return truth_of(self.masks(index), load_entries(self.path)[index].size)


def load_entries(path: Path) -> tuple[ImageEntry, ...]:
    """Return the images of a JSON file, parsed once per process as long as it stays the same.

    Raises
    ------
    ValueError
        Where it cannot be read or lacks images or annotations.
    """
    if not path.is_file():
        raise ValueError(f"there are no annotations at {path}; give a JSON file of COCO or LVIS")
    return _parse(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=4)
def _parse(path: Path, _changed: int) -> tuple[ImageEntry, ...]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images, annotations = content["images"], content["annotations"]
        labels = _labels([annotation.get("id") for annotation in annotations])
        shapes: dict[int, dict[int, Any]] = defaultdict(dict)
        for label, annotation in zip(labels, annotations, strict=True):
            if not annotation.get("iscrowd") and annotation.get("segmentation"):
                shapes[annotation["image_id"]][label] = annotation["segmentation"]
        return tuple(_entry(image, shapes.get(image["id"], {})) for image in images)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read as annotations of COCO or LVIS ({error!r}); expected JSON with "
            "images and annotations"
        ) from error


def _labels(ids: list[Any]) -> list[int]:
    usable = all(isinstance(label, int) and label > 0 for label in ids)
    return ids if usable and len(set(ids)) == len(ids) else list(range(1, len(ids) + 1))


def _entry(image: Mapping[str, Any], shapes: Mapping[int, Any]) -> ImageEntry:
    """Read an image's entry; LVIS gives an address, whose last parts are the folder and file."""
    address = image.get("file_name") or image["coco_url"]
    parts = address.replace("\\", "/").split("/")
    files = [address, "/".join(parts[-2:]), parts[-1]] if "://" not in address else []
    files = files or ["/".join(parts[-2:]), parts[-1]]
    size = int(image["height"]), int(image["width"])
    return ImageEntry(image["id"], tuple(dict.fromkeys(files)), size, shapes)


def decode(entry: ImageEntry, source: Path) -> Masks:
    """Draw the objects of an image.

    Raises
    ------
    ValueError
        Where pycocotools is missing or a segmentation is no polygon and no run length.
    """
    try:
        from pycocotools import mask as coco
    except ModuleNotFoundError as error:
        raise ValueError(
            "COCO and LVIS need pycocotools, which is not installed; "
            "run: pip install 'napari-iafpn[formats]'"
        ) from error
    masks: Masks = {}
    for label, shape in entry.shapes.items():
        try:
            masks[label] = coco.decode(_encoded(shape, entry.size)).astype(bool)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(
                f"annotation {label} of image {entry.files[-1]} in {source} is neither polygons "
                f"nor run lengths ({error}); correct it or leave it out"
            ) from error
        if masks[label].shape != entry.size:
            raise ValueError(
                f"annotation {label} of image {entry.files[-1]} in {source} has "
                f"{masks[label].shape} pixels, the image {entry.size}; correct it or leave it out"
            )
    return masks


def _encoded(shape: Any, size: tuple[int, int]) -> Any:
    """Return the compressed run lengths of polygons, or of counts as plain numbers."""
    from pycocotools import mask as coco

    if isinstance(shape, list):
        polygons = [polygon for polygon in shape if len(polygon) >= 6]
        return coco.merge(coco.frPyObjects(polygons, *size)) if polygons else _nothing(size)
    return coco.frPyObjects(shape, *size) if isinstance(shape["counts"], list) else shape


def _nothing(size: tuple[int, int]) -> Any:
    """Return the run lengths of an empty mask, for polygons of fewer than three corners."""
    from pycocotools import mask as coco

    return coco.encode(np.zeros(size, np.uint8, order="F"))


def truth_of(masks: Masks, size: tuple[int, int]) -> Truth:
    """Lay masks over each other, the largest at the bottom, so that small objects stay visible."""
    instances = np.zeros(size, np.int32 if max(masks, default=0) < 2**31 else np.int64)
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


def _json_in(folder: Path) -> Path:
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
