"""The numbers and sentences of a report, checked by hand."""

from types import SimpleNamespace

import pytest

from napari_iafpn.evaluation import MaskCode, ObjectResult, Protocol, compare, summarise
from napari_iafpn.evaluation.report.comparison import Comparison
from napari_iafpn.evaluation.report.summary import headline_target, targets_of
from napari_iafpn.evaluation.report.wording import (
    clicks_sentence,
    comparison_sentence,
    share_phrase,
)
from napari_iafpn.evaluation.statistics import Interval
from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click


def result(ious, label=1, *, image="i", model="a", set_name="cells", view_scale=None):
    count = len(ious)
    return ObjectResult(
        set=set_name,
        image=image,
        label=label,
        model=model,
        view_scale=view_scale,
        view=Box(0, 8, 0, 8),
        area=4,
        clicks=(Click(1, 1),) * count,
        ious=tuple(ious),
        boundary_ious=tuple(iou / 2 for iou in ious),
        network_seconds=(0.1,) * count,
        user_seconds=(0.02,) * count,
        other_seconds=(0.01,) * count,
        mask=MaskCode((8, 8), None, ""),
    )


QUICK = (0.7, 0.82, 0.91)
LATE = (*[0.1] * 19, 0.95)
NEVER = (0.5,) * 20


def test_a_summary_by_hand():
    summary = summarise([result(QUICK), result(LATE, 2), result(NEVER, 3)], Protocol())
    means = {target: interval.mean for target, interval in summary.noc.items()}
    assert means == {"80": 14, "85": pytest.approx(43 / 3), "90": pytest.approx(43 / 3)}
    assert summary.failures["90"] == 2
    assert summary.unreached["90"] == 1
    assert summary.successes["85"] == (0, 0, 1, *[0] * 16, 1)
    assert summary.iou.mean[0] == pytest.approx((0.7 + 0.1 + 0.5) / 3)
    assert summary.iou.mean[4] == pytest.approx((0.91 + 0.1 + 0.5) / 3)  # QUICK keeps its last
    assert summary.boundary_iou.mean == pytest.approx((0.91 + 0.95 + 0.5) / 6)
    assert summary.seconds.total == pytest.approx(0.13)
    assert summary.seconds.network == pytest.approx(0.1)
    assert summary.failed == ("i:3",)


def test_intervals_hold_the_mean_and_grow_with_its_uncertainty():
    images = [result(ious, n, image=str(n)) for n, ious in enumerate([QUICK, LATE, NEVER] * 4)]
    spread = summarise(images, Protocol()).noc["90"]
    assert spread.low < spread.mean < spread.high
    alike = summarise([result(QUICK, n, image=str(n)) for n in range(12)], Protocol()).noc["90"]
    assert (alike.low, alike.high) == (3, 3)


@pytest.mark.parametrize(
    ("target", "targets", "headline"),
    [
        (0.9, (0.8, 0.85, 0.9), 0.85),
        (1.01, (0.8, 0.85, 0.9, 0.95), 0.85),
        (0.88, (0.8, 0.85, 0.88), 0.85),
        (0.5, (0.5,), 0.5),
    ],
)
def test_no_target_beyond_the_one_at_which_the_user_stopped(target, targets, headline):
    protocol = Protocol(target=target)
    assert targets_of(protocol) == targets
    assert headline_target(protocol) == headline


def test_nothing_cannot_be_summarised():
    with pytest.raises(ValueError, match="evaluate at least one object"):
        summarise([], Protocol())


def test_plain_words():
    nine = [result(QUICK, n) for n in range(9)]
    summary = summarise([*nine, result(NEVER, 9)], Protocol())
    assert clicks_sentence(summary, 0.85) == (
        "On average 4.7 clicks per object to reach 85 % overlap; 9 in 10 objects within 3."
    )
    summary = summarise([*nine[:4], result(NEVER, 9)], Protocol())
    assert share_phrase(summary, 0.85) == "4 of 5 objects got there within 20 clicks"
    one = summarise([result((0.95,))], Protocol())
    assert clicks_sentence(one, 0.85).startswith("On average 1 click per object")


def test_a_comparison_by_hand():
    first = [result(QUICK, 1), result(QUICK, 2), result(LATE, 3), result(QUICK, 9)]
    second = [
        result((0.95,), 1, model="b"),
        result(QUICK, 2, model="b"),
        result(NEVER, 3, model="b"),
        result(QUICK, 8, model="b"),
    ]
    found = compare(first, second, Protocol(), 0.9)
    assert (found.first, found.second, found.key) == ("a", "b", "cells")
    assert (found.objects, found.left_out) == (3, 2)
    assert found.difference.mean == pytest.approx(-2 / 3)
    assert (found.better, found.equal, found.worse) == (1, 2, 0)


def test_models_are_compared_on_the_same_objects_only():
    with pytest.raises(ValueError, match="no object in common"):
        compare([result(QUICK, 1)], [result(QUICK, 2, model="b")], Protocol())
    with pytest.raises(ValueError, match="several sets, views or models"):
        compare([result(QUICK), result(QUICK, set_name="other")], [result(QUICK)], Protocol())
    with pytest.raises(ValueError, match=r"stopped at 0\.9"):
        compare([result(QUICK)], [result(QUICK, model="b")], Protocol(), 0.95)


@pytest.mark.parametrize(
    ("difference", "change", "bounds"),
    [
        (Interval(-0.8, -1.1, -0.5), "0.8 clicks fewer", "0.5 to 1.1"),
        (Interval(0.8, 0.5, 1.1), "0.8 clicks more", "0.5 to 1.1"),
        (Interval(-0.8, -2, 0.4), "0.8 clicks fewer", "2.0 fewer to 0.4 more"),
    ],
)
def test_the_sentence_of_a_comparison(difference, change, bounds):
    numbers = SimpleNamespace(better=40, equal=60, worse=20, objects=120, left_out=0)
    comparison = Comparison("a", "b", "cells", 0.85, difference=difference, **vars(numbers))
    sentence = comparison_sentence(comparison)
    assert sentence.startswith(
        f"b needs {change} per object to 85 % than a, 95 % interval {bounds}; "
        "better on 40, equal on 60, worse on 20 of 120"
    )
    assert ("do not tell the two apart" in sentence) == ("fewer to" in bounds)
