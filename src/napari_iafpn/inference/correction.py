"""Correcting a mask that was there before the first click.

Networks know previous masks that clicks led to, and the first click of their training lies on the
object. The mask of another tool, corrected by a click beside it, is brought into that form: a click
deep inside it comes before those of the user, the network looks at its surroundings, and of the
answer just the piece at the newest click is taken over (progressive merging, Chen et al.,
"FocalClick", CVPR 2022, section 3.3). A first click just beside the outline may mean all of it: the
mask is too small or too large all around. Measured in ``benchmarks/edit_label.py``.
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

RIM = 0.15
"""How near the outline a click lies that may mean all of it, in depths of the mask; one pixel
always is."""
AGREEMENT = 0.6
"""Mean probability, as the network sees it, that the pixels belong where a moved outline puts
them; less than that, and the outline stays."""


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


def corrected(previous: Prediction, found: Prediction, clicks: ClickSequence) -> Prediction:
    """Return ``previous`` with what the network, in ``found``, changes at the newest of ``clicks``.

    The first click may move the whole outline, every other changes the piece it lies on.
    """
    moved = outline_moved(previous, found, clicks[0]) if len(clicks) == 1 else None
    return moved or merged(previous, found, clicks[-1])


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


def outline_moved(start: Prediction, found: Prediction, click: Click) -> Prediction | None:
    """Return the mask ``start`` grown or shrunk as a whole, None where ``click`` means less.

    Clicks lie in the middle of what is wrong. Where that is a rim of the mask, the outline runs at
    twice the click's distance, on the same side all around. It is moved there if the click is just
    beside it and if the network agrees.
    """
    box = start.roi.union(found.roi)
    before = start.probability_in(box) > 0.5
    row, col = click.pixel[0] - box.row_start, click.pixel[1] - box.col_start
    if not box.contains(click) or bool(before[row, col]) == click.positive:
        return None
    depth = ndimage.distance_transform_edt(np.pad(before, 1)).max()
    distance = ndimage.distance_transform_edt(before != click.positive)
    away = distance[row, col]
    if away > max(1.0, RIM * depth):
        return None
    rim = (distance > 0) & (distance <= 2 * away - 1)
    belongs = found.probability_in(box) if click.positive else 1 - found.probability_in(box)
    if belongs[rim].mean() < AGREEMENT:
        return None
    sure = np.maximum(belongs, AGREEMENT)
    after = sure if click.positive else 1 - sure
    probability = np.where(rim, after, start.probability_in(box))
    return replace(found, roi=box, roi_probability=probability)
