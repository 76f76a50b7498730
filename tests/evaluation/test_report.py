import json

import pytest

from napari_iafpn.clicks import Click
from napari_iafpn.evaluation import ObjectResult, summarise, write_json


def result(*ious, seconds=0.1):
    return ObjectResult("o", (Click(0, 0),) * len(ious), ious, (seconds,) * len(ious))


def test_a_summary_by_hand():
    late = result(*[0.1] * 19, 0.95)
    never = result(*[0.5] * 20, seconds=0.2)
    summary = summarise([result(0.7, 0.82, 0.91), late, never])
    assert summary.objects == 3
    assert summary.noc == {"80": 14, "85": pytest.approx(43 / 3), "90": pytest.approx(43 / 3)}
    assert summary.failures == 2
    assert summary.unreached == 1
    assert summary.miou["1"] == pytest.approx((0.7 + 0.1 + 0.5) / 3)
    assert set(summary.miou) == {"1", "2", "3"}
    assert summary.seconds_per_click == pytest.approx((23 * 0.1 + 20 * 0.2) / 43)


def test_nothing_cannot_be_summarised():
    with pytest.raises(ValueError, match="evaluate at least one object"):
        summarise([])


def test_the_json_holds_all_sets(tmp_path):
    path = tmp_path / "scores.json"
    write_json(path, {"cells": summarise([result(0.95)])}, model="default")
    written = json.loads(path.read_text())
    assert written["model"] == "default"
    assert written["sets"]["cells"]["noc"] == {"80": 1.0, "85": 1.0, "90": 1.0}
