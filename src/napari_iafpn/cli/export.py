"""`napari-iafpn export`: labels in one format in, in another one out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.outputs import check_labels

if TYPE_CHECKING:
    from napari_iafpn.exchange import LabelImage


@dataclass(frozen=True)
class ExportRequest:
    """The arguments of the command."""

    labels: Path
    output: Path
    image: Path | None
    format_name: str | None
    scale: str | None
    unit: str | None
    overwrite: bool


def parse_scale(text: str) -> tuple[float, ...]:
    """Read ``0.5,0.1,0.1``."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"the scale {text!r} is not understood; write a number for each axis, such as "
            "0.5,0.1,0.1"
        ) from error


def export_labels(request: ExportRequest) -> None:
    """Read labels, give them what the request says, and write them."""
    from napari_iafpn.exchange import format_of, place_of, read_labels, write_labels, writer_of
    from napari_iafpn.exchange.beside import read_image, with_intensities

    name = request.format_name or format_of(request.output)
    writer_of(name)
    scale = None if request.scale is None else parse_scale(request.scale)
    if request.image is None:
        labels = read_labels(request.labels)
    else:
        image, metadata = read_image(request.image)
        labels = read_labels(request.labels, image=metadata)
        labels = with_intensities(labels, image, metadata)
    labels = _completed(labels, scale, request.unit)
    check_labels(
        place_of(labels, request.output, name),
        name,
        overwrite=request.overwrite,
        sources=[request.labels, *([request.image] if request.image else [])],
    )
    place = write_labels(labels, request.output, name)

    count = len(np.setdiff1d(np.unique(labels.labels), [0]))
    console = plain_console()
    console.print(f"{name}: {place} ({count} objects)")
    for note in (*labels.notes, *([] if count else ["the labels hold no object"])):
        console.print(f"note: {note}")


def _completed(labels: LabelImage, scale: tuple[float, ...] | None, unit: str | None) -> LabelImage:
    """Return the labels with scale and unit; time and channels keep their own without one."""
    space = [axis in "ZYX" for axis in labels.axes]
    if scale is not None and len(scale) == sum(space):
        given = iter(scale)
        scale = tuple(
            next(given) if inside else own for inside, own in zip(space, labels.scale, strict=True)
        )
    units = labels.units
    if unit is not None:
        units = tuple(
            unit if inside else own for inside, own in zip(space, labels.units, strict=True)
        )
    return replace(labels, scale=scale or labels.scale, units=units)
