"""Measurements of the objects as a CSV table, for R, pandas and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from napari_iafpn.exchange.atomic import write_file
from napari_iafpn.exchange.axes import short_name
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata


def write_measurements(labels: LabelImage, path: Path) -> None:
    """Write a row per object, in a time series or of several channels a row in each of them.

    Lengths are in the units that the names of the columns end with; boxes are in pixels, half-open.
    The centre of the first pixel is where the translation says.
    """
    columns = [frame for frame in _frames(labels) if frame]
    names = list(columns[0]) if columns else list(_columns_without_objects(labels))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for frame in columns:
        writer.writerows(zip(*(frame[name] for name in names), strict=True))
    payload = stream.getvalue().encode()
    write_file(path, lambda file: file.write(payload))


_COLUMNS = {"T": "frame", "C": "channel"}
"""Along these axes objects are measured apart."""


def _frames(labels: LabelImage) -> Iterator[dict[str, list[Any]]]:
    """Yield the columns of each frame and channel that has objects."""
    apart = [place for place, axis in enumerate(labels.axes) if axis in _COLUMNS]
    for index in np.ndindex(*(labels.labels.shape[place] for place in apart)):
        part: list[int | slice] = [slice(None)] * labels.labels.ndim
        for place, number in zip(apart, index, strict=True):
            part[place] = number
        image = None if labels.image is None else labels.image[tuple(part)]
        columns = _measured(labels, labels.labels[tuple(part)], image)
        if columns:
            first = {"id": columns["id"], "class": columns["class"]}
            where = {
                _COLUMNS[labels.axes[place]]: [number] * len(columns["id"])
                for place, number in zip(apart, index, strict=True)
            }
            yield {**first, **where, **columns}


def _measured(
    labels: LabelImage, ids: NDArray[np.integer], image: NDArray[Any] | None
) -> dict[str, list[Any]]:
    """Return the columns of a frame, none without objects."""
    # Packed, as the table's memory grows with the largest id.
    known, packed = np.unique(ids, return_inverse=True)
    if known[0]:
        known, packed = np.concatenate([[0], known]), packed + 1
    if len(known) == 1:
        return {}
    names = _names(labels)
    space = _space(labels)
    measure: Any = regionprops_table  # not typed in every version
    table = measure(
        packed.reshape(ids.shape),
        image,
        properties=("label", *dict.fromkeys(source.split("-")[0] for source in names)),
        spacing=space.scale,
    )
    for place, start in enumerate(space.translate):
        table[f"centroid-{place}"] = table[f"centroid-{place}"] + start
    objects = known[table["label"]].tolist()
    columns = {"id": objects, "class": [labels.classes.get(label, "") for label in objects]}
    if labels.proposed:
        columns["found"] = [int(label in labels.proposed) for label in objects]
    return columns | {name: table[source].tolist() for source, name in names.items()}


def _space(labels: LabelImage) -> LabelMetadata:
    """Return the axes of a frame and channel."""
    return labels.metadata.along("".join(axis for axis in labels.axes if axis not in _COLUMNS))


def _columns_without_objects(labels: LabelImage) -> Iterator[str]:
    yield from ("id", "class", *(_COLUMNS[axis] for axis in labels.axes if axis in _COLUMNS))
    yield from _names(labels).values()


def _names(labels: LabelImage) -> dict[str, str]:
    """Return the columns of scikit-image's table and what they are called here."""
    space = _space(labels)
    axes, scale = space.letters, space.scale
    units = [short_name(unit) for unit in space.units]
    same = len(set(units)) == 1
    length = units[0] if same else "mixed"
    size = f"{length}{len(axes)}" if same else "_".join(units)
    names = {"area": f"{'area' if len(axes) == 2 else 'volume'}_{size}"}
    for place, (axis, unit) in enumerate(zip(axes.lower(), units, strict=True)):
        names[f"centroid-{place}"] = f"centroid_{axis}_{unit}"
    for place, axis in enumerate(axes.lower()):
        names[f"bbox-{place}"] = f"bbox_{axis}_start_px"
        names[f"bbox-{place + len(axes)}"] = f"bbox_{axis}_stop_px"
    if len(axes) == 2 and same:
        if scale[0] == scale[1]:  # scikit-image has no perimeter for other pixels
            names["perimeter"] = f"perimeter_{length}"
        names["eccentricity"] = "eccentricity"
        names["axis_major_length"] = f"major_axis_{length}"
        names["axis_minor_length"] = f"minor_axis_{length}"
    return names | _names_of_intensities(labels)


def _names_of_intensities(labels: LabelImage) -> dict[str, str]:
    if labels.image is None:
        return {}
    several = labels.image.ndim > labels.labels.ndim
    channels = range(labels.image.shape[-1]) if several else [""]
    return {
        f"intensity_{kind}{'-' if several else ''}{channel}": "_".join(
            ["intensity", kind, *([str(channel)] if several else [])]
        )
        for channel in channels
        for kind in ("mean", "min", "max")
    }
