"""OME-TIFF: ids up to 32 bit with physical sizes, as Bio-Formats and QuPath open them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_iafpn.exchange.atomic import write_file
from napari_iafpn.exchange.axes import DEFAULT_AXES, SHORT, TIMES, long_name
from napari_iafpn.exchange.imagej_tiff import (
    label_pixels,
    pixel_size,
    read_tiff,
    tiff_labels,
    unchanged,
)
from napari_iafpn.exchange.label_image import LabelImage, in_type
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.opening import opening
from napari_iafpn.images.tiff import whole_series

_OME_UNITS = SHORT | {"micrometer": "µm", "microsecond": "µs", "pixel": "pixel"}
_KEYS = {
    "X": "PhysicalSizeX",
    "Y": "PhysicalSizeY",
    "Z": "PhysicalSizeZ",
    "T": "TimeIncrement",
}


def write_ome_tiff(labels: LabelImage, path: Path) -> None:
    """Write an OME-TIFF in uint8, uint16 or uint32, compressed without loss."""
    ordered = labels.in_order()
    values = in_type(
        ordered,
        (np.uint8, np.uint16, np.uint32),
        "an OME-TIFF holds up to 4294967295; choose npz or ome.zarr, or renumber the objects",
    )
    # XML holds no control characters, nor the bytes of a file name that are no UTF-8.
    name = "".join(each if each.isprintable() else "\ufffd" for each in labels.name)
    metadata = {"axes": ordered.axes, "Name": name, **_physical(labels.metadata)}
    metadata["Description"] = json.dumps(labels.metadata.holder())
    write_file(
        path,
        lambda file: tifffile.imwrite(
            file,
            values,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            bigtiff=values.nbytes > 2**31,
            metadata=metadata,
        ),
    )


def _physical(metadata: LabelMetadata) -> dict[str, Any]:
    """Return the sizes and units that OME has names for."""
    said: dict[str, Any] = {}
    for axis, size, unit in zip(metadata.letters, metadata.scale, metadata.units, strict=True):
        # OME has a unit of time for every interval; frames without one are counted.
        if axis in _KEYS and (axis != "T" or unit in TIMES):
            said[_KEYS[axis]] = size
            said[f"{_KEYS[axis]}Unit"] = _OME_UNITS.get(unit, "reference frame")
    return said


def read_ome_tiff(path: Path) -> LabelImage:
    """Read ids, sizes and classes of the first image of an OME-TIFF."""
    with opening(path, "an OME-TIFF of labels"), tifffile.TiffFile(path) as file:
        image = _first_image(file)
        if image is not None:
            values, axes, notes = label_pixels(whole_series(file), path)
            said = ome_metadata(file, axes or DEFAULT_AXES.get(values.ndim, ""))
            return tiff_labels(values, replace(said, axes=axes), _kept(image), path, notes)
    note = f"{path.name} holds no OME metadata, so the size of its pixels is unknown"
    return replace(read_tiff(path), notes=(note,))


def ome_metadata(file: tifffile.TiffFile, axes: str) -> LabelMetadata:
    """Return what an OME-TIFF says of the ``axes`` of its first image."""
    said = _pixels(_first_image(file))
    default = {"T": "second", "X": "micrometer", "Y": "micrometer", "Z": "micrometer"}
    keys = {axis: key for axis, key in _KEYS.items() if key in said}
    units = {axis: long_name(said.get(f"{key}Unit", default[axis])) for axis, key in keys.items()}
    return LabelMetadata(
        axes=axes,
        scale=tuple(pixel_size(said.get(keys.get(axis, ""))) for axis in axes),
        units=tuple(
            "pixel" if (unit := units.get(axis, "pixel")) == "reference frame" else unit
            for axis in axes
        ),
    )


def _first_image(file: tifffile.TiffFile) -> Any:
    text = file.ome_metadata
    return ElementTree.fromstring(text).find("{*}Image") if text else None


def _pixels(image: Any) -> Mapping[str, str]:
    pixels = None if image is None else image.find("{*}Pixels")
    return {} if pixels is None else pixels.attrib


def _kept(image: Any) -> LabelMetadata:
    """Return the metadata that `write_ome_tiff` put into a file; only classes if it was changed."""
    kept = LabelMetadata.found(image.findtext("{*}Description"))
    if not kept.shape:
        return kept
    expected = _physical(kept) | {f"Size{axis}": kept.sizes.get(axis, 1) for axis in "TCZYX"}
    return (
        kept
        if unchanged(expected, _pixels(image))
        else LabelMetadata(classes=kept.classes, proposed=kept.proposed)
    )
