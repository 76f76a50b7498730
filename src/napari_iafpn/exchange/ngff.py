"""OME-Zarr: a label pyramid in chunks, as OME-NGFF 0.4 describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.label_image import DEFAULT_AXES, LabelImage, in_type
from napari_iafpn.exchange.opening import needed, opening
from napari_iafpn.exchange.whole import write_folder

VERSION = "0.4"
SMALLEST, CHUNK = 256, 1024
"""Levels are added until a plane's sides are at most the first; sides of chunks in pixels."""


def write_ome_zarr(labels: LabelImage, path: Path) -> None:
    """Write a folder with the levels 0, 1, ...; planes are halved by leaving out pixels."""
    zarr = needed("zarr", "OME-Zarr folders")
    values = in_type(
        labels, (np.uint8, np.uint16, np.uint32, np.uint64), "give ids below 2 to the power of 64"
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
        group.attrs.update(_metadata(labels, len(levels)))

    write_folder(path, fill, replaceable=is_zarr)


def _pyramid(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    yield values
    while max(values.shape[-2:]) > SMALLEST:
        values = values[..., ::2, ::2]
        yield values


def _metadata(labels: LabelImage, levels: int) -> dict[str, Any]:
    axes = [
        {"name": axis.lower(), "type": "time" if axis == "T" else "space"}
        | ({} if unit == "pixel" else {"unit": unit})
        for axis, unit in zip(labels.axes, labels.units, strict=True)
    ]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [{"type": "scale", "scale": _scale(labels, level)}],
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


def _scale(labels: LabelImage, level: int) -> list[float]:
    return [
        size * (2**level if axis in "YX" else 1)
        for axis, size in zip(labels.axes, labels.scale, strict=True)
    ]


def is_zarr(folder: Path) -> bool:
    """Tell whether a folder is a zarr group or array."""
    return any((folder / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def read_ome_zarr(path: Path) -> LabelImage:
    """Read the finest level of OME-Zarr labels, of NGFF 0.4 and 0.5, or a plain zarr array.

    Of an image with labels, the first of its labels is read.
    """
    zarr = needed("zarr", "OME-Zarr folders")
    with opening(path, "a zarr of labels"):
        node = zarr.open(path, mode="r")
        if hasattr(node, "dtype"):
            return LabelImage(np.asarray(node[...]), stem(path))
        described = _described(node)
        if "image-label" not in described and "labels" in node:
            names = _described(node["labels"]).get("labels") or list(node["labels"].group_keys())
            node = node["labels"][names[0]]
            described = _described(node)
        return _from_group(node, described, path)


def _described(group: Any) -> Mapping[str, Any]:
    """Return the metadata, which NGFF 0.5 puts under a key of its own."""
    attributes = dict(group.attrs)
    described: Mapping[str, Any] = attributes.get("ome", attributes)
    return described


def _from_group(group: Any, described: Mapping[str, Any], path: Path) -> LabelImage:
    multiscale = described["multiscales"][0]
    finest = multiscale["datasets"][0]
    values = np.asarray(group[finest["path"]][...])
    axes = [
        axis if isinstance(axis, dict) else {"name": axis}
        for axis in multiscale.get("axes") or DEFAULT_AXES[values.ndim].lower()
    ]
    steps = [*finest.get("coordinateTransformations", [])]
    steps += multiscale.get("coordinateTransformations", [])
    scale = np.ones(values.ndim)
    for step in steps:
        scale = scale * np.asarray(step.get("scale", 1.0))
    kept = [place for place, axis in enumerate(axes) if axis["name"].upper() in "TZYX"]
    dropped = tuple(place for place in range(values.ndim) if place not in kept)
    properties = described.get("image-label", {}).get("properties") or []
    return LabelImage(
        values.squeeze(dropped),
        str(multiscale.get("name") or stem(path)),
        tuple(float(scale[place]) for place in kept),
        tuple(str(axes[place].get("unit", "pixel")) for place in kept),
        "".join(axes[place]["name"].upper() for place in kept),
        {int(p["label-value"]): str(p["class"]) for p in properties if "class" in p},
    )
