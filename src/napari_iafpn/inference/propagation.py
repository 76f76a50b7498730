"""An object followed from plane to plane: each mask is where the next plane starts.

The neighbour's mask is moved to where the object's pixels went, see ``motion``. There it is the
previous mask, and clicks are derived from it: positive ones deep inside, negative ones around it,
where the neighbour was background. The network looks at a few times the object's size; where its
mask does not fit the pixels, it draws once more without the previous mask. A mask that neither fits
the pixels nor resembles its neighbour ends the way. Measured in ``benchmarks/propagation.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.zoom import view_around
from napari_iafpn.images import Plane
from napari_iafpn.inference.motion import Look
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.inference.predictor import Predictor
from napari_iafpn.inference.replay import Cancelled
from napari_iafpn.masks import iou
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.prompts.deepest import deepest

GONE = "the object is no longer there"
UNSURE = "the model is no longer sure of the object"
UNLIKE = "nothing there looks like the object"
JUMPED = "the object changed too much"
LEAST_REACH = 4.0
"""Pixels; see `Seeding.reach`."""


@dataclass(frozen=True)
class Seeding:
    """What of a plane's mask its neighbour starts from, and when the object counts as lost.

    Attributes
    ----------
    positives : int
        At most so many positive clicks.
    least_depth : float
        A further positive click is at least this share as deep inside as the first one.
    negatives : int
        Negative clicks around the mask.
    reach : float
        How far outside the mask they are, as a share of the square root of its area.
    view : float
        What the network looks at, in lengths of the mask's box, see `view_around`.
    least_confidence : float
        See `confidence`.
    least_share : float
        Share of the first plane's confidence; how sure a network is depends on the kind of object.
    least_overlap : float
        IoU with the neighbour's mask, moved to where the object went.
    least_fit : float
        See `motion.Look.fit`.
    good_fit : float
        From this on, the network is not asked again without the previous mask.
    """

    positives: int = 3
    least_depth: float = 0.6
    negatives: int = 4
    reach: float = 0.35
    view: float = 3.0
    least_confidence: float = 0.3
    least_share: float = 0.8
    least_overlap: float = 0.4
    least_fit: float = 0.45
    good_fit: float = 0.6


@dataclass(frozen=True, eq=False)
class Reached:
    """A plane that an object was followed to.

    Attributes
    ----------
    index : int
        The plane's place.
    prediction : Prediction
    clicks : Prompts
        What was derived from the neighbour's mask.
    confidence : float
        From 0 to 1, see `confidence`.
    overlap, fit : float
        How much it resembles its neighbour: by its shape, and by its outline in the pixels.
    doubt : str
        Why the object counts as lost here, as a part of a sentence; empty where it does not.
    """

    index: int
    prediction: Prediction
    clicks: Prompts
    confidence: float
    overlap: float
    fit: float
    doubt: str = ""

    @property
    def agreement(self) -> float:
        """How much it resembles its neighbour in both respects."""
        return self.overlap * self.fit


def propagate(
    predictor: Predictor,
    open_plane: Callable[[int], Plane],
    start: Prediction,
    indices: Sequence[int],
    *,
    origin: int | None = None,
    threshold: float = 0.5,
    seeding: Seeding = Seeding(),
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Reached]:
    """Follow an object from its plane to others, in the order of ``indices``.

    Ends behind the last plane, and behind one where the object counts as lost.

    Parameters
    ----------
    predictor : Predictor
    open_plane : callable
        Returns the plane of an index; called when it is reached.
    start : Prediction
        The object's mask on its plane.
    indices : sequence of int
    origin : int, optional
        The object's plane. Default: the one before the first in their order.
    threshold : float
        Probability above which a pixel belongs to the mask.
    seeding : Seeding
    cancelled : callable, optional
        Asked before each plane.

    Raises
    ------
    ValueError
        Where ``start`` is empty, or a plane has another shape.
    Cancelled
        As soon as ``cancelled`` returns True.
    """
    seed = _seed(start, threshold)
    if seed is None:
        raise ValueError("there is no mask to start from; commit an object first")
    look: Look | None = None
    for index in indices:
        if cancelled is not None and cancelled():
            raise Cancelled
        look = look or Look.of(open_plane(_before(indices) if origin is None else origin), seed)
        plane = open_plane(index)
        if plane.shape != start.shape:
            raise ValueError(
                f"plane {index} is {plane.shape[0]} x {plane.shape[1]} and the object's plane "
                f"{start.shape[0]} x {start.shape[1]}; propagate within planes of one shape"
            )
        reached = _reach(predictor, index, plane, look, threshold, seeding)
        yield reached
        seed = _seed(reached.prediction, threshold)
        if reached.doubt or seed is None:
            return
        look = Look.of(plane, seed)
        least = max(seeding.least_confidence, seeding.least_share * reached.confidence)
        seeding = replace(seeding, least_confidence=least, least_share=0.0)


def _reach(
    predictor: Predictor,
    index: int,
    plane: Plane,
    look: Look,
    threshold: float,
    seeding: Seeding,
) -> Reached:
    """Draw the object where it went, and tell whether it is still the one of its neighbour.

    The candidates are the masks that the network draws with the moved mask as previous mask and,
    where that does not fit the pixels well, without it. Of those the one is taken that agrees more
    with the neighbour, in its shape and in its outline; it is doubted where it agrees too little.
    """
    expected, shift = look.place_on(plane)
    view = view_around(expected.roi, seeding.view, plane.shape)
    clicks = derived_clicks(expected, view, seeding)

    def drawn(previous: Prediction | None) -> Reached:
        found = predictor.predict(plane, clicks, previous, view=view)
        sure, mask = confidence(found, threshold), _seed(found, threshold)
        if mask is None:
            return Reached(index, found, clicks, sure, 0.0, 0.0, GONE)
        overlap, fit = _overlap(mask, expected), look.fit(plane, mask, shift)
        doubts = {
            UNLIKE: fit < seeding.least_fit,
            JUMPED: overlap < seeding.least_overlap,
            UNSURE: sure < seeding.least_confidence,
        }
        doubt = next((why for why, is_so in doubts.items() if is_so), "")
        return Reached(index, found, clicks, sure, overlap, fit, doubt)

    remembering = drawn(expected)
    if remembering.fit >= seeding.good_fit:
        return remembering
    return max(remembering, drawn(None), key=lambda found: (not found.doubt, found.agreement))


def _before(indices: Sequence[int]) -> int:
    """Return the place before the first one, in the direction of the second one."""
    return indices[0] - (indices[1] - indices[0] if len(indices) > 1 else 1)


def derived_clicks(seed: Prediction, view: Box, seeding: Seeding) -> Prompts:
    """Return the clicks that tell a plane where its neighbour's mask is.

    Positive: the innermost pixel, i.e. the one deepest inside by the exact distance; then the
    innermost of those that are twice as far away from it as it is deep, and so on: one for a disk,
    several for a long object or for one of many parts. Negative: in as many directions from the
    mask's middle as there are to be clicks, each on the line around the mask.

    Parameters
    ----------
    seed : Prediction
        The neighbour's mask in its tight box, 0 and 1.
    view : Box
        What may be clicked on, in the image frame.
    seeding : Seeding
    """
    mask = seed.probability_in(view) > 0.5
    places = [(*place, True) for place in _innermost(mask, seeding)]
    places += [(*place, False) for place in _around(mask, seeding)]
    return Prompts.of(
        Click(row + view.row_start, col + view.col_start, positive) for row, col, positive in places
    )


def confidence(prediction: Prediction, threshold: float = 0.5) -> float:
    """Return how sure the object is: the mean of 2 p - 1 over its mask, at least 0.

    p is the probability. 0 for an empty mask.
    """
    inside = prediction.roi_probability[prediction.roi_mask(threshold)]
    return max(0.0, float((2 * inside - 1).mean())) if inside.size else 0.0


def _seed(prediction: Prediction, threshold: float) -> Prediction | None:
    """Return the mask in its tight box, None where it is empty."""
    mask = prediction.roi_mask(threshold)
    box = Box.around(mask)
    if box is None:
        return None
    roi = box.shifted(prediction.roi.row_start, prediction.roi.col_start)
    values = mask[box.slices].astype(np.float32)
    return Prediction(prediction.shape, roi, values, prediction.view)


def _overlap(first: Prediction, second: Prediction) -> float:
    """Return the IoU of two seeds."""
    box = first.roi.union(second.roi)
    one, other = (seed.probability_in(box) > 0.5 for seed in (first, second))
    return iou(one, other)


def _innermost(mask: NDArray[np.bool_], seeding: Seeding) -> Iterator[tuple[int, int]]:
    """Yield places deep inside, far from each other; the deepest first."""
    left, least2 = mask.astype(np.uint8), 0.0
    rows, cols = np.ogrid[: mask.shape[0], : mask.shape[1]]
    for _ in range(seeding.positives):
        found = deepest(left)
        if found is None or found[0] < least2:
            return
        depth2, row, col = found
        least2 = least2 or seeding.least_depth**2 * depth2
        yield row, col
        left[(rows - row) ** 2 + (cols - col) ** 2 <= 4 * depth2] = 0


def _around(mask: NDArray[np.bool_], seeding: Seeding) -> Iterator[tuple[int, int]]:
    """Yield places around a mask, in directions that divide the circle."""
    reach = max(LEAST_REACH, seeding.reach * math.sqrt(np.count_nonzero(mask)))
    rows, cols = np.nonzero(np.abs(ndimage.distance_transform_edt(~mask) - reach) < 1)
    if not rows.size:
        return
    middle = ndimage.center_of_mass(mask)
    angles = np.arctan2(rows - middle[0], cols - middle[1])
    for turn in range(seeding.negatives):
        aside = np.exp(1j * (angles - 2 * np.pi * turn / seeding.negatives))
        nearest = np.abs(np.angle(aside)).argmin()
        yield int(rows[nearest]), int(cols[nearest])
