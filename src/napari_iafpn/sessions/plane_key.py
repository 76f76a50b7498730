"""Which plane of which image an object lies on, and how that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.composite import ChannelDisplay, composites

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


@dataclass(frozen=True, slots=True)
class PlaneKey:
    """One plane of one image layer.

    Attributes
    ----------
    layer : str
        The image layer's id, unique in its session.
    axes : (int, int)
        The data axes of the plane's rows and columns, ascending. A view that transposes them shows
        the same plane, so an object survives it.
    index : tuple of int
        The plane's place along the other axes, in their order.
    """

    layer: str
    axes: tuple[int, int]
    index: tuple[int, ...] = ()

    @property
    def other_axes(self) -> tuple[int, ...]:
        """The axes that ``index`` is for."""
        return tuple(a for a in range(len(self.index) + 2) if a not in self.axes)

    @property
    def indices(self) -> tuple[int | slice, ...]:
        """Index an array with this to get the plane, (H, W) or (H, W, channels)."""
        return tuple(self._spread(slice(None), slice(None)))

    def moved_to(self, axis: int, index: int) -> PlaneKey:
        """Return the plane at ``index`` along another data axis of this one."""
        place = self.other_axes.index(axis)
        return replace(self, index=(*self.index[:place], index, *self.index[place + 1 :]))

    def index_along(self, axis: int) -> int:
        """Return the plane's place along one of the other axes."""
        return self.index[self.other_axes.index(axis)]

    def to_data(self, row: float, col: float) -> NDArray[np.float64]:
        """Return the data coordinates of a point of the plane, one per axis, in pixels."""
        return np.array(self._spread(row, col), dtype=np.float64)

    def to_plane(self, data: Sequence[float]) -> tuple[float, float]:
        """Return (row, col) of data coordinates, in pixels."""
        return float(data[self.axes[0]]), float(data[self.axes[1]])

    def shape_in(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return the plane's (H, W) in an array of ``shape``."""
        return int(shape[self.axes[0]]), int(shape[self.axes[1]])

    def _spread(self, row: Any, col: Any) -> list[Any]:
        values: list[Any] = list(self.index)
        values.insert(self.axes[0], row)
        values.insert(self.axes[1], col)
        return values
