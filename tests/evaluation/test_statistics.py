import time

import numpy as np
import pytest

from napari_iafpn.evaluation import compare_paired, mean_interval
from napari_iafpn.evaluation.statistics import Interval, bootstrap


def test_the_interval_of_a_mean_is_the_textbook_one(rng):
    values = rng.normal(5, 2, 900)
    interval = mean_interval(values, range(900))
    error = values.std() / 900**0.5
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_objects_of_one_image_count_as_one(rng):
    per_image = rng.normal(0, 1, 50)
    images = np.repeat(np.arange(50), 20)
    clustered = mean_interval(per_image[images], images.tolist())
    naive = mean_interval(per_image[images], range(1000))
    assert (clustered.high - clustered.low) / (naive.high - naive.low) == pytest.approx(
        20**0.5, rel=0.2
    )


def test_images_of_different_size_are_drawn_whole():
    # Two images: three objects of value 0, one of value 1; resampled means are 0, 1/4 and 1.
    interval = mean_interval([0, 0, 0, 1], ["a", "a", "a", "b"])
    assert (interval.mean, interval.low, interval.high) == (0.25, 0, 1)


def test_of_one_image_the_objects_are_drawn():
    values = np.arange(40.0) % 7
    one, many = mean_interval(values, ["a"] * 40), mean_interval(values, range(40))
    assert (one.low, one.high) == (many.low, many.high)
    assert (one.of_one_image, many.of_one_image) == (True, False)
    assert mean_interval([3], ["a"]) == Interval(3, 3, 3, of_one_image=True)


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_few_images_rarely_tell_apart_what_is_equal(rng, count):
    images, wrong = np.repeat(np.arange(count), 4).tolist(), 0
    for _ in range(200):
        values = np.repeat(rng.normal(0, 1, count), 4) + rng.normal(0, 1, 4 * count)
        interval = compare_paired(0 * values, values, images, resamples=400).difference
        wrong += not interval.low <= 0 <= interval.high
    assert wrong / 200 < 0.1


def test_the_seed_decides():
    values, images = np.arange(40.0) % 7, [number // 3 for number in range(40)]
    assert mean_interval(values, images) == mean_interval(values, images)
    assert mean_interval(values, images) != mean_interval(values, images, seed=1)


def test_a_wider_level_is_a_wider_interval():
    values = np.arange(40.0) % 7
    narrow, wide = (mean_interval(values, range(40), level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_curves_get_the_interval_of_each_point(rng):
    values, images = rng.random((60, 3)), (np.arange(60) // 4).tolist()
    low, high = bootstrap(values, images)
    for column in range(3):
        interval = mean_interval(values[:, column], images)
        assert (interval.low, interval.high) == pytest.approx((low[column], high[column]))


def test_seven_thousand_objects_take_less_than_a_second(rng):
    start = time.process_time()
    mean_interval(rng.random(7000), range(7000))
    assert time.process_time() - start < 2  # of both cores


def test_paired_comparison_by_hand():
    paired = compare_paired([3, 5, 2, 20], [1, 5, 4, 20], ["a", "b", "c", "d"])
    assert paired.difference.mean == 0
    assert (paired.better, paired.worse, paired.equal) == (0.25, 0.25, 0.5)
    higher = compare_paired([0.5, 0.5], [0.6, 0.9], ["a", "b"], lower_is_better=False)
    assert (higher.better, higher.worse) == (1, 0)
    assert higher.difference.mean == pytest.approx(0.25)


def test_pairs_tell_more_than_two_means(rng):
    hard = rng.gamma(2, 4, 200)
    first, second = hard + rng.normal(0, 0.1, 200), hard - 0.5 + rng.normal(0, 0.1, 200)
    paired = compare_paired(first, second, range(200))
    assert paired.difference.low < -0.5 < paired.difference.high < 0
    assert mean_interval(first, range(200)).low < mean_interval(second, range(200)).high


@pytest.mark.parametrize(
    ("values", "images", "options", "sentence"),
    [
        ([], [], {}, "there is no value"),
        ([1, 2], ["a"], {}, "got 2 values and 1 images"),
        ([1], ["a"], {"resamples": 0}, "resamples is 0"),
        ([1], ["a"], {"level": 95}, "level is 95"),
    ],
)
def test_bad_input_gets_a_sentence(values, images, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        mean_interval(values, images, **options)


def test_models_are_compared_on_the_same_objects():
    with pytest.raises(ValueError, match="the first model has 2 values, the second 1"):
        compare_paired([1, 2], [1], ["a", "b"])
