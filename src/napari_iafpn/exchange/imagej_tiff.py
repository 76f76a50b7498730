"""ImageJ TIFF: ids with spacing and unit, as Fiji and napari open them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_iafpn.exchange.atomic import write_file
from napari_iafpn.exchange.axes import (
    DEFAULT_AXES,
    IMAGEJ,
    TIMES,
    USUAL,
    channel_notes,
    letters_of,
    long_name,
)
from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.ids import ids_of, ids_of_colours
from napari_iafpn.exchange.label_image import LabelImage, in_type
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.opening import opening
from napari_iafpn.images.tiff import pixels_of, whole_series

LARGEST_FILE = 2**32 - 2**20
LARGEST_SIZE = 2**31
"""Of a pixel, in its unit: TIFF keeps fractions of 32 bits."""

_COUNTS = {"T": "frames", "C": "channels", "Z": "slices"}


def write_imagej_tiff(labels: LabelImage, path: Path) -> None:
    """Write an ImageJ TIFF in uint8 or uint16, for ids above 65535 in float32."""
    ordered = labels.in_order(IMAGEJ)
    values = in_type(
        ordered,
        (np.uint8, np.uint16, np.float32),
        "an ImageJ TIFF holds up to 16777216; choose ome.tif or npz",
    )
    if values.nbytes > LARGEST_FILE:
        raise ValueError(
            f"the labels {labels.name!r} have {values.nbytes} bytes, an ImageJ TIFF holds "
            f"{LARGEST_FILE}; choose ome.tif or ome.zarr"
        )
    size = dict(zip(labels.axes, labels.scale, strict=True))
    if not all(1 / LARGEST_SIZE < size[axis] < LARGEST_SIZE for axis in "XY"):
        raise ValueError(
            f"a pixel of {labels.name!r} measures {size['X']:g} x {size['Y']:g}, which an ImageJ "
            "TIFF cannot tell; choose ome.tif or another unit"
        )
    info = json.dumps(labels.metadata.holder())
    write_file(
        path,
        lambda file: tifffile.imwrite(
            file,
            values,
            imagej=True,
            photometric="minisblack",
            resolution=(1 / size["X"], 1 / size["Y"]),
            resolutionunit="NONE",
            metadata={"axes": ordered.axes, **_calibration(labels.metadata), "Info": info},
        ),
    )


def _calibration(metadata: LabelMetadata) -> dict[str, Any]:
    """Return what ImageJ keeps besides the resolution; its origin is in pixels."""
    size = dict(zip(metadata.letters, metadata.scale, strict=True))
    unit = dict(zip(metadata.letters, metadata.units, strict=True))
    start = dict(zip(metadata.letters, metadata.translate, strict=False))
    known: dict[str, Any] = {"unit": _imagej_unit(unit["X"])}
    known |= {f"{a.lower()}unit": _imagej_unit(unit[a]) for a in "YZ" if a in unit}
    if "Z" in size:
        known["spacing"] = size["Z"]
    if "T" in size:
        known["finterval"] = size["T"]
        known["tunit"] = _imagej_unit(unit["T"])
    return known | {
        f"{axis.lower()}origin": -start[axis] / size[axis] for axis in "XYZ" if start.get(axis)
    }


def _imagej_unit(unit: str) -> str:
    """Return ImageJ's name of a unit; its header is ASCII."""
    known = {"micrometer": "micron", "nanometer": "nm", "millimeter": "mm"}
    return known.get(unit, unit.encode("ascii", "replace").decode())


def read_tiff(path: Path) -> LabelImage:
    """Read ids from any TIFF; with scale, units and origin where ImageJ wrote them."""
    with opening(path, "a TIFF of labels"), tifffile.TiffFile(path) as file:
        values, axes, notes = label_pixels(whole_series(file), path)
        said = imagej_metadata(file, axes or DEFAULT_AXES.get(values.ndim, ""))
        kept = _kept(file)
        return tiff_labels(values, replace(said, axes=axes), kept, path, notes, IMAGEJ)


def imagej_metadata(file: tifffile.TiffFile, axes: str) -> LabelMetadata:
    """Return what an ImageJ TIFF says of its ``axes``; of another TIFF only these."""
    written = dict(file.imagej_metadata or {})
    size = _pixel_sizes(file.pages[0]) if written else {}
    size |= {"Z": pixel_size(written.get("spacing")), "T": pixel_size(written.get("finterval"))}
    unit = {axis: long_name(str(written.get("unit", "pixel"))) for axis in "XYZ"}
    unit |= {
        axis: long_name(str(written[f"{axis.lower()}unit"]))
        for axis in "YZT"
        if f"{axis.lower()}unit" in written
    }
    timed = unit.get("T", "second" if "finterval" in written else "pixel")
    unit["T"] = timed if timed in TIMES else "pixel"
    start = {
        axis: -float(written.get(f"{axis.lower()}origin", 0)) * size.get(axis, 1) for axis in "XYZ"
    }
    return LabelMetadata(
        axes=axes,
        scale=tuple(size.get(axis, 1.0) for axis in axes),
        units=tuple(unit.get(axis, "pixel") for axis in axes),
        translate=tuple(start.get(axis, 0.0) for axis in axes),
    )


def pixel_size(said: Any) -> float:
    """Return a size that a file gives, without the sign of a stack that goes down; 1 for none."""
    size = abs(float(said or 1))
    return size if 0 < size < math.inf else 1.0


def _kept(file: tifffile.TiffFile) -> LabelMetadata:
    """Return the metadata that `write_imagej_tiff` put into a file; only classes if it was changed.

    Changed are calibration and dimensions by what other programs saved since.
    """
    written = dict(file.imagej_metadata or {})
    kept = LabelMetadata.found(written.get("Info"))
    if not kept.shape:
        return kept
    size = dict(zip(kept.letters, kept.scale, strict=True))
    found = {axis: written.get(key, 1) for axis, key in _COUNTS.items()}
    found |= _pixel_sizes(file.pages[0]) | written
    expected = {axis: kept.sizes.get(axis, 1) for axis in _COUNTS}
    expected |= {axis: size[axis] for axis in "XY"} | _calibration(kept)
    return (
        kept
        if unchanged(expected, found)
        else LabelMetadata(classes=kept.classes, proposed=kept.proposed)
    )


def unchanged(expected: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether a file still says what was written; numbers were rounded."""

    def same(value: Any, other: Any) -> bool:
        if isinstance(value, str):
            return value == str(other)
        return other is not None and math.isclose(value, float(other), rel_tol=1e-5)

    return all(same(value, found.get(key)) for key, value in expected.items())


def tiff_labels(
    values: NDArray[Any],
    said: LabelMetadata,
    kept: LabelMetadata,
    path: Path,
    notes: tuple[str, ...] = (),
    order: str = USUAL,
) -> LabelImage:
    """Return labels with the metadata that were ``kept`` when they were written, else as ``said``.

    They were written in ``order``. The classes are those of ``kept`` in any case.
    """
    ids = ids_of(values, str(path))
    restored = kept.restored(ids, order)
    if restored is not None:
        return LabelImage.of(restored, stem(path), kept)
    return LabelImage.of(
        ids, stem(path), replace(said, classes=kept.classes, proposed=kept.proposed), notes
    )


def _pixel_sizes(page: Any) -> dict[str, float]:
    """Return the sizes of a pixel along X and Y from the tags of an ImageJ TIFF."""
    sizes = {}
    for axis in "XY":
        tag = page.tags.get(f"{axis}Resolution")
        above, below = (1, 1) if tag is None else tag.value
        sizes[axis] = below / above if above and below else 1.0
    return sizes


def label_pixels(
    series: tifffile.TiffPageSeries, path: Path
) -> tuple[NDArray[Any], str, tuple[str, ...]]:
    """Return the pixels of an image, the letters of its axes, and notes.

    Colours become ids. Empty letters: the axes have no names.

    Raises
    ------
    NotIdsError
        Where the colours are those of a picture.
    """
    values, axes = pixels_of(series), series.axes
    if "S" in axes:
        values = ids_of_colours(np.moveaxis(values, axes.index("S"), -1), str(path))
        axes = axes.replace("S", "")
    letters = letters_of(axes)
    return values, letters, channel_notes(letters, values.shape, path.name)
