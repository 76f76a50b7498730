"""Clicks before and after, and what is said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_iafpn.networks.tables import read_table


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

    objects: int
    noc80: float
    noc85: float
    noc90: float | None
    miou1: float
    max_clicks: int = 20


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
    change: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the interval says so, else ``unclear``."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "unclear"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Gain:
        """Return what ``dataclasses.asdict`` was given."""
        clicks = {key: read_table(Clicks, values[key], key) for key in ("before", "after")}
        gain: Gain = read_table(cls, {**values, **clicks}, "the gain")
        return gain
