"""COCO: polygons and run lengths in one JSON file, an image per plane."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_iafpn.exchange.canvas import Canvas
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.exchange.outlines import Piece, fill, outlines
from napari_iafpn.exchange.run_lengths import column_runs, compressed, drawn
from napari_iafpn.exchange.whole import write_file
from napari_iafpn.images.opening import UnfitError, opening

UNCLASSIFIED = {"name": "object", "supercategory": "unclassified"}


def write_coco(labels: LabelImage, path: Path) -> None:
    """Write polygons for objects in one piece without holes, else run lengths.

    In a single plane the id of an annotation is that of the object; in a stack annotations are
    numbered, and their ``label`` is the id.
    """
    names = sorted(set(labels.classes.values()))
    categories = [{"id": 1, **UNCLASSIFIED}]
    categories += [
        {"id": number, "name": name, "supercategory": ""} for number, name in enumerate(names, 2)
    ]
    numbers = {name: number for number, name in enumerate(names, 2)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    height, width = labels.plane_shape
    for image_id, (index, plane) in enumerate(labels.planes(), 1):
        name = f"{labels.plane_name(index)}.png"
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for label, pieces in outlines(plane).items():
            annotations.append(
                {
                    "id": label if labels.labels.ndim == 2 else len(annotations) + 1,
                    "label": label,
                    "image_id": image_id,
                    "category_id": numbers.get(labels.classes.get(label, ""), 1),
                    **_geometry(pieces, (height, width)),
                }
            )
    content = {
        "info": {"description": labels.name, **labels.metadata.holder(classes=False)},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    payload = json.dumps(content).encode()
    write_file(path, lambda file: file.write(payload))


def _geometry(pieces: tuple[Piece, ...], shape: tuple[int, int]) -> dict[str, Any]:
    slices, mask = fill([ring for piece in pieces for ring in piece.rings], shape)
    (rows, cols), (height, width) = slices, mask.shape
    whole = len(pieces) == 1 and not pieces[0].holes
    return {
        "segmentation": [pieces[0].outer[:, ::-1].ravel().tolist()]
        if whole
        else {"size": list(shape), "counts": compressed(column_runs(slices, mask, shape))},
        "area": int(mask.sum()),
        "bbox": [cols.start, rows.start, width, height],
        "iscrowd": 0,
    }


def read_coco(path: Path, _image: LabelMetadata | None = None) -> LabelImage:
    """Read the annotations of a file; its images are the planes, in their order.

    Files of other programs do not name the axis along which several images lie.
    """
    with opening(path, "annotations of COCO"):
        content = json.loads(path.read_text(encoding="utf-8"))
        images, annotations = content["images"], content["annotations"]
        metadata = _metadata(content, images)
        places = dict(zip((i["id"] for i in images), np.ndindex(metadata.shape[:-2]), strict=True))
        labels = _labels(annotations)
        canvas = Canvas(metadata, max(labels, default=0))
        for label, annotation in zip(labels, annotations, strict=True):
            _draw(canvas, label, places[annotation["image_id"]], annotation["segmentation"])
        classes = _classes(content, dict(zip(labels, annotations, strict=True)))
        return canvas.finished(path, classes)


def _metadata(content: dict[str, Any], images: list[dict[str, Any]]) -> LabelMetadata:
    said = LabelMetadata.found(content.get("info"))
    sizes = {(int(image["height"]), int(image["width"])) for image in images}
    if len(sizes) != 1:
        raise UnfitError(
            f"it has images of {len(sizes)} sizes, and the planes of a stack have one size"
        )
    size = sizes.pop()
    if said.shape[-2:] == size and int(np.prod(said.shape[:-2])) == len(images):
        return said
    return LabelMetadata(size if len(images) == 1 else (len(images), *size))


def _labels(annotations: list[dict[str, Any]]) -> list[int]:
    """Return the id of the object of each annotation."""
    if all(_is_id(annotation.get("label")) for annotation in annotations):
        return [annotation["label"] for annotation in annotations]
    ids = [annotation.get("id") for annotation in annotations]
    if all(_is_id(label) for label in ids) and len(set(ids)) == len(ids):
        return [int(label) for label in ids if label is not None]
    return list(range(1, len(annotations) + 1))


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _draw(canvas: Canvas, label: int, index: tuple[int, ...], segmentation: Any) -> None:
    """Draw polygons, of which each is a part, or run lengths."""
    if isinstance(segmentation, list):
        for polygon in segmentation:
            canvas.outline(label, index, [np.array(polygon, float).reshape(-1, 2)[:, ::-1]])
    else:
        height, width = canvas.labels.shape[-2:]
        canvas.draw(label, index, *drawn(segmentation, (height, width)))


def _classes(content: dict[str, Any], annotations: dict[int, dict[str, Any]]) -> dict[int, str]:
    names = {
        category["id"]: str(category["name"])
        for category in content.get("categories", [])
        if {key: category.get(key) for key in UNCLASSIFIED} != UNCLASSIFIED
    }
    return {
        label: names[annotation["category_id"]]
        for label, annotation in annotations.items()
        if annotation.get("category_id") in names
    }
