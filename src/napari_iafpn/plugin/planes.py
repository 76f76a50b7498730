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
    """

    key: PlaneKey
    array: Any = field(repr=False, compare=False)
    limits: tuple[float, float]
    array_id: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "array_id", id(self.array))

    def open(self) -> Plane:
        """Return the plane; ValueError where its type or shape is none the network can take."""
        from napari_iafpn.images import Plane

        return Plane(self.array[self.key.indices], limits=self.limits)
