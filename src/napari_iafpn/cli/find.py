"""`napari-iafpn find`: an image and some of its objects in, all objects like them out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.outputs import check_output, write_output
from napari_iafpn.geometry import Box
from napari_iafpn.images.files import open_picture


@dataclass(frozen=True)
class FindRequest:
    """The arguments of the command."""

    image: Path
    exemplars: Path
    output: Path
    quality: float | None
    region: str | None
    overlay: Path | None
    model: str
    device: str
    overwrite: bool


def parse_region(text: str | None) -> Box | None:
    """Read ``R0,C0,R1,C1``: the first pixel inside and the first one outside."""
    if text is None:
        return None
    try:
        top, left, bottom, right = map(int, text.split(","))
        return Box(top, bottom, left, right)
    except ValueError as error:
        raise ValueError(
            f"region {text!r} is not understood; write R0,C0,R1,C1 in whole pixels, from the first "
            "row and column inside to the first ones outside"
        ) from error


def find_in_file(request: FindRequest) -> None:
    """Find what looks like the exemplars; write both."""
    from napari_iafpn.exchange import format_of, place_of, read_labels, write_labels, writer_of

    name = format_of(request.output)
    writer_of(name)
    region = parse_region(request.region)
    finest, *coarser = open_picture(request.image)
    given = read_labels(request.exemplars, finest.shape[:2])
    place = place_of(given, request.output, name)
    _check_outputs(request, place)

    from napari_iafpn.cli.overlay import draw_overlay, outline
    from napari_iafpn.finding import DEFAULT_QUALITY, Exemplars, find_similar
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Predictor

    plane = Plane(finest, coarser=coarser)
    labels = _one_plane(given.labels, request.exemplars)
    exemplars = Exemplars.of_labels(labels, plane.shape)
    start = time.perf_counter()
    found = list(
        find_similar(
            Predictor.load(request.model, device=request.device),
            plane,
            exemplars,
            region=region,
            quality=DEFAULT_QUALITY if request.quality is None else request.quality,
        )
    )
    seconds = time.perf_counter() - start
    largest = int(labels.max())
    whole = labels.astype(_type_for(largest + len(found), labels.dtype))
    outlines = np.zeros(plane.shape, bool)
    for number, proposal in enumerate(found, largest + 1):
        box = proposal.cutout.box
        whole[box.slices][proposal.cutout.mask] = number
        outlines[box.slices] |= outline(proposal.cutout.mask)
    written = write_labels(replace(given, labels=whole.reshape(given.labels.shape)), place, name)
    if request.overlay is not None:
        clicks = [click for proposal in found for click in proposal.clicks]
        write_output(request.overlay, draw_overlay(plane, outlines, clicks))

    console = plain_console()
    console.print(
        f"{name}: {written} ({len(exemplars.cutouts)} exemplars, {len(found)} objects found in "
        f"{seconds:.1f} seconds)"
    )
    if request.overlay is not None:
        console.print(f"overlay: {request.overlay}")
    if found:
        qualities = [proposal.quality for proposal in found]
        console.print(f"quality: {min(qualities):.2f} to {max(qualities):.2f}")
    else:
        console.print("note: nothing else looks like the exemplars")
    for note in given.notes:
        console.print(f"note: {note}")


def _one_plane(labels: NDArray[np.integer], path: Path) -> NDArray[np.integer]:
    """Return (H, W) labels; axes of one place are left out."""
    if max(labels.shape[:-2], default=1) > 1:
        raise ValueError(
            f"{path} holds a stack of {' x '.join(map(str, labels.shape))}; give the labels of one "
            "plane"
        )
    return labels.reshape(labels.shape[-2:])


def _type_for(largest: int, given: np.dtype[np.integer]) -> np.dtype[np.integer]:
    """Return the given type, or one in which the largest id fits."""
    return given if largest <= np.iinfo(given).max else np.min_scalar_type(largest)


def _check_outputs(request: FindRequest, place: Path) -> None:
    for source in (request.image, request.exemplars):
        check_output(place, [place.suffix.lower()], overwrite=request.overwrite, source=source)
        if request.overlay is not None:
            check_output(request.overlay, [".png"], overwrite=request.overwrite, source=source)
    if request.overlay is not None and request.overlay.resolve() == place.resolve():
        raise ValueError(f"labels and overlay are both {place}; give them different names")
