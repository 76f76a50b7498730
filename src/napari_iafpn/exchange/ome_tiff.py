"""OME-TIFF: ids up to 32 bit with physical sizes, as Bio-Formats and QuPath open them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.facts import Facts
from napari_iafpn.exchange.imagej_tiff import all_pixels, read_tiff, spatial_axes, whole_numbers
from napari_iafpn.exchange.label_image import LabelImage, in_type
from napari_iafpn.exchange.opening import opening
from napari_iafpn.exchange.units import SHORT, TIMES, long_name
from napari_iafpn.exchange.whole import write_file

_OME_UNITS = SHORT | {"micrometer": "µm", "microsecond": "µs", "pixel": "pixel"}
_KEYS = {
    "X": "PhysicalSizeX",
    "Y": "PhysicalSizeY",
    "Z": "PhysicalSizeZ",
    "T": "TimeIncrement",
}


def write_ome_tiff(labels: LabelImage, path: Path) -> None:
    """Write an OME-TIFF in uint8, uint16 or uint32, compressed without loss."""
    values = in_type(
        labels,
        (np.uint8, np.uint16, np.uint32),
        "an OME-TIFF holds up to 4294967295; choose npz or ome.zarr, or renumber the objects",
    )
    metadata: dict[str, Any] = {"axes": labels.axes, "Name": labels.name}
    for axis, size, unit in zip(labels.axes, labels.scale, labels.units, strict=True):
        # OME has a unit of time for every interval; frames without one are counted.
        if axis != "T" or unit in TIMES:
            metadata[_KEYS[axis]] = size
            metadata[f"{_KEYS[axis]}Unit"] = _OME_UNITS.get(unit, "reference frame")
    metadata["Description"] = json.dumps(Facts.of(labels).holder())
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


def read_ome_tiff(path: Path) -> LabelImage:
    """Read ids, sizes and classes of the first image of an OME-TIFF."""
    with opening(path, "an OME-TIFF of labels"), tifffile.TiffFile(path) as file:
        series, text = file.series[0], file.ome_metadata
        values, axes = all_pixels(file), series.axes
        image = ElementTree.fromstring(text).find("{*}Image") if text else None
    if image is None:
        note = f"{path.name} holds no OME metadata, so the size of its pixels is unknown"
        return replace(read_tiff(path), notes=(note,))
    facts = Facts.found(image.findtext("{*}Description"))
    fitted = facts.fitted(values)
    axes = facts.axes if fitted.shape == facts.shape else spatial_axes(axes, fitted, path)
    pixels = image.find("{*}Pixels")
    said = {} if pixels is None else pixels.attrib
    default = {"T": "second", "X": "micrometer", "Y": "micrometer", "Z": "micrometer"}
    units = (
        long_name(said.get(f"{_KEYS[axis]}Unit", default[axis])) if _KEYS[axis] in said else "pixel"
        for axis in axes
    )
    return LabelImage(
        whole_numbers(fitted, path),
        stem(path),
        tuple(float(said.get(_KEYS[axis], 1)) for axis in axes),
        tuple("pixel" if unit == "reference frame" else unit for unit in units),
        axes,
        facts.classes,
    )
