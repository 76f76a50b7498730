"""How sure a mean over objects is, and how two models compare on the same objects.

Objects of one image resemble each other, so images are drawn, not objects.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000
LEVEL = 0.95
CHUNK_VALUES = 2**20


@dataclass(frozen=True)
class Interval:
    """A mean and the percentile interval of its bootstrap distribution."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """Two models on the same objects.

    Attributes
    ----------
    difference : Interval
        Of the second model's value minus the first's.
    better, worse, equal : float
        Shares of the objects on which the second model is better, worse or equal; sum to 1.
    """

    difference: Interval
    better: float
    worse: float
    equal: float


def mean_interval(
    values: ArrayLike,
    images: Sequence[Hashable],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``values`` (N,) and its bootstrap interval.

    ``images`` (N,) names the image of each object; images are drawn with replacement, each with
    all of its objects. Same input, same interval.
    """
    numbers = np.asarray(values, np.float64)
    low, high = bootstrap(numbers[:, None], images, resamples=resamples, level=level, seed=seed)
    return Interval(float(numbers.mean()), float(low[0]), float(high[0]))


def bootstrap(
    values: NDArray[np.float64],
    images: Sequence[Hashable],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds (K,), (K,) of the intervals of the means of ``values`` (N, K).

    The same resamples serve all columns, such as the clicks of a curve.
    """
    _check(values, images, resamples, level)
    cluster = _numbered(images)
    count = int(cluster.max()) + 1
    columns = [np.ones(len(values)), *values.T]
    sums = np.stack([np.bincount(cluster, column, count) for column in columns], axis=1)
    rng, means = np.random.default_rng(seed), []
    left = resamples
    while left:
        rows = min(left, max(1, CHUNK_VALUES // count))
        drawn = rng.integers(0, count, (rows, count)) + np.arange(rows)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        totals = times.astype(np.float64) @ sums  # (rows, 1 + K)
        means.append(totals[:, 1:] / totals[:, :1])
        left -= rows
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high


def compare_paired(
    first: ArrayLike,
    second: ArrayLike,
    images: Sequence[Hashable],
    *,
    lower_is_better: bool = True,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Paired:
    """Compare the values (N,) of two models on the same N objects, in the same order."""
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape:
        raise ValueError(
            f"the first model has {one.size} values, the second {two.size}; "
            "compare models on the same objects"
        )
    gained = two - one
    change = -gained if lower_is_better else gained
    return Paired(
        mean_interval(gained, images, resamples=resamples, level=level, seed=seed),
        better=float(np.mean(change > 0)),
        worse=float(np.mean(change < 0)),
        equal=float(np.mean(change == 0)),
    )


def _numbered(images: Sequence[Hashable]) -> NDArray[np.intp]:
    """Give each image a number, in their order of appearance: (N,)."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(image, len(numbers)) for image in images], np.intp)


def _check(
    values: NDArray[np.float64], images: Sequence[Hashable], resamples: int, level: float
) -> None:
    if len(values) == 0:
        raise ValueError("there is no value to take a mean of; evaluate at least one object")
    if len(values) != len(images):
        raise ValueError(
            f"got {len(values)} values and {len(images)} images; give the image of each value"
        )
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; give a whole number from 1 on")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give a share between 0 and 1, such as 0.95")
