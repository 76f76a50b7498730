"""Committing to a Labels layer: new ids, and never a pixel of another object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_iafpn.plugin.history import Patch
from napari_iafpn.plugin.layers import placement, spatial_shape
from napari_iafpn.plugin.planes import PlaneKey


class LabelsLayer:
    """A `LabelsTarget` that writes into a napari layer held in memory.

    napari's own undo of the layer does not know of commits; the plugin's does.
    """

    def __init__(self, layer: Labels) -> None:
        self.layer = layer
        self._highest: int | None = None
        layer.events.paint.connect(self._forget_highest)
        layer.events.data.connect(self._forget_highest)

    @classmethod
    def new_for(cls, image: Image) -> LabelsLayer:
        """Make an empty layer that lies on ``image``."""
        data = np.zeros(spatial_shape(image), np.int32)
        return cls(Labels(data, name=f"Objects of {image.name}", **placement(image)))

    def next_label(self, plane: PlaneKey) -> int:
        """Return one more than the highest id."""
        if self._highest is None:
            self._highest = int(self.layer.data.max())
        # Scripts may have written to the displayed plane without telling the layer.
        self._highest = max(self._highest, int(self.layer.data[plane.indices].max()))
        return self._highest + 1

    def write(self, patch: Patch) -> Patch:
        """Write the pixels that are still free and return them; ValueError where it cannot."""
        region = self._region(patch)
        limit = np.iinfo(region.dtype).max
        if patch.label > limit:
            raise ValueError(
                f"the labels {self.layer.name!r} are full: {region.dtype} ends at {limit} and the "
                f"next object is {patch.label}; choose a new layer"
            )
        free = patch.mask & (region == 0)
        if not free.any():
            raise ValueError(
                "every pixel of this mask belongs to other objects already; "
                "click elsewhere or choose another labels layer"
            )
        region[free] = patch.label
        self.layer.refresh()
        return replace(patch, mask=free)

    def erase(self, patch: Patch) -> None:
        """Free those pixels of ``patch`` that still have its id."""
        region = self._region(patch)
        region[patch.mask & (region == patch.label)] = 0
        self.layer.refresh()

    def _region(self, patch: Patch) -> NDArray[Any]:
        """Return a view of the layer's pixels in the box of ``patch``."""
        data = self.layer.data
        if not (isinstance(data, np.ndarray) and data.flags.writeable):
            raise ValueError(
                f"the labels {self.layer.name!r} cannot be written, they are not a writable numpy "
                "array; choose a new layer"
            )
        plane = data[patch.plane.indices] if data.ndim == len(patch.plane.indices) else None
        region = None if plane is None else plane[patch.box.slices]
        if region is None or region.shape != patch.box.shape:
            raise ValueError(
                f"the labels {self.layer.name!r} have another shape now, {data.shape}; "
                "choose a new layer"
            )
        return region

    def _forget_highest(self) -> None:
        self._highest = None
