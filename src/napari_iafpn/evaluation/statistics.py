"""How sure a mean over objects is, and how two models compare on the same objects.

Objects of one image resemble each other, so images are drawn, not objects; where there is one image
alone, its objects are, and the interval says nothing of other images.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

RESAMPLES = 2000
LEVEL = 0.95
CHUNK_VALUES = 2**20


@dataclass(frozen=True)
class Interval:
    """A mean and its bootstrap interval.

    Attributes
    ----------
    mean, low, high : float
    of_one_image : bool
        Whether it only tells how the mean varies over the objects of one image.
    """

    mean: float
    low: float
    high: float
    of_one_image: bool = False


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
    beyond: bool = False,
) -> Interval:
    """Return the mean of ``values`` (N,) and its bootstrap interval.

    ``images`` (N,) names the image of each object; images are drawn with replacement, each with
    all of its objects, or the objects of a single image. Same input, same interval. ``beyond`` is
    that of ``bootstrap``.
    """
    numbers = np.asarray(values, np.float64)
    low, high = bootstrap(
        numbers[:, None], images, resamples=resamples, level=level, seed=seed, beyond=beyond
    )
    return Interval(float(numbers.mean()), float(low[0]), float(high[0]), len(set(images)) == 1)


def bootstrap(
    values: NDArray[np.float64],
    images: Sequence[Hashable],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
    beyond: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds (K,), (K,) of the intervals of the means of ``values`` (N, K).

    The same resamples serve all columns, such as the clicks of a curve. No bound lies outside the
    range of the values unless it may lie ``beyond``.

    Percentile intervals of few images are too narrow. So their distances from the mean are
    multiplied by sqrt(n / (n - 1)) t / z, with the quantiles of Student's t distribution with n - 1
    degrees of freedom and of the normal one, n being the number of what is drawn (after Hesterberg,
    The American Statistician 69, 2015).
    """
    _check(values, images, resamples, level)
    cluster = _numbered(images if len(set(images)) > 1 else range(len(images)))
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
    bounds = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    mean, wider = values.mean(axis=0), _widening(count, 1 - tail)
    low, high = mean + wider * (bounds - mean)
    if beyond:
        return low, high
    return np.maximum(low, values.min(axis=0)), np.minimum(high, values.max(axis=0))


def _widening(count: int, quantile: float) -> float:
    """Return how much wider than its percentiles the interval of ``count`` units is."""
    if count == 1:
        return 1.0
    return float(np.sqrt(count / (count - 1)) * stdtrit(count - 1, quantile) / ndtri(quantile))


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
        mean_interval(gained, images, resamples=resamples, level=level, seed=seed, beyond=True),
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
