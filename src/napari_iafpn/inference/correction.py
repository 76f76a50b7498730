"""Correcting a mask that was there before the first click.

Networks know previous masks that clicks led to, and the first click of their training lies on the
object. The mask of another tool, corrected by a click beside it, is brought into that form: a click
deep inside it comes before those of the user, the network looks at its surroundings, and of the
answer just the piece at the newest click is taken over (progressive merging, Chen et al.,
"FocalClick", CVPR 2022, section 3.3). Measured in ``benchmarks/edit_label.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.clicks.deepest import deepest
from napari_iafpn.geometry import Box
from napari_iafpn.geometry.zoom import view_around
from napari_iafpn.inference.prediction import Prediction

VIEW_SCALE = 3.0
"""What the network looks at, in lengths of the box of the mask and the clicks."""
CLEARANCE = 1.5
"""How far the click inside keeps away from negative ones, in depths of those in the mask."""


def surroundings(box: Box, shape: tuple[int, int]) -> Box:
    """Return what the network looks at to correct a mask.

    Parameters
    ----------
    box : Box
        Of the mask and the clicks: what is clicked on must be seen as a whole, too.
    shape : (H, W)
        Of the plane.
    """
    return view_around(box, VIEW_SCALE, shape)


def anchored(start: Prediction, clicks: ClickSequence) -> ClickSequence:
    """Return ``clicks`` after a positive one on the innermost pixel of the mask ``start``.

    Where a negative click says that a part is wrong, the pixel is looked for away from it.
    """
    left, corner = start.roi_mask(), start.roi
    wrong = [click for click in clicks.negatives if corner.contains(click)]
    if wrong:
        depth = ndimage.distance_transform_edt(np.pad(left, 1))[1:-1, 1:-1]
        rows, cols = np.ogrid[: left.shape[0], : left.shape[1]]
    for click in wrong:
        row, col = click.pixel[0] - corner.row_start, click.pixel[1] - corner.col_start
        reach = CLEARANCE * depth[row, col]
        left = left & ((rows - row) ** 2 + (cols - col) ** 2 > reach**2)
    found = deepest(left.astype(np.uint8))
    if found is None:
        return clicks
    anchor = Click(corner.row_start + found[1], corner.col_start + found[2])
    return ClickSequence((anchor, *clicks))


def merged(previous: Prediction, found: Prediction, click: Click) -> Prediction:
    """Return ``previous`` with what ``found`` changes at the newest click.

    The piece of changed pixels on which the click lies is taken from ``found``. A click on pixels
    that are right already takes all; one that ``found`` contradicts, as published runs may, changes
    nothing.
    """
    box = previous.roi.union(found.roi)
    before, after = previous.probability_in(box), found.probability_in(box)
    pieces, _ = ndimage.label((before > 0.5) != (after > 0.5), np.ones((3, 3)))
    row, col = click.pixel
    here = (row - box.row_start, col - box.col_start) if box.contains(click) else None
    piece = 0 if here is None else int(pieces[here])
    if piece:
        probability = np.where(pieces == piece, after, before)
    elif (here is not None and bool(before[here] > 0.5)) == click.positive:
        probability = after
    else:
        probability = before
    return replace(found, roi=box, roi_probability=probability)
