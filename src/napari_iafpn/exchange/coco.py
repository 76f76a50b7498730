"""COCO: polygons and run lengths in one JSON file, an image per plane."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_iafpn.exchange.atomic import write_file
from napari_iafpn.exchange.canvas import Canvas
from napari_iafpn.exchange.coco_file import UNCLASSIFIED, CocoFile, Part, read_coco_file
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.exchange.outlines import Piece, fill, outlines
from napari_iafpn.exchange.run_lengths import column_runs, compressed, drawn
from napari_iafpn.images.opening import UnfitError, opening


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
                    **({"attributes": {"found": True}} if label in labels.proposed else {}),
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
    content = read_coco_file(path)
    with opening(path, "annotations of COCO"):
        metadata = _metadata(content)
        planes = zip(np.ndindex(metadata.shape[:-2]), content.images, strict=True)
        objects = [(index, *each) for index, image in planes for each in image.shapes.items()]
        canvas = Canvas(metadata, max((label for _, label, _ in objects), default=0))
        canvas.notes.extend(content.notes)
        for index, label, parts in objects:
            for part in parts:
                _draw(canvas, label, index, part)
        return canvas.finished(path, dict(content.classes))


def _metadata(content: CocoFile) -> LabelMetadata:
    said, images = content.metadata, content.images
    sizes = {image.size for image in images}
    if len(sizes) != 1:
        raise UnfitError(
            f"it has images of {len(sizes)} sizes, and the planes of a stack have one size"
        )
    size = sizes.pop()
    if said.shape[-2:] == size and int(np.prod(said.shape[:-2])) == len(images):
        return said
    return LabelMetadata(size if len(images) == 1 else (len(images), *size))


def _draw(canvas: Canvas, label: int, index: tuple[int, ...], part: Part) -> None:
    if isinstance(part, list):
        canvas.outline(label, index, [np.array(part, float).reshape(-1, 2)[:, ::-1]])
    else:
        height, width = canvas.labels.shape[-2:]
        canvas.draw(label, index, *drawn(part, (height, width)))
