"""What was found: masks, each with the probability that it is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.finding.appearance import PixelMap
from napari_iafpn.finding.drawing import Drawn
from napari_iafpn.finding.exemplars import Exemplars, solidity
from napari_iafpn.finding.quality import TYPICAL, quality_of
from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click

MOST_SHARED = 0.3
"""IoU, or share of the smaller mask, that two proposals may have in common."""
DEFAULT_QUALITY = 0.5
"""Proposals of a lower quality are not shown."""
LEAST_STABILITY = 0.4
"""A mask that is less sure is none."""
PINCHED = 0.02
"""Less solidity than the exemplars have, from which on a mask may be several objects."""
LARGEST, SMALLEST = 4.0, 4.0
"""Times the largest exemplar's area, and parts of the smallest one's, that an object may have."""


@dataclass(frozen=True)
class Proposal:
    """An object that waits for a yes or no.

    Attributes
    ----------
    boxed : BoxedMask
        The mask, in the image frame.
    clicks : tuple of Click
        That drew it.
    quality : float
        Estimated probability that it is an object of the kind, in [0, 1].
    """

    boxed: BoxedMask
    clicks: tuple[Click, ...]
    quality: float


@dataclass(frozen=True)
class Traits:
    """What tells good masks from bad ones; see `Judge`."""

    stability: float
    agreement: float
    """IoU with what was drawn from another click on the object."""
    inside: float
    """Mean appearance of the mask's pixels."""
    contrast: float
    """The same, less that of a rim around it."""
    solidity: float
    log_area: float
    log_radius: float
    """Log of its radius by the one at which the candidate stood out."""


def traits_of(
    drawn: Drawn,
    looks: PixelMap,
    radius: float,
    agreement: float,
) -> Traits:
    """Measure a mask on the appearance of the pixels around it; see `Traits`."""
    boxed, own = drawn.boxed, math.sqrt(drawn.boxed.area / math.pi)
    rim = max(1, round(0.25 * own))
    box = boxed.box.resized_about_centre(
        boxed.box.height + 2 * rim + 2, boxed.box.width + 2 * rim + 2, looks.box
    )
    mask = boxed.within(box)
    there = looks.within(box)
    outside = ndimage.binary_dilation(mask, iterations=rim + 1) & ~ndimage.binary_dilation(mask)
    inside = float(there[mask].mean()) if mask.any() else 0.0
    around = float(there[outside].mean()) if outside.any() else 0.0
    return Traits(
        drawn.stability,
        agreement,
        inside,
        inside - around,
        solidity(boxed.mask),
        math.log(boxed.area),
        math.log(own / radius),
    )


class Judge:
    """Judges masks beside the exemplars and what was drawn from one click on each of those.

    Parameters
    ----------
    exemplars : Exemplars
    redrawn : sequence of Traits
        Of the exemplars drawn again; without any, masks are judged by themselves.
    """

    def __init__(self, exemplars: Exemplars, redrawn: Sequence[Traits]) -> None:
        areas = np.log(exemplars.areas)
        self._areas = float(areas.min()), float(areas.max())
        self.radius = exemplars.radius
        own = [(traits.stability, traits.contrast) for traits in redrawn] or [TYPICAL]
        self._stability, self._contrast = np.median(own, axis=0).tolist()
        self._solidity = min(solidity(boxed.mask) for boxed in exemplars.boxed_masks)

    @property
    def typical_stability(self) -> float:
        """That of the exemplars drawn again."""
        return float(self._stability)

    def fits(self, drawn: Drawn) -> bool:
        """Tell whether an object of the kind may be so large, and as unsure."""
        area = drawn.boxed.area
        if drawn.stability < LEAST_STABILITY:
            return False
        smallest, largest = self._areas
        return smallest - math.log(SMALLEST) <= math.log(area) <= largest + math.log(LARGEST)

    def is_pinched(self, traits: Traits) -> bool:
        """Tell whether a mask is less convex than the exemplars, as several objects are."""
        return traits.solidity < self._solidity - PINCHED

    def quality(self, traits: Traits) -> float:
        """Return the estimated probability that the mask is an object of the kind."""
        return quality_of(self.evidence(traits))

    def evidence(self, traits: Traits) -> NDArray[np.float64]:
        """Return the numbers that the quality is made of."""
        smallest, largest = self._areas
        return np.array(
            [
                traits.stability,
                traits.stability - self._stability,
                traits.agreement,
                traits.contrast - self._contrast,
                min(0.0, traits.solidity - self._solidity),
                max(0.0, traits.log_area - largest),
                max(0.0, smallest - traits.log_area),
                abs(traits.log_radius),
            ]
        )
