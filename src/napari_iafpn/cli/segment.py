"""`napari-iafpn segment`: an image file and prompts in, a mask file out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.find import parse_region
from napari_iafpn.cli.outputs import check_output, write_output
from napari_iafpn.cli.pictures import MASK_WRITERS, encode_mask
from napari_iafpn.geometry import Box
from napari_iafpn.images.files import open_picture
from napari_iafpn.prompts import BoxPrompt, Click, Prompts, Stroke

SMALL = 0.05
"""Of the image's longer side: a smaller object is seen coarsely, unless one zooms in."""


@dataclass(frozen=True)
class SegmentRequest:
    """The arguments of the command."""

    image: Path
    view: str | None
    box: str | None
    strokes: tuple[str, ...]
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


def parse_box(text: str) -> BoxPrompt:
    """Read ``R0,C0,R1,C1``: the first pixel inside and the first one outside."""
    try:
        top, left, bottom, right = map(int, text.split(","))
        return BoxPrompt(Box(top, bottom, left, right))
    except ValueError as error:
        raise ValueError(
            f"box {text!r} is not understood; write R0,C0,R1,C1 in whole pixels, from the first "
            "row and column inside to the first ones outside"
        ) from error


def parse_stroke(text: str) -> Stroke:
    """Read ``R,C;R,C;...``, and ``,-`` at its end for one beside the object."""
    points, positive = text.strip(), True
    if points.endswith((",-", ",+")):
        points, positive = points[:-2], points.endswith(",+")
    try:
        pairs = [tuple(map(float, point.split(","))) for point in points.split(";")]
        return Stroke(tuple((row, col) for row, col in pairs), positive)
    except ValueError as error:
        raise ValueError(
            f"stroke {text!r} is not understood; write R,C;R,C;... in pixels, and ,- after the "
            "last point of one that does not belong to the object"
        ) from error


def segment_file(request: SegmentRequest) -> None:
    """Predict prompt after prompt, as a user would, and write the last mask."""
    prompts = Prompts.of(
        [
            *([] if request.box is None else [parse_box(request.box)]),
            *map(parse_stroke, request.strokes),
            *map(parse_click, request.clicks),
        ]
    )
    if not prompts:
        raise ValueError("nothing says where the object is; give --click, --box or --stroke")
    _check_outputs(request)
    finest, *coarser = open_picture(request.image)

    from napari_iafpn.cli.pictures import draw_overlay
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import ClickReplay, Predictor

    plane = Plane(finest, coarser=coarser)
    for prompt in prompts:
        prompt.check_inside(plane.shape)
    view = parse_region(request.view, "view")
    replay = ClickReplay(Predictor.load(request.model, device=request.device), plane, view=view)
    seconds, notes = 0.0, dict[str, None]()
    for count in range(1, len(prompts) + 1):
        prediction = replay.predict(prompts.prefix(count))
        seconds += prediction.seconds
        notes.update(dict.fromkeys(prediction.notes))
    mask = prediction.mask()

    write_output(request.output, encode_mask(mask, request.output.suffix.lower()))
    if request.overlay is not None:
        write_output(request.overlay, draw_overlay(plane, mask, prompts))

    console = plain_console()
    console.print(f"mask: {request.output} ({int(mask.sum())} of {mask.size} pixels)")
    if request.overlay is not None:
        console.print(f"overlay: {request.overlay}")
    each = "click" if len(prompts.clicks) == count else "prompt"
    console.print(
        f"{count} {each}(s), {seconds / count:.3f} seconds per {each} on {prediction.device}"
    )
    seen = Box.around(mask)
    if seen is None:
        notes["the mask is empty; add a click on the object"] = None
    elif view is None and max(seen.shape) < SMALL * max(plane.shape):
        notes[
            "the object is small in this image, so it is seen coarsely; give --view R0,C0,R1,C1, a "
            "part of the image of some eight times its size"
        ] = None
    for note in notes:
        console.print(f"note: {note}")


def _check_outputs(request: SegmentRequest) -> None:
    overwrite, sources = request.overwrite, [request.image]
    check_output(request.output, MASK_WRITERS, overwrite=overwrite, sources=sources)
    if request.overlay is None:
        return
    if request.overlay.resolve() == request.output.resolve():
        raise ValueError(f"mask and overlay are both {request.output}; give them different names")
    check_output(request.overlay, [".png"], overwrite=overwrite, sources=sources)
