"""One annotated image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True)
class Sample:
    """An image and its objects.

    Attributes
    ----------
    image : (H, W, 3) uint8
    instances : (H, W) int
        Object ids, 0 = background.
    ignore : (H, W) bool or None
        Pixels without a truth.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.integer]
    ignore: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.image.shape[:2] != self.instances.shape:
            raise ValueError(
                f"the image has {self.image.shape[:2]} pixels, its labels {self.instances.shape}; "
                "give labels of the image's size"
            )

    @cached_property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each id, indexed by id."""
        return np.bincount(self.instances.ravel()).astype(np.int64)

    @cached_property
    def boxes(self) -> list[tuple[slice, slice] | None]:
        """Box of each id, indexed by id - 1."""
        found: list[tuple[slice, slice] | None] = ndimage.find_objects(self.instances)
        return found

    def ids(self, min_area: int) -> NDArray[np.intp]:
        """Return the ids of at least ``min_area`` pixels."""
        return np.flatnonzero(self.areas[1:] >= min_area) + 1
