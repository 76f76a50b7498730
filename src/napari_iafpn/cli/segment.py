"""`napari-iafpn segment`: an image file and clicks in, a mask file out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.outputs import check_output, write_output
from napari_iafpn.cli.pictures import MASK_WRITERS, encode_mask
from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.images.files import open_picture

if TYPE_CHECKING:
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Prediction, Predictor


@dataclass(frozen=True)
class SegmentRequest:
    """The arguments of the command."""

    image: Path
    clicks: tuple[str, ...]
    output: Path
    overlay: Path | None
    model: str
    device: str
    overwrite: bool


def parse_click(text: str) -> Click:
    """Read ``ROW,COL``, ``ROW,COL,+`` or ``ROW,COL,-``."""
    row, col, sign = [*(part.strip() for part in text.split(",")), "", "", ""][:3]
    try:
        if text.count(",") > 2 or sign not in ("", "+", "-"):
            raise ValueError(text)
        place = float(row), float(col)
    except ValueError as error:
        raise ValueError(
            f"click {text!r} is not understood; write ROW,COL in pixels, or ROW,COL,- for a click "
            "that does not belong to the object"
        ) from error
    return Click(*place, positive=sign != "-")


def segment_file(request: SegmentRequest) -> None:
    """Predict click after click, as a user would, and write the last mask."""
    clicks = ClickSequence.of(parse_click(text) for text in request.clicks)
    _check_outputs(request)
    finest, *coarser = open_picture(request.image)

    from napari_iafpn.cli.overlay import draw_overlay
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Predictor

    plane = Plane(finest, coarser=coarser)
    for click in clicks:
        click.check_inside(plane.shape)
    predictor = Predictor.load(request.model, device=request.device)
    seconds, notes = 0.0, dict[str, None]()
    for prediction in _predictions(predictor, plane, clicks):
        seconds += prediction.seconds
        notes.update(dict.fromkeys(prediction.notes))
    mask = prediction.mask()

    write_output(request.output, encode_mask(mask, request.output.suffix.lower()))
    if request.overlay is not None:
        write_output(request.overlay, draw_overlay(plane, mask, clicks))

    console = plain_console()
    console.print(f"mask: {request.output} ({int(mask.sum())} of {mask.size} pixels)")
    if request.overlay is not None:
        console.print(f"overlay: {request.overlay}")
    count = len(clicks)
    console.print(
        f"{count} click(s), {seconds / count:.3f} seconds per click on {prediction.device}"
    )
    if not mask.any():
        notes["the mask is empty; add a click on the object"] = None
    for note in notes:
        console.print(f"note: {note}")


def _predictions(predictor: Predictor, plane: Plane, clicks: ClickSequence) -> Iterator[Prediction]:
    """Yield the predictions after 1, 2, ... clicks.

    Not with ClickReplay, which keeps them all: on a large image they are large.
    """
    previous = None
    for count in range(1, len(clicks) + 1):
        previous = predictor.predict(plane, clicks.prefix(count), previous)
        yield previous


def _check_outputs(request: SegmentRequest) -> None:
    check_output(request.output, MASK_WRITERS, overwrite=request.overwrite, source=request.image)
    if request.overlay is None:
        return
    if request.overlay.resolve() == request.output.resolve():
        raise ValueError(f"mask and overlay are both {request.output}; give them different names")
    check_output(request.overlay, [".png"], overwrite=request.overwrite, source=request.image)
