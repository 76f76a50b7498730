"""Where the pixels of a plane come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_iafpn.sessions import DisplaySettings, PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.images import Plane


@dataclass(frozen=True, slots=True)
class PlaneSource:
    """How to read a plane; made in the GUI thread, opened in the worker.

    Attributes
    ----------
    key : PlaneKey
    display : DisplaySettings
    images : mapping of id to sequence of array-like
        The whole images, that of ``key`` and those that ``display`` adds up, each at its
        resolutions, the finest first; never touched before `open`.
    """

    key: PlaneKey
    display: DisplaySettings
    images: Mapping[str, Sequence[Any]] = field(repr=False, compare=False)
    identity: tuple[tuple[str, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        identity = tuple((id_, id(levels[0])) for id_, levels in sorted(self.images.items()))
        object.__setattr__(self, "identity", identity)

    @property
    def pixels(self) -> int:
        """Tells the pixels of the plane's image from those that replace them."""
        return dict(self.identity)[self.key.layer]

    @property
    def array(self) -> Any:
        """The image of the plane at full resolution."""
        return self.images[self.key.layer][0]

    def open(self) -> Plane:
        """Return the plane; ValueError where its type or shape is none the network can take."""
        return self.display.open(self.key, self.images)

    def reopen(self, other: PlaneSource, plane: Plane) -> Plane:
        """Return the plane; where ``other``, whose plane is open, has its pixels, as they are."""
        same = (self.key, self.identity) == (other.key, other.identity)
        if not same or self.display.channels or other.display.channels:
            return self.open()
        return plane.shown(self.display.limits, self.display.gamma)
