"""From what is known of the object to the region of interest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry.box import Box, Located

MIN_RESEMBLANCE = 0.5


class Evidence(Protocol):
    """What a prompt tells about the region of interest; see `prompts.Prompt`."""

    @property
    def evidence(self) -> Box | None:
        """The pixels that the region must hold because of it."""
        ...

    def region(self, view: Box) -> Box | None:
        """Return the region if the prompt fixes it."""
        ...

    def within(self, box: Box) -> Evidence | None:
        """Return the part on the pixels of ``box``."""
        ...


def zoom_in(
    intention: NDArray[np.bool_], prompts: Iterable[Evidence], view: Box, *, min_crop: float = 48
) -> Box:
    """Return the region of interest of eq. (3), a box inside ``view``, in the image frame.

    The box of the intention united with the evidence of the prompts, such as the pixels of positive
    clicks, is expanded about its centre by max(1.4, 2.5 - 4 sqrt(box area / view area)): loose
    around small objects, tight around large ones. The newest box prompt is the region, with its
    margin, as long as it holds the evidence of the others. Without any evidence the whole view is
    returned.

    Parameters
    ----------
    intention : (H, W) bool
        Coarse probability > 0.5 over the view; its size may differ from the view's.
    prompts : iterable of Prompt
        In the image frame; what lies outside the view is left out.
    view : Box
        What the coarse level looked at.
    min_crop : float
        Smallest side in image pixels (as far as the view allows).
    """
    inside = [part for part in (prompt.within(view) for prompt in prompts) if part is not None]
    fixed = [region for part in inside if (region := part.region(view)) is not None]
    marks = [part.evidence for part in inside if part.evidence and part.region(view) is None]
    if fixed and all(map(fixed[-1].encloses, marks)):
        ratio, box = 1.0, fixed[-1]
    else:
        boxes = [part.evidence for part in inside if part.evidence is not None]
        seen = Box.around(intention)
        if seen is not None:
            boxes.append(_to_image(seen, view, intention.shape))
        if not boxes:
            return view
        box = reduce(Box.union, boxes)
        ratio = expansion(box.area / view.area)
    smallest = float(min_crop)
    grown = box.resized_about_centre(
        max(ratio * box.height, smallest), max(ratio * box.width, smallest), view
    )
    return _at_least(grown, math.ceil(smallest), view)


def expansion(share: float) -> float:
    """Return the factor by which a box that covers ``share`` of the view grows."""
    return max(1.4, 2.5 - 4.0 * math.sqrt(share))


def sticky_zoom_in(
    found: Box | None,
    positives: Iterable[Located],
    view: Box,
    kept: Box | None = None,
    *,
    ratio: float = 1.4,
    min_crop: int = 200,
) -> Box | None:
    """Return the region of interest of published single-level runs, None for the whole view.

    The box of the object found so far united with the positive clicks grows by ``ratio``, at least
    to ``min_crop``, as RITM's ZoomIn does (Sofiiuk et al., 2021). An earlier region is kept as long
    as it holds all positive clicks and resembles the new one.

    Differs from the published runs: without a found object the kept region is forgotten, and
    pixels are resampled with this project's rule (align_corners=False), to multiples of 32.

    Parameters
    ----------
    found : Box or None
        Around the pixels of the last prediction above 0.5, in the image frame.
    positives : iterable of Click
        Positive clicks in the image frame; those outside the view are left out.
    view : Box
        What may be seen.
    kept : Box, optional
        The region of the last prediction, if that was zoomed in.
    """
    if found is None:
        return None
    inside = [p for p in positives if view.contains(p)]
    box = found
    for row, col in (p.pixel for p in inside):
        box = box.union(Box(row, row + 1, col, col + 1))
    grown = grow(box, ratio, min_crop).intersection(view) or view
    if kept is None or interval_iou(grown, kept) < MIN_RESEMBLANCE:
        return grown
    # As published, the last row and column of the region count as outside.
    held = all(
        kept.row_start <= row < kept.row_stop - 1 and kept.col_start <= col < kept.col_stop - 1
        for row, col in (p.pixel for p in inside)
    )
    return kept if held else grown


def grow(box: Box, ratio: float, min_side: float) -> Box:
    """Grow ``box`` about its centre by ``ratio``, at least to ``min_side``, as RITM rounds."""
    rows = _grown(box.row_start, box.row_stop, ratio, min_side)
    return Box(*rows, *_grown(box.col_start, box.col_stop, ratio, min_side))


def _grown(start: int, stop: int, ratio: float, min_side: float) -> tuple[int, int]:
    centre, half = (start + stop - 1) / 2, max(ratio * (stop - start), min_side) / 2
    return round(centre - half), round(centre + half) + 1


def interval_iou(one: Box, other: Box) -> float:
    """Return the IoU of the rows times the IoU of the columns; 0 for boxes that do not meet."""
    common, hull = one.intersection(other), one.union(other)
    if common is None:
        return 0.0
    return common.height / hull.height * (common.width / hull.width)


def view_around(box: Box, scale: float, shape: tuple[int, int], min_side: int = 128) -> Box:
    """Return the square of ``scale`` times the longer side of ``box``, about its centre.

    At least ``min_side`` px, shifted into the image of ``shape`` (H, W) and cut where the image is
    smaller.
    """
    if not 1 <= scale < math.inf:
        raise ValueError(
            f"view scale {scale} does not show the whole object; give a number of at least 1"
        )
    side = max(math.ceil(scale * max(box.shape)), min_side)
    return Box(
        *_around(box.row_start, box.row_stop, side, shape[0]),
        *_around(box.col_start, box.col_stop, side, shape[1]),
    )


def _around(start: int, stop: int, side: int, extent: int) -> tuple[int, int]:
    side = min(side, extent)
    first = min(max(0, (start + stop - side) // 2), extent - side)
    return first, first + side


def _at_least(box: Box, smallest: int, view: Box) -> Box:
    """Widen the sides that the border of ``view`` cut below ``smallest``, away from the border."""
    return Box(
        max(view.row_start, min(box.row_start, box.row_stop - smallest)),
        min(view.row_stop, max(box.row_stop, box.row_start + smallest)),
        max(view.col_start, min(box.col_start, box.col_stop - smallest)),
        min(view.col_stop, max(box.col_stop, box.col_start + smallest)),
    )


def _to_image(box: Box, view: Box, size: tuple[int, ...]) -> Box:
    """Return the image pixels that ``box`` of a grid of ``size`` over ``view`` touches."""
    return Box(
        view.row_start + box.row_start * view.height // size[0],
        view.row_start - (-box.row_stop * view.height // size[0]),
        view.col_start + box.col_start * view.width // size[1],
        view.col_start - (-box.col_stop * view.width // size[1]),
    )
