"""What a COCO or LVIS file of any program says: images, and the segmentations of their objects."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_iafpn.exchange.canvas import LARGEST_ID
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.opening import UnfitError, opening

Part = list[float] | dict[str, Any]
"""A polygon, x and y in turn, or run lengths with ``size`` and ``counts``; parts are united."""

UNCLASSIFIED = {"name": "object", "supercategory": "unclassified"}
"""The category of objects without a class."""

LEFT_OUT = {
    "box": "have no mask, at most a box",
    "crowd": "are crowds (iscrowd), groups and not single objects",
    "image": "belong to an image that is not in the file",
}


@dataclass(frozen=True)
class CocoImage:
    """What a file says about one image."""

    key: int | str
    """The image's id in the file."""
    files: tuple[str, ...]
    """Where the image may lie under the folder of images, the likeliest first."""
    size: tuple[int, int]
    """(H, W) in pixels."""
    shapes: Mapping[int, tuple[Part, ...]]
    """The segmentation of each object, by ids that are unique in the file."""


@dataclass(frozen=True)
class CocoFile:
    """A file; ``classes`` has the category of each id, where it is named.

    ``notes`` count what was left out; ``metadata`` is there where this package wrote the file.
    """

    images: tuple[CocoImage, ...]
    classes: Mapping[int, str]
    metadata: LabelMetadata
    notes: tuple[str, ...]


def read_coco_file(path: Path) -> CocoFile:
    """Parse a file without drawing anything.

    In files of this package ``label`` is the id of the object; others mean the class by it. Crowds
    are left out, but run lengths that CVAT and Datumaro call so are objects: they add
    ``attributes``, or write nothing else.

    Raises
    ------
    UnreadableError
        Where it is no such file.
    """
    with opening(path, "annotations of COCO"):
        return _parsed(json.loads(path.read_text(encoding="utf-8")), path.name)


def _parsed(content: Any, name: str) -> CocoFile:
    images = _entries(content, "images")
    annotations = _entries(content, "annotations")
    metadata = LabelMetadata.found(content.get("info"))
    keys = {image.get("id") for image in images}
    grouped = any(not annotation.get("iscrowd") for annotation in annotations)
    names = {
        each.get("id"): each.get("name")
        for each in content.get("categories") or ()
        if {key: each.get(key) for key in UNCLASSIFIED} != UNCLASSIFIED
    }
    left_out: Counter[str] = Counter()
    shapes: dict[Any, dict[int, tuple[Part, ...]]] = defaultdict(dict)
    classes = {}
    labels = _labels(annotations, own=bool(metadata.shape))
    for label, annotation in zip(labels, annotations, strict=True):
        parts = _parts(annotation.get("segmentation"))
        crowd = annotation.get("iscrowd") and grouped and "attributes" not in annotation
        image = annotation.get("image_id")
        why = "crowd" if crowd else "image" if image not in keys else "box" if not parts else ""
        if why:
            left_out[why] += 1
            continue
        shapes[image][label] = (*shapes[image].get(label, ()), *parts)
        classes[label] = names.get(annotation.get("category_id"))
    return CocoFile(
        tuple(_image(image, shapes.get(image.get("id"), {})) for image in images),
        {label: str(name) for label, name in classes.items() if name is not None},
        metadata,
        tuple(
            f"{count} of {len(annotations)} annotation(s) of {name} {LEFT_OUT[why]}; they "
            "were left out"
            for why, count in left_out.items()
        ),
    )


def _entries(content: Any, part: str) -> list[dict[str, Any]]:
    found = content.get(part) if isinstance(content, dict) else None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise UnfitError(f"it has no list of {part}; expected JSON with images and annotations")
    return found


def _image(image: dict[str, Any], shapes: Mapping[int, tuple[Part, ...]]) -> CocoImage:
    """Read an image's entry; LVIS gives an address, whose last parts are the folder and file."""
    height, width = (image.get(side) for side in ("height", "width"))
    if not (isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0):
        raise UnfitError(f"it has an image of {height} x {width} pixels; each needs height, width")
    address = str(image.get("file_name") or image.get("coco_url") or "").replace("\\", "/")
    parts = address.split("/")
    files = [address] if "://" not in address else []
    files += ["/".join(parts[-2:]), parts[-1]]
    return CocoImage(
        image.get("id", ""), tuple(filter(None, dict.fromkeys(files))), (height, width), shapes
    )


def _labels(annotations: list[dict[str, Any]], *, own: bool) -> list[int]:
    """Return the id of the object of each annotation."""
    for key in ("label", "id") if own else ("id",):
        ids = [annotation.get(key) for annotation in annotations]
        usable = all(isinstance(label, int) and 0 < label <= LARGEST_ID for label in ids)
        if usable and (key == "label" or len(set(ids)) == len(ids)):
            return [int(label) for label in ids if label is not None]
    return list(range(1, len(annotations) + 1))


def _parts(segmentation: Any) -> tuple[Part, ...]:
    """Return polygons of three or more corners and run lengths; nothing else has an area."""
    if isinstance(segmentation, dict):
        return (segmentation,) if {"counts", "size"} <= segmentation.keys() else ()
    if not isinstance(segmentation, list):
        return ()
    if all(isinstance(number, int | float) for number in segmentation):
        segmentation = [segmentation]
    found: list[Part] = []
    for part in segmentation:
        if isinstance(part, dict):
            found += _parts(part)
        elif _is_polygon(part):
            found.append(part)
    return tuple(found)


def _is_polygon(part: Any) -> bool:
    return (
        isinstance(part, list)
        and len(part) >= 6
        and len(part) % 2 == 0
        and all(isinstance(number, int | float) for number in part)
    )
