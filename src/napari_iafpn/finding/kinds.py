"""Which of several kinds an object is of: the one whose exemplars are most like it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images import Plane
from napari_iafpn.sessions.cutout import Cutout

LEAST_SPREAD = np.array([0.15, 0.03, 0.03, 0.03, 0.03])
"""Of log area, mean colour and contrast: exemplars of a kind that are more alike tell nothing
more."""


class Kinds:
    """Tells kinds apart by size, colour and contrast.

    Parameters
    ----------
    plane : Plane
        That shows the exemplars.
    exemplars : mapping of int to iterable of Cutout
        Of each kind.
    """

    def __init__(self, plane: Plane, exemplars: Mapping[int, Iterable[Cutout]]) -> None:
        looks = {
            kind: np.array([_look(plane, c) for c in them]) for kind, them in exemplars.items()
        }
        within = np.concatenate([each - each.mean(0) for each in looks.values()])
        self._looks = looks
        self._spread = np.maximum(np.sqrt((within**2).mean(0)), LEAST_SPREAD)

    def of(self, plane: Plane, cutout: Cutout) -> int:
        """Return the kind of an object."""
        own = _look(plane, cutout)
        return min(self._looks, key=lambda kind: self._distance(kind, own))

    def _distance(self, kind: int, look: NDArray[np.float64]) -> float:
        away = (self._looks[kind] - look) / self._spread
        return float(np.square(away).sum(1).min())


def _look(plane: Plane, cutout: Cutout) -> NDArray[np.float64]:
    """Return log area, the mean of three colours, and the contrast of an object."""
    pixels = plane.read(cutout.box, cutout.box.shape)[:, cutout.mask]
    return np.array([math.log(cutout.area), *pixels.mean(1), pixels.std()])
