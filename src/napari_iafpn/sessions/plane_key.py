"""Which plane of which image an object lies on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
