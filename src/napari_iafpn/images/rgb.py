"""Any image as the 8-bit colours that training reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.intensity import IntensityScale, robust_limits
from napari_iafpn.images.sampling import sample


def as_rgb8(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an image of any type as (H, W, 3) uint8.

    8-bit images stay as they are. All others are scaled between robust percentiles, jointly over
    the channels, as a prediction without a window scales them. Grey is repeated and a fourth
    channel (alpha) dropped.

    Parameters
    ----------
    image : (H, W) or (H, W, 3 or 4) bool, integer or float
    """
    colours = image[..., :3] if image.ndim == 3 else image[..., None]
    if colours.dtype != np.uint8:
        native = colours.astype(colours.dtype.newbyteorder("="))
        scale = IntensityScale(native.dtype, *robust_limits(sample(native)))
        colours = np.rint(scale(native) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))
