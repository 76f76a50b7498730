"""Correcting a mask that was there before the first click.

Networks know previous masks that clicks led to, and the first click of their training lies on the
object. The mask of another tool, corrected by a click beside it, is brought into that form: a click
deep inside it comes before those of the user, the network looks at its surroundings, and of the
answer just the piece at the newest click is taken over (progressive merging, Chen et al.,
"FocalClick", CVPR 2022, section 3.3). A first click just beside the outline may mean all of it: the
mask is too small or too large all around. Measured in ``benchmarks/edit_label.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.zoom import view_around
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.prompts import Click, Prompt, Prompts
from napari_iafpn.prompts.deepest import deepest

VIEW_SCALE = 3.0
"""What the network looks at, in lengths of the box of the mask and the clicks."""
CLEARANCE = 1.5
"""How far the click inside keeps away from negative ones, in depths of those in the mask."""

RIM = 0.15
"""How near the outline a click lies that may mean all of it, in depths of the mask; one pixel
always is."""
MARGIN = 1.5
"""Within how much around the mask its outline may move, in lengths of its box."""
AGREEMENT = 0.57
"""Mean probability that the pixels belong where a moved outline puts them, of a network that does
not know the mask; less than that, and the outline stays."""


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


def with_interior_click(start: Prediction, clicks: Prompts) -> Prompts:
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
    return Prompts((anchor, *clicks))


def merged(previous: Prediction, found: Prediction, prompt: Prompt) -> Prediction:
    """Return ``previous`` with what ``found`` changes at the newest prompt.

    The pieces of changed pixels on which a click or a stroke lies are taken from ``found``. One on
    pixels that are right already takes all, and so does a box; one that ``found`` contradicts, as
    published runs may, changes nothing.
    """
    box = previous.roi.union(found.roi)
    before, after = previous.probability_in(box), found.probability_in(box)
    pieces, _ = ndimage.label((before > 0.5) != (after > 0.5), np.ones((3, 3)))
    here = [(r - box.row_start, c - box.col_start) for r, c in prompt.pixels if box.holds(r, c)]
    touched = {int(pieces[pixel]) for pixel in here} - {0}
    right = [bool(before[pixel] > 0.5) == prompt.positive for pixel in here]
    if touched:
        probability = np.where(np.isin(pieces, list(touched)), after, before)
    elif (right and all(right)) or not prompt.pixels:
        probability = after
    else:
        probability = before
    return replace(found, roi=box, roi_probability=probability)


@dataclass(frozen=True, eq=False)
class OutlineShift:
    """What a mask gains or loses where its whole outline moves to where a click says.

    ``pixels`` is (box.height, box.width) bool; they become part of the object where ``positive``.
    """

    box: Box
    pixels: NDArray[np.bool_]
    positive: bool

    @classmethod
    def of(cls, start: Prediction, click: Click) -> OutlineShift | None:
        """Return the rim of the mask ``start`` that a click may mean, None where it is about less.

        Clicks lie in the middle of what is wrong. Where that is a rim, the outline runs at twice
        the click's distance, on the same side all around. Only a click just beside the outline may
        mean that.
        """
        if not Box.whole(start.shape).contains(click):
            return None
        row, col = click.pixel
        here = Box(row, row + 1, col, col + 1)
        box = view_around(start.roi.union(here), MARGIN, start.shape)
        inside = start.probability_in(box) > 0.5
        place = row - box.row_start, col - box.col_start
        if bool(inside[place]) == click.positive:
            return None
        found = deepest(inside.view(np.uint8))
        depth = 0.0 if found is None else math.sqrt(found[0])
        away = _distance(inside == click.positive, place, max(1.0, RIM * depth))
        if away is None:
            return None
        distance = ndimage.distance_transform_edt(inside != click.positive)
        return cls(box, (distance > 0) & (distance <= 2 * away - 1), click.positive)

    def taken_over(self, start: Prediction, found: Prediction) -> Prediction | None:
        """Return the mask ``start`` with its outline moved, None where the network disagrees.

        ``found`` is what the network sees without knowing the mask.
        """
        seen = found.probability_in(self.box)
        belongs = seen if self.positive else 1 - seen
        if belongs[self.pixels].mean() < AGREEMENT:
            return None
        sure = np.maximum(belongs, AGREEMENT)
        probability = start.probability_in(self.box)
        probability[self.pixels] = (sure if self.positive else 1 - sure)[self.pixels]
        return replace(found, roi=self.box, roi_probability=probability)


def _distance(there: NDArray[np.bool_], place: tuple[int, int], limit: float) -> float | None:
    """Return how far the nearest of the pixels ``there`` is from a place, None beyond ``limit``."""
    reach = math.floor(limit)
    top, left = (max(0, at - reach) for at in place)
    rows, cols = np.nonzero(there[top : place[0] + reach + 1, left : place[1] + reach + 1])
    squares = (rows + top - place[0]) ** 2 + (cols + left - place[1]) ** 2
    nearest = math.sqrt(squares.min()) if squares.size else math.inf
    return nearest if nearest <= limit else None
