"""`napari-iafpn find`: an image and some of its objects in, all objects like them out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.outputs import check_labels, check_output, write_output
from napari_iafpn.geometry import Box
from napari_iafpn.images.files import open_picture
from napari_iafpn.images.zarr_groups import is_zarr

if TYPE_CHECKING:
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Predictor


@dataclass(frozen=True)
class FindRequest:
    """The arguments of the command; ``image`` and ``output`` may both be folders."""

    image: Path
    exemplars: Path
    output: Path
    shown_in: Path | None
    quality: float | None
    region: str | None
    overlay: Path | None
    model: str
    device: str
    overwrite: bool


def parse_region(text: str | None, name: str = "region") -> Box | None:
    """Read ``R0,C0,R1,C1``: the first pixel inside and the first one outside."""
    if text is None:
        return None
    try:
        top, left, bottom, right = map(int, text.split(","))
        return Box(top, bottom, left, right)
    except ValueError as error:
        raise ValueError(
            f"{name} {text!r} is not understood; write R0,C0,R1,C1 in whole pixels, from the first "
            "row and column inside to the first ones outside"
        ) from error


def find_in_files(request: FindRequest) -> None:
    """Find what looks like the exemplars, in an image or in each one of a folder."""
    from napari_iafpn.inference import Predictor

    if not request.image.is_dir() or is_zarr(request.image):
        _check_outputs(request)
        _find(request, Predictor.load(request.model, device=request.device))
        return
    for what, given in (("--overlay", request.overlay), ("--region", request.region)):
        if given is not None:
            raise ValueError(f"{what} is for one image; leave it out for a folder")
    if request.shown_in is None:
        raise ValueError(
            f"{request.image} is a folder; say with --shown-in on which image the exemplars lie"
        )
    predictor, console = Predictor.load(request.model, device=request.device), plain_console()
    requests, failed = _requests(request), 0
    for one in requests:
        if one.output.exists() and not request.overwrite:
            console.print(f"note: {one.output} is there already; left as it is")
            continue
        try:
            _check_outputs(one)
            _find(one, predictor)
        except ValueError as error:
            failed += 1
            console.print(f"note: {one.image} was not searched: {error}")
    if failed:
        raise ValueError(
            f"{failed} of {len(requests)} images were not searched; the notes above say why"
        )


def _requests(request: FindRequest) -> list[FindRequest]:
    """Return a request for each image of the folder; that of the exemplars keeps them."""
    from napari_iafpn.evaluation.readers.pairs import pair_files

    pairs = pair_files(request.image, request.image)
    if not pairs:
        raise ValueError(f"there is no image in {request.image}; give the folder that holds them")
    request.output.mkdir(parents=True, exist_ok=True)
    return [
        replace(
            request,
            image=image,
            output=request.output / f"{pair.name.replace('/', '-')}_labels.tif",
            shown_in=None
            if request.shown_in and image.samefile(request.shown_in)
            else request.shown_in,
        )
        for pair in pairs
        for image in [request.image / pair.image]
    ]


def _find(request: FindRequest, predictor: Predictor) -> None:
    """Find what looks like the exemplars in one image; write both, or what was found."""
    from napari_iafpn.cli.pictures import draw_overlay, outline
    from napari_iafpn.exchange import (
        LabelImage,
        LabelMetadata,
        format_of,
        place_of,
        read_labels,
        write_labels,
    )
    from napari_iafpn.finding import DEFAULT_QUALITY, Exemplars, find_similar

    plane = _plane(request.image)
    other = None if request.shown_in is None else _plane(request.shown_in)
    given = read_labels(request.exemplars, (other or plane).shape)
    labels = _one_plane(given.labels, request.exemplars)
    exemplars = Exemplars.of_labels(labels, (other or plane).shape)
    start = time.perf_counter()
    found = list(
        find_similar(
            predictor,
            plane,
            exemplars,
            region=parse_region(request.region),
            quality=DEFAULT_QUALITY if request.quality is None else request.quality,
            shown_in=other,
        )
    )
    seconds = time.perf_counter() - start
    if other is not None:
        labels = np.zeros(plane.shape, labels.dtype)
        given = LabelImage.of(labels, request.image.stem, LabelMetadata())
    largest = int(labels.max())
    whole = labels.astype(_type_for(largest + len(found), labels.dtype))
    outlines = np.zeros(plane.shape, bool)
    for number, proposal in enumerate(found, largest + 1):
        box = proposal.boxed.box
        whole[box.slices][proposal.boxed.mask] = number
        outlines[box.slices] |= outline(proposal.boxed.mask)
    name = format_of(request.output)
    place = place_of(given, request.output, name)
    written = write_labels(replace(given, labels=whole.reshape(given.labels.shape)), place, name)
    if request.overlay is not None:
        clicks = [click for proposal in found for click in proposal.clicks]
        write_output(request.overlay, draw_overlay(plane, outlines, clicks))

    console = plain_console()
    console.print(
        f"{name}: {written} ({len(exemplars.boxed_masks)} exemplars, {len(found)} objects found in "
        f"{seconds:.1f} seconds)"
    )
    if request.overlay is not None:
        console.print(f"overlay: {request.overlay}")
    if found:
        qualities = [proposal.quality for proposal in found]
        console.print(f"quality: {min(qualities):.2f} to {max(qualities):.2f}")
    else:
        console.print("note: nothing else looks like the exemplars")
    if exemplars.left_out:
        ids = ", ".join(map(str, exemplars.left_out))
        console.print(f"note: too small to show what to look for: {ids}")
    for note in given.notes:
        console.print(f"note: {note}")


def _plane(path: Path) -> Plane:
    from napari_iafpn.images import Plane

    finest, *coarser = open_picture(path)
    return Plane(finest, coarser=coarser)


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


def _check_outputs(request: FindRequest) -> None:
    """Raise ValueError, before the work, unless the results can be written."""
    from napari_iafpn.exchange import format_of, place_of, read_labels, writer_of

    name = format_of(request.output)
    writer_of(name)
    parse_region(request.region)
    shown_in = _plane(request.shown_in or request.image)
    place = place_of(read_labels(request.exemplars, shown_in.shape), request.output, name)
    overwrite = request.overwrite
    sources = [path for path in (request.image, request.exemplars, request.shown_in) if path]
    check_labels(place, name, overwrite=overwrite, sources=sources)
    if request.overlay is not None:
        check_output(request.overlay, [".png"], overwrite=overwrite, sources=sources)
    if request.overlay is not None and request.overlay.resolve() == place.resolve():
        raise ValueError(f"labels and overlay are both {place}; give them different names")
