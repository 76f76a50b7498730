"""Where the pixels of a plane come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.images import Plane


@dataclass(frozen=True, slots=True)
class PlaneSource:
    """How to read a plane; made in the GUI thread, opened in the worker.

    Attributes
    ----------
    key : PlaneKey
    array : array-like
        The whole image at full resolution; never touched before `open`.
    limits : (float, float)
        Image values shown black and white.
    gamma : float
        The power to which what is between them is raised.
    coarser : tuple of array-like
        The whole image at lower resolutions, the finest first.
    """

    key: PlaneKey
    array: Any = field(repr=False, compare=False)
    limits: tuple[float, float]
    gamma: float = 1.0
    coarser: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    array_id: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "array_id", id(self.array))

    def open(self) -> Plane:
        """Return the plane; ValueError where its type or shape is none the network can take."""
        from napari_iafpn.images import Plane
        from napari_iafpn.images.arrays import planes_of

        finest, *coarser = planes_of((self.array, *self.coarser), self.key.indices)
        return Plane(finest, coarser=coarser, limits=self.limits, gamma=self.gamma)

    def reopen(self, other: PlaneSource, plane: Plane) -> Plane:
        """Return the plane; where ``other``, whose plane is open, has its pixels, as they are."""
        if (self.key, self.array_id) != (other.key, other.array_id):
            return self.open()
        return plane.shown(self.limits, self.gamma)
