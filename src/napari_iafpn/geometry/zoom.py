"""The adaptive zoom-in, eq. (3): from the intention to the region of interest."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import Click
from napari_iafpn.geometry.box import Box


def zoom_in(
    intention: NDArray[np.bool_],
    positives: Iterable[Click],
    view: Box,
    *,
    min_crop: int = 48,
    expected_size: float | None = None,
) -> Box:
    """Return the region of interest, a box inside ``view``, in the image frame.

    The box of the intention united with the positive clicks is expanded about its centre by
    max(1.4, 2.5 - 4 sqrt(box area / view area)): loose around small objects, tight around large
    ones. Without any evidence the whole view is returned.

    Parameters
    ----------
    intention : (H, W) bool
        Coarse probability > 0.5 over the view; its size may differ from the view's.
    positives : iterable of Click
        Positive clicks in the image frame; those outside the view are left out.
    view : Box
        What the coarse level looked at.
    min_crop : int
        Smallest side in image pixels (as far as the view allows).
    expected_size : float, optional
        Side in pixels that the object probably has; the box is not smaller than the expansion of
        such an object.
    """
    boxes = [Box(r, r + 1, c, c + 1) for r, c in (p.pixel for p in positives if view.contains(p))]
    seen = Box.around(intention)
    if seen is not None:
        boxes.append(_to_image(seen, view, intention.shape))
    if not boxes:
        return view
    box = boxes[0]
    for other in boxes[1:]:
        box = box.union(other)
    smallest = float(min_crop)
    if expected_size is not None:
        smallest = max(smallest, expected_size * expansion(expected_size**2 / view.area))
    ratio = expansion(box.area / view.area)
    grown = box.resized_about_centre(
        max(ratio * box.height, smallest), max(ratio * box.width, smallest), view
    )
    return _at_least(grown, math.ceil(smallest), view)


def expansion(share: float) -> float:
    """Return the factor by which a box that covers ``share`` of the view grows."""
    return max(1.4, 2.5 - 4.0 * math.sqrt(share))


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
