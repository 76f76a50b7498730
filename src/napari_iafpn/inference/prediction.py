"""What one interaction returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.box import Located
from napari_iafpn.masks import BoxedMask


@dataclass(frozen=True, eq=False)
class Prediction:
    """The object's probability, stored where it may differ from 0.

    Attributes
    ----------
    shape : (H, W)
        The plane, in pixels.
    roi : Box
        Region of interest, in the image frame; the probability is 0 outside.
    roi_probability : (roi.height, roi.width) float32
        In [0, 1], read-only.
    view : Box
        What the coarse level looked at.
    seconds : float
        Duration of the prediction.
    device : str
        Where the networks ran; empty where none did.
    notes : tuple of str
        Plain sentences for the user, such as what was done when memory ran out.
    zoomed : bool
        Whether ``roi`` was chosen around the object; False where the whole view was taken.
    """

    shape: tuple[int, int]
    roi: Box
    roi_probability: NDArray[np.float32]
    view: Box
    seconds: float = 0.0
    device: str = ""
    notes: tuple[str, ...] = ()
    zoomed: bool = False

    def __post_init__(self) -> None:
        self.roi_probability.flags.writeable = False

    @classmethod
    def nothing(cls, shape: tuple[int, int], view: Box | None = None) -> Prediction:
        """Return the prediction of no object, which takes no memory on the largest plane."""
        return cls(shape, Box(0, 1, 0, 1), np.zeros((1, 1), np.float32), view or Box.whole(shape))

    @classmethod
    def from_mask(cls, mask: BoxedMask, shape: tuple[int, int]) -> Prediction:
        """Take the mask of an object of a (H, W) plane."""
        return cls(shape, mask.box, mask.mask.astype(np.float32), Box.whole(shape))

    @classmethod
    def from_array(
        cls,
        values: NDArray[np.bool_] | NDArray[np.floating],
        shape: tuple[int, int],
        view: Box | None = None,
    ) -> Prediction:
        """Take an existing mask (bool) or probability (in [0, 1]) of a whole (H, W) plane."""
        values = np.asarray(values)
        if values.shape != shape:
            raise ValueError(
                f"the previous mask has shape {values.shape} and the image {shape}; "
                "give a mask of the image's shape"
            )
        roi = Box.around(values != 0) or Box(0, 1, 0, 1)
        part = values[roi.slices].astype(np.float32)
        if not (part.min() >= 0 and part.max() <= 1):  # also where a value is NaN
            raise ValueError(
                f"the previous mask has values from {part.min():g} to {part.max():g}; "
                "give a bool mask or probabilities between 0 and 1"
            )
        return cls(shape, roi, part, view or Box.whole(shape))

    @property
    def probability(self) -> NDArray[np.float32]:
        """(H, W) float32 of the whole plane."""
        return self.probability_in(Box.whole(self.shape))

    def probability_in(self, box: Box) -> NDArray[np.float32]:
        """(box.height, box.width) float32 of a part of the plane."""
        return self.roi.shown_in(box, self.roi_probability)

    def mask(self, threshold: float = 0.5) -> NDArray[np.bool_]:
        """(H, W) bool of the whole plane: where the probability is above ``threshold``."""
        dense = np.zeros(self.shape, np.bool_)
        dense[self.roi.slices] = self.roi_mask(threshold)
        return dense

    def covers(self, click: Located) -> bool:
        """Tell whether the pixel under a click belongs to the object."""
        return self.roi.contains(click) and bool(self.probability_in(Box.pixel(*click.pixel)) > 0.5)

    def roi_mask(self, threshold: float = 0.5) -> NDArray[np.bool_]:
        """(roi.height, roi.width) bool: where the probability is above ``threshold``."""
        above: NDArray[np.bool_] = self.roi_probability > threshold
        return above
