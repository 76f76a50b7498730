"""OME-Zarr: a label pyramid in chunks, as OME-NGFF 0.4 describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.atomic import write_folder
from napari_iafpn.exchange.axes import DEFAULT_AXES, letter_of, usual_order
from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.ids import ids_of
from napari_iafpn.exchange.label_image import LabelImage, in_type
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.opening import UnfitError, needed, opening
from napari_iafpn.images.zarr_groups import (
    described,
    first_multiscale,
    image_group,
    is_zarr,
    member,
    open_zarr,
    pixels_in,
)

VERSION = "0.4"
_TYPES = {"T": "time", "C": "channel"}
SMALLEST, CHUNK = 256, 1024
"""Levels are added until a plane's sides are at most the first; sides of chunks in pixels."""
_METADATA = {".zgroup", ".zattrs", ".zmetadata", "zarr.json"}


def write_ome_zarr(labels: LabelImage, path: Path) -> None:
    """Write a folder with the levels 0, 1, ...; planes are halved by leaving out pixels."""
    zarr = needed("zarr", "OME-Zarr folders")
    ordered = labels.in_order()
    values = in_type(
        ordered, (np.uint8, np.uint16, np.uint32, np.uint64), "give ids below 2 to the power of 64"
    )

    def fill(folder: Path) -> None:
        group = zarr.open_group(folder, mode="w", zarr_format=2)
        levels = list(_pyramid(values))
        for number, level in enumerate(levels):
            array = group.create_array(
                str(number),
                shape=level.shape,
                dtype=level.dtype,
                chunks=(1,) * (level.ndim - 2) + tuple(min(CHUNK, n) for n in level.shape[-2:]),
                chunk_key_encoding={"name": "v2", "separator": "/"},
            )
            array[...] = level
        group.attrs.update(_metadata(ordered, len(levels)) | labels.metadata.holder(classes=False))

    write_folder(path, fill, replaceable=is_label_zarr)


def _pyramid(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    yield values
    while max(values.shape[-2:]) > SMALLEST:
        values = values[..., ::2, ::2]
        yield values


def _metadata(labels: LabelImage, levels: int) -> dict[str, Any]:
    axes = [
        {"name": axis.lower(), "type": _TYPES.get(axis, "space")}
        | ({} if unit == "pixel" else {"unit": unit})
        for axis, unit in zip(labels.axes, labels.units, strict=True)
    ]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": _transformations(labels, level),
        }
        for level in range(levels)
    ]
    classes = [{"label-value": int(label), "class": name} for label, name in labels.classes.items()]
    return {
        "multiscales": [
            {
                "version": VERSION,
                "name": labels.name,
                "axes": axes,
                "datasets": datasets,
                "type": "nearest",
            }
        ],
        "image-label": {"version": VERSION} | ({"properties": classes} if classes else {}),
    }


def _transformations(labels: LabelImage, level: int) -> list[dict[str, Any]]:
    """Return the scale of a level, and where its first pixel is, which all levels share."""
    scale = [
        size * (2**level if axis in "YX" else 1)
        for axis, size in zip(labels.axes, labels.scale, strict=True)
    ]
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(labels.translate):
        steps.append({"type": "translation", "translation": list(labels.translate)})
    return steps


def is_label_zarr(folder: Path) -> bool:
    """Tell whether a folder holds labels as OME-Zarr, and nothing else."""
    if not is_zarr(folder):
        return False
    with opening(folder, "a zarr of labels"):
        node = open_zarr(folder)
        if "image-label" not in described(node):
            return False
        levels = {str(each["path"]) for each in first_multiscale(node)["datasets"]}
    return {file.name for file in folder.iterdir()} <= _METADATA | levels


def read_ome_zarr(path: Path) -> LabelImage:
    """Read the finest level of OME-Zarr labels, of NGFF 0.4 and 0.5, or a plain zarr array.

    Of an image with labels, the first of its labels is read.
    """
    with opening(path, "a zarr of labels"):
        node = open_zarr(path)
        if hasattr(node, "dtype"):
            return LabelImage(ids_of(pixels_in(node), str(path)), stem(path))
        group, others = _label_group(node)
        labels = _from_group(group, path)
    if not others:
        return labels
    note = f"{path.name} holds more labels, {', '.join(others)}, which were not read"
    return replace(labels, notes=(f"{note}; give the folder of those you want",))


def _label_group(node: Any) -> tuple[Any, list[str]]:
    """Return the group of the first labels, and the names of others."""
    if "image-label" in described(node):
        return node, []
    if "labels" not in described(node):
        node = node if "labels" in node else image_group(node)
        if "labels" not in node:
            if "omero" in described(node):
                raise UnfitError("it is an image without labels")
            return node, []
        node = node["labels"]
    first, *others = described(node).get("labels") or sorted(node.group_keys()) or [""]
    return member(node, first), others


def _from_group(group: Any, path: Path) -> LabelImage:
    about = described(group)
    multiscale = first_multiscale(group)
    pixels = pixels_in(member(group, multiscale["datasets"][0]["path"]))
    values = ids_of(pixels, str(path))
    said = _said(multiscale, values.shape)
    properties = about.get("image-label", {}).get("properties") or []
    classes = {int(p["label-value"]): str(p["class"]) for p in properties if "class" in p}
    name = str(multiscale.get("name") or stem(path))
    kept = LabelMetadata.found(dict(group.attrs))
    if (restored := kept.restored(values)) is not None and _still(said, kept):
        return LabelImage.of(restored, name, replace(kept, classes=classes))
    dropped = tuple(
        place for place, axis in enumerate(said.letters) if axis == "C" and values.shape[place] == 1
    )
    axes = "".join(axis for place, axis in enumerate(said.letters) if place not in dropped)
    metadata = replace(said.along(axes), classes=classes, proposed=kept.proposed)
    return LabelImage.of(values.squeeze(dropped), name, metadata)


def _still(said: LabelMetadata, kept: LabelMetadata) -> bool:
    """Tell whether a group says what was written with the metadata that were kept in it."""
    written = kept.along(usual_order(kept.letters))
    return said == replace(written, axes=usual_order(kept.letters), classes={})


def metadata_of_folder(path: Path) -> LabelMetadata:
    """Return what an image says of its finest level, nothing for a plain array."""
    with opening(path, "a zarr"):
        node = open_zarr(path)
        if hasattr(node, "dtype"):
            return LabelMetadata()
        group = image_group(node)
        if "multiscales" not in described(group):
            return LabelMetadata()
        multiscale = first_multiscale(group)
        return _said(multiscale, member(group, multiscale["datasets"][0]["path"]).shape)


def _said(multiscale: Mapping[str, Any], shape: tuple[int, ...]) -> LabelMetadata:
    """Return axes, scale, units and place of the finest level."""
    ndim = len(shape)
    axes = [
        axis if isinstance(axis, dict) else {"name": str(axis)}
        for axis in multiscale.get("axes") or DEFAULT_AXES[ndim].lower()
    ]
    names = [
        axis["name"] if letter_of(axis["name"]) else str(axis.get("type", "")) for axis in axes
    ]
    steps = [*multiscale["datasets"][0].get("coordinateTransformations", [])]
    steps += multiscale.get("coordinateTransformations", [])
    scale, start = np.ones(ndim), np.zeros(ndim)
    for step in steps:
        size = np.asarray(step.get("scale", 1.0))
        scale, start = scale * size, start * size + np.asarray(step.get("translation", 0.0))
    return LabelMetadata.named(
        shape,
        names,
        scale=scale.tolist(),
        units=[str(axis.get("unit", "pixel")) for axis in axes],
        translate=start.tolist(),
    )
