"""How much two masks agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def iou(
    mask: NDArray[np.bool_], truth: NDArray[np.bool_], ignore: NDArray[np.bool_] | None = None
) -> float:
    """Return the intersection over union of two (H, W) masks outside ``ignore``; 1 without any."""
    common, either = mask & truth, mask | truth
    if ignore is not None:
        common, either = common & ~ignore, either & ~ignore
    union = np.count_nonzero(either)
    return float(np.count_nonzero(common) / union) if union else 1.0
