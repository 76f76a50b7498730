"""Overlap of masks and the numbers of clicks the field reports."""

from __future__ import annotations

from collections.abc import Sequence

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


def clicks_needed(ious: Sequence[float], target: float, max_clicks: int) -> int:
    """Return NoC of one object: the first click, counted from 1, whose IoU reaches ``target``.

    ``max_clicks`` where none does. IoUs are compared in float32, as the published numbers are.
    """
    reached = np.flatnonzero(np.asarray(ious, np.float32) >= np.float32(target))
    return int(reached[0]) + 1 if reached.size else max_clicks


def mean_iou_after(runs: Sequence[Sequence[float]], count: int) -> float | None:
    """Return mIoU@k over objects; None where a run stopped before click ``count``."""
    if not runs or any(len(ious) < count for ious in runs):
        return None
    return float(np.mean([ious[count - 1] for ious in runs]))
