"""Overlap of masks and the numbers of clicks the field reports.

A *run* is the sequence of IoUs after each click on one object.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box

if TYPE_CHECKING:
    from napari_iafpn.evaluation.results import ObjectResult

Run = Sequence[float]
BOUNDARY_SHARE = 0.02
"""Width of the boundary band, as a share of the image's diagonal (Cheng et al., 2021)."""


def boundary_width(shape: tuple[int, int]) -> int:
    """Return the width in pixels of the boundary band in an image of ``shape`` (H, W)."""
    return max(1, round(BOUNDARY_SHARE * math.hypot(*shape)))


def boundary_band(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Return the pixels of ``mask`` (H, W) that are at most ``width`` px from its outside.

    Distance is the larger of the distances along rows and columns, so the band is what ``width``
    erosions by 3 x 3 pixels take away. Beyond the border of the image is outside.
    """
    band = np.zeros_like(mask)
    box = Box.around(mask)
    if box is not None:
        part = mask[box.slices]
        inside = band[box.slices]
        inside[...] = part
        core = _eroded(_eroded(part, width).T, width).T
        height, breadth = core.shape
        inside[width : width + height, width : width + breadth] &= ~core
    return band


def clicks_needed(ious: Run, target: float, max_clicks: int) -> int:
    """Return NoC of one object: the first click, counted from 1, whose IoU reaches ``target``.

    ``max_clicks`` where none of the first ``max_clicks`` does. IoUs are compared in float32, as
    the published numbers are. Meaningful only up to the target at which the run stopped.
    """
    return first_success(ious, target, max_clicks) or max_clicks


def first_success(ious: Run, target: float, max_clicks: int) -> int | None:
    """Return the first of ``max_clicks`` clicks, counted from 1, that reaches ``target``."""
    reached = np.flatnonzero(np.asarray(ious[:max_clicks], np.float32) >= np.float32(target))
    return int(reached[0]) + 1 if reached.size else None


def has_failed(ious: Run, target: float, max_clicks: int, *, as_published: bool) -> bool:
    """Tell whether an object counts in NoF.

    ``as_published`` counts a success at the very last click as a failure, as the published
    numbers do; otherwise an object fails that never reaches ``target``.
    """
    if as_published:
        return clicks_needed(ious, target, max_clicks) == max_clicks
    return first_success(ious, target, max_clicks) is None


def count_failures(
    runs: Sequence[Run], target: float, max_clicks: int, *, as_published: bool
) -> int:
    """Return NoF: the number of runs that fail, see ``has_failed``."""
    return sum(has_failed(run, target, max_clicks, as_published=as_published) for run in runs)


def success_counts(runs: Sequence[Run], target: float, max_clicks: int) -> NDArray[np.int64]:
    """Return how many objects reach ``target`` first at click 1, 2, ...: (max_clicks,) int64.

    Their sum is smaller than the number of objects where some never do.
    """
    found = [first_success(run, target, max_clicks) for run in runs]
    clicks = np.array([click - 1 for click in found if click is not None], np.int64)
    return np.bincount(clicks, minlength=max_clicks).astype(np.int64)


def keep_last(run: Run, max_clicks: int) -> list[float]:
    """Return a run of ``max_clicks`` IoUs in which a finished object keeps its last one."""
    return [*run[:max_clicks], *[run[-1]] * (max_clicks - len(run))]


def mean_kept_iou_curve(runs: Sequence[Run], max_clicks: int) -> NDArray[np.float64]:
    """Return the mean IoU after each click where finished objects keep their last IoU.

    (max_clicks,) float64. Not the published mIoU@k, in which satisfied users click on.
    """
    if not runs:
        return np.empty(0)
    kept: NDArray[np.float64] = np.mean([keep_last(run, max_clicks) for run in runs], axis=0)
    return kept


@dataclass(frozen=True)
class SecondsPerClick:
    """SPC: mean seconds per click, in all and of the parts."""

    total: float
    network: float
    user: float
    other: float


def seconds_per_click(results: Sequence[ObjectResult]) -> SecondsPerClick:
    """Return SPC over all clicks of ``results``; without reading images and loading the model.

    A box or a stroke before them counts as the two clicks that it costs.
    """
    clicks = sum(len(result.ious) for result in results)
    if clicks == 0:
        raise ValueError("there is no click to time; evaluate at least one object")
    parts = {
        part: math.fsum(s for result in results for s in getattr(result, f"{part}_seconds"))
        for part in ("network", "user", "other")
    }
    shares = {part: seconds / clicks for part, seconds in parts.items()}
    return SecondsPerClick(total=sum(parts.values()) / clicks, **shares)


def _eroded(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Keep the True pixels with ``width`` True ones above and below; drop the margin's rows."""
    if mask.shape[0] <= 2 * width:
        return mask[:0]
    # RunLengths of 1, 2, 4, ... rows: each step joins two runs that may overlap.
    length, wanted = 1, 2 * width + 1
    while length < wanted:
        step = min(length, wanted - length)
        mask = mask[:-step] & mask[step:]
        length += step
    return mask
