"""How a plane was shown to the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_iafpn.images.composite import ChannelDisplay, composites
from napari_iafpn.sessions.plane_key import PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.images import Plane


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """What decides the colours of a plane.

    Attributes
    ----------
    limits : (float, float)
        Image values shown black and white.
    gamma : float
        The power to which what is between them is raised.
    channels : tuple of (str, ChannelDisplay)
        Instead: the images of these ids, their colours added up.
    """

    limits: tuple[float, float] = (0.0, 1.0)
    gamma: float = 1.0
    channels: tuple[tuple[str, ChannelDisplay], ...] = ()

    def open(self, key: PlaneKey, images: Mapping[str, Sequence[Any]]) -> Plane:
        """Return a plane, whose pixels are read later.

        Parameters
        ----------
        key : PlaneKey
        images : mapping of id to sequence of array-like
            The resolutions of each image, the finest first.

        Raises
        ------
        ValueError
            Where an image is not given, or its type or shape is none the network can take.
        """
        from napari_iafpn.images import Plane
        from napari_iafpn.images.arrays import planes_of

        if {key.layer, *(id_ for id_, _ in self.channels)} - set(images):
            raise ValueError("the session has clicks on an image that is not given; give it too")
        if not self.channels:
            finest, *coarser = planes_of(images[key.layer], key.indices)
            return Plane(finest, coarser=coarser, limits=self.limits, gamma=self.gamma)
        channels = [
            (planes_of(images[id_], key.indices), channel) for id_, channel in self.channels
        ]
        finest, *coarser = composites(channels)
        return Plane(finest, coarser=coarser, limits=(0.0, 1.0))
