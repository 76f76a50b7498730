"""How likely a mask is right: one number for what was found and for what was clicked."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

LOW, HIGH = 0.35, 0.65
"""Thresholds between which a sure mask hardly changes."""
TYPICAL = 0.75, 0.5
"""Stability and contrast of an object that is clear to the network."""
COEFFICIENTS = np.array([4.0, 3.0, 2.5, 1.0, 15.0, -1.2, -0.5, -0.3])
BIAS = -3.2
"""Of the logistic quality, in the order of ``Judge.evidence``; set by hand on training sets."""


class Thresholded(Protocol):
    """What masks can be taken from, such as a `Prediction`."""

    def roi_mask(self, threshold: float = 0.5) -> NDArray[np.bool_]:
        """Return the pixels above a probability."""


def quality_of(evidence: NDArray[np.float64]) -> float:
    """Return the estimated probability that a mask is right, see ``Judge.evidence``."""
    return float(expit(np.dot(COEFFICIENTS, evidence) + BIAS))


def quality_alone(prediction: Thresholded) -> float:
    """Return the same for a mask that nothing is known of but how sure the network is.

    It agrees with itself, and is like its kind in everything else.
    """
    stability = stability_of(prediction)
    return quality_of(np.array([stability, stability - TYPICAL[0], 1.0, 0, 0, 0, 0, 0]))


def stability_of(prediction: Thresholded, near: NDArray[np.bool_] | None = None) -> float:
    """Return the IoU of the masks at the two thresholds, ``near`` an object; 0 without any."""
    low, high = (prediction.roi_mask(threshold) for threshold in (LOW, HIGH))
    if near is not None:
        low, high = low & near, high & near
    return int(np.count_nonzero(high)) / max(int(np.count_nonzero(low)), 1)
