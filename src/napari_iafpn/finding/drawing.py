"""Candidates drawn by the click network, in the way that draws the exemplars best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import h_maxima

from napari_iafpn.finding.appearance import FeatureSource
from napari_iafpn.finding.exemplars import Exemplars
from napari_iafpn.finding.quality import stability_of
from napari_iafpn.geometry import Box, view_around
from napari_iafpn.images import Plane
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click

LEAST_LIKENESS = 0.35
"""IoU of the exemplars with what is drawn from one click on each, below which nothing is found."""
GOOD = 0.9
"""Likeness that is good enough to look no further."""
PINCHED = 0.15
"""Between two lobes a mask is so much less deep, as a share of its depth."""
MOST_LOBES = 3
NEARLY = 0.03
"""A quicker way of drawing may be so much worse."""


class Drawer(FeatureSource, Protocol):
    """What draws, such as a `Predictor`."""

    def predict_each(
        self,
        plane: Plane,
        batch: Sequence[Sequence[Click]],
        views: Sequence[Box],
        sizes: tuple[int, int] | None = None,
    ) -> list[Prediction]:
        """Segment several objects, each from its clicks and in its view."""


@dataclass(frozen=True)
class Way:
    """How candidates are looked at: sides of the object in a view, inputs of the two levels."""

    sides: float
    sizes: tuple[int, int] | None

    def view(self, click: Click, side: float, shape: tuple[int, int]) -> Box:
        """Return the view of an object of a longer side of ``side`` px around a click."""
        return view_around(Box.pixel(*click.pixel), max(1.0, self.sides * side), shape)


WAYS = (Way(5, (192, 192)), Way(8, (288, 256)), Way(8, None))
"""The quickest first; the last one is what a user's click gives."""


@dataclass(frozen=True)
class Drawn:
    """A mask that the network drew, and how sure it was.

    Attributes
    ----------
    boxed : BoxedMask
    stability : float
        IoU of the masks at the two thresholds.
    """

    boxed: BoxedMask
    stability: float


def draw(
    drawer: Drawer,
    plane: Plane,
    clicks: Sequence[Click],
    sides: Sequence[float],
    way: Way,
    beside: Sequence[Sequence[Click]] = (),
) -> list[Drawn | None]:
    """Draw an object at each click; None where the network sees none there.

    ``beside`` are negative clicks of each.
    """
    views = [way.view(*each, plane.shape) for each in zip(clicks, sides, strict=True)]
    batch = [
        [*(other for other in others if view.contains(other)), click]
        for click, others, view in zip(clicks, beside or [()] * len(clicks), views, strict=True)
    ]
    found = drawer.predict_each(plane, batch, views, way.sizes)
    return [_drawn(each, click) for each, click in zip(found, clicks, strict=True)]


def _drawn(found: Prediction, click: Click) -> Drawn | None:
    mask = _piece(found.roi_mask(), click, found.roi)
    boxed = BoxedMask.of(mask, (found.roi.row_start, found.roi.col_start))
    if boxed is None:
        return None
    # What is far from the piece says nothing about it.
    near = ndimage.binary_dilation(mask, iterations=2 + round(0.1 * math.sqrt(boxed.area)))
    return Drawn(boxed, stability_of(found, near))


def _piece(mask: NDArray[np.bool_], click: Click, roi: Box) -> NDArray[np.bool_]:
    """Return the piece under the click, without holes that are specks; the largest elsewhere."""
    pieces, count = ndimage.label(mask)
    row, col = click.pixel
    there = int(pieces[row - roi.row_start, col - roi.col_start]) if roi.contains(click) else 0
    if count > 1 and not there:
        there = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
    piece: NDArray[np.bool_] = pieces == there if count > 1 else mask
    return piece


def lobes(boxed: BoxedMask) -> list[Click]:
    """Return the deepest pixel of each lobe of a mask that is pinched, deepest first."""
    padded = np.pad(boxed.mask, 1)
    depth = ndimage.distance_transform_edt(padded)
    peaks, count = ndimage.label(h_maxima(depth, PINCHED * depth.max()))  # type: ignore[no-untyped-call]
    places = ndimage.maximum_position(depth, peaks, np.arange(1, count + 1))
    box = boxed.box
    deep = sorted(places, key=lambda place: -float(depth[place]))[:MOST_LOBES]
    return [Click(row - 1 + box.row_start, col - 1 + box.col_start) for row, col in deep]


def overlap(one: BoxedMask, other: BoxedMask) -> tuple[int, float]:
    """Return the common pixels of two masks, and their IoU."""
    common = one.box.intersection(other.box)
    if common is None:
        return 0, 0.0
    count = int(np.count_nonzero(one.within(common) & other.within(common)))
    return count, count / (one.area + other.area - count)


def choose_way(
    drawer: Drawer, plane: Plane, exemplars: Exemplars
) -> tuple[Way, list[Drawn | None]]:
    """Return the quickest way that draws exemplars nearly as well as any, and the drawings.

    Of many exemplars some are drawn; see ``Exemplars.some``.

    Raises
    ------
    ValueError
        Where no way draws anything like them.
    """
    exemplars = exemplars.some()
    clicks, sides = exemplars.clicks(), exemplars.sides.tolist()
    tried: dict[Way, list[Drawn | None]] = {}
    likeness: dict[Way, float] = {}
    for way in WAYS:
        tried[way] = draw(drawer, plane, clicks, sides, way)
        likeness[way] = _likeness(tried[way], exemplars)
        if likeness[way] >= GOOD:
            return way, tried[way]
    best = max(likeness.values())
    if best < LEAST_LIKENESS:
        raise ValueError(
            f"one click on each exemplar does not draw it again (their overlap is {best:.0%}), so "
            "nothing like them can be found; give exemplars with clear outlines"
        )
    way = next(way for way in WAYS if likeness[way] >= best - NEARLY)
    return way, tried[way]


def _likeness(drawn: Sequence[Drawn | None], exemplars: Exemplars) -> float:
    """Return the mean IoU of the exemplars with what was drawn for them."""
    pairs = zip(drawn, exemplars.boxed_masks, strict=True)
    return float(np.mean([overlap(each.boxed, own)[1] if each else 0.0 for each, own in pairs]))
