"""ImageJ TIFF: ids with spacing and unit, as Fiji and napari open them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.facts import Facts
from napari_iafpn.exchange.label_image import DEFAULT_AXES, LabelImage, in_type
from napari_iafpn.exchange.opening import opening
from napari_iafpn.exchange.units import TIMES, long_name
from napari_iafpn.exchange.whole import write_file

LARGEST_FILE = 2**32 - 2**20


def write_imagej_tiff(labels: LabelImage, path: Path) -> None:
    """Write an ImageJ TIFF in uint8 or uint16, for ids above 65535 in float32."""
    values = in_type(
        labels,
        (np.uint8, np.uint16, np.float32),
        "an ImageJ TIFF holds up to 16777216; choose ome.tif or npz",
    )
    if values.nbytes > LARGEST_FILE:
        raise ValueError(
            f"the labels {labels.name!r} have {values.nbytes} bytes, an ImageJ TIFF holds "
            f"{LARGEST_FILE}; choose ome.tif or ome.zarr"
        )
    size = dict(zip(labels.axes, labels.scale, strict=True))
    write_file(
        path,
        lambda file: tifffile.imwrite(
            file,
            values,
            imagej=True,
            photometric="minisblack",
            resolution=(1 / size["X"], 1 / size["Y"]),
            resolutionunit="NONE",
            metadata={"axes": labels.axes, **_calibration(labels)},
        ),
    )


def _calibration(labels: LabelImage) -> dict[str, Any]:
    size = dict(zip(labels.axes, labels.scale, strict=True))
    unit = dict(zip(labels.axes, labels.units, strict=True))
    known: dict[str, Any] = {"unit": _imagej_unit(unit["X"])}
    known |= {f"{a.lower()}unit": _imagej_unit(unit[a]) for a in "YZ" if a in unit}
    if "Z" in size:
        known["spacing"] = size["Z"]
    if "T" in size:
        known["finterval"] = size["T"]
        known["tunit"] = _imagej_unit(unit["T"])
    known["Info"] = json.dumps(Facts.of(labels).holder())
    return known


def _imagej_unit(unit: str) -> str:
    """Return ImageJ's name of a unit; its header is ASCII."""
    known = {"micrometer": "micron", "nanometer": "nm", "millimeter": "mm"}
    return known.get(unit, unit.encode("ascii", "replace").decode())


def read_tiff(path: Path) -> LabelImage:
    """Read ids from any TIFF; with scale and units where ImageJ wrote them."""
    with opening(path, "a TIFF of labels"), tifffile.TiffFile(path) as file:
        series = file.series[0]
        written = dict(file.imagej_metadata or {})
        resolution = _pixel_sizes(file.pages[0]) if written else (1.0, 1.0)
        values, axes = all_pixels(file), series.axes
    facts = Facts.found(written.get("Info"))
    fitted = facts.fitted(values)
    axes = facts.axes if fitted.shape == facts.shape else spatial_axes(axes, fitted, path)
    size = {"Y": resolution[0], "X": resolution[1], "Z": float(written.get("spacing", 1) or 1)}
    size["T"] = float(written.get("finterval", 1) or 1)
    unit = {axis: long_name(str(written.get("unit", "pixel"))) for axis in "XYZ"}
    unit |= {
        axis: long_name(str(written[f"{axis.lower()}unit"]))
        for axis in "YZT"
        if f"{axis.lower()}unit" in written
    }
    timed = unit.get("T", "second" if "finterval" in written else "pixel")
    unit["T"] = timed if timed in TIMES else "pixel"
    return LabelImage(
        whole_numbers(fitted, path),
        stem(path),
        tuple(size[axis] for axis in axes),
        tuple(unit[axis] for axis in axes),
        axes,
        facts.classes,
    )


def all_pixels(file: tifffile.TiffFile) -> NDArray[Any]:
    """Return the pixels of the first series; ValueError where the file ends before them.

    tifffile gives zeros for what is missing.
    """
    series = file.series[0]
    ends = [
        offset + count
        for page in file.pages
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    if series.dataoffset is not None:
        ends.append(series.dataoffset + series.nbytes)
    if not ends or max(ends) > file.filehandle.size:
        raise ValueError("the file ends before its pixels do")
    values: NDArray[Any] = series.asarray()
    return values


def _pixel_sizes(page: Any) -> tuple[float, float]:
    """Return the sizes of a pixel along Y and X from the tags of an ImageJ TIFF."""
    sizes = []
    for name in ("YResolution", "XResolution"):
        above, below = page.tags[name].value if name in page.tags else (1, 1)
        sizes.append(below / above if above and below else 1.0)
    return sizes[0], sizes[1]


def spatial_axes(axes: str, values: NDArray[Any], path: Path) -> str:
    """Return T, Z, Y and X for the axes that tifffile found; unnamed ones are Z, then T."""
    if "S" in axes or "C" in axes:
        raise ValueError(
            f"{path} holds channels or colours, not ids; save one channel with the id of each "
            "pixel's object"
        )
    return axes if set(axes) <= set("TZYX") else DEFAULT_AXES.get(values.ndim, axes)


def whole_numbers(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return floats that are whole as integers; other types as they are."""
    if values.dtype.kind != "f":
        return values
    whole = np.isfinite(values).all() and (values == np.floor(values)).all()
    if not whole or values.min(initial=0) < 0:
        raise ValueError(
            f"{path} holds numbers that are not whole, so they are no ids; give a label image"
        )
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))
