"""Clicks before and after, and what is said about them."""

from __future__ import annotations

from dataclasses import dataclass

from napari_iafpn.networks.tables import Real, Whole


@dataclass(frozen=True)
class Clicks:
    """Clicks on some objects with one state of the weights.

    Attributes
    ----------
    objects : int
    noc80, noc85 : float
        Mean number of clicks to 80 and 85 % IoU; ``max_clicks`` where an object never gets there.
    noc90 : float or None
        The same to 90 %; None ``during`` the training, where the simulated user stops at 85 %.
    miou1 : float
        Mean IoU after the first click, from 0 to 1.
    max_clicks : int
    """

    objects: Whole
    noc80: Real
    noc85: Real
    noc90: Real | None
    miou1: Real
    max_clicks: Whole = 20


@dataclass(frozen=True)
class Gain:
    """Clicks of the old and the new model on the same held-out objects.

    Attributes
    ----------
    before, after : Clicks
    change : float
        Mean change of the clicks to 85 %, below 0 where fewer are needed.
    low, high : float
        95 % bootstrap interval of ``change`` over images (over objects where there is one image).
    """

    before: Clicks
    after: Clicks
    change: Real
    low: Real
    high: Real

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the interval says so, else ``unclear``."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "unclear"
