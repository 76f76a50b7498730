"""The simulated user, IoU and NoC of the field, click by click."""

import json
from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.evaluation import Protocol, annotate, clicks_needed
from napari_iafpn.evaluation.metrics import count_failures, first_success, mean_kept_iou_curve
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.prompts.deepest import deepest

FOLDER = Path(__file__).parent
GOLDEN = json.loads((FOLDER / "clicks.json").read_text())
MASKS = np.load(FOLDER / "masks.npz")
TARGETS = {"80": 0.80, "85": 0.85, "90": 0.90}


def predictor_of(golden):
    """Return the fake predictor of a golden run: disks around the clicks."""
    labels = MASKS[golden["mask"]]
    rows, cols = np.mgrid[: labels.shape[0], : labels.shape[1]]

    def near(clicks, radius):
        disks = [(rows - c.row) ** 2 + (cols - c.col) ** 2 <= radius**2 for c in clicks]
        return np.any(disks, axis=0) if disks else np.zeros(labels.shape, bool)

    def segment(clicks):
        object_ = near(clicks.positives, golden["r_pos"])
        return (object_ & ~near(clicks.negatives, golden["r_neg"])).astype(np.float32)

    return segment


def run_of(golden):
    """Repeat a golden run."""
    labels = MASKS[golden["mask"]]
    return annotate(
        predictor_of(golden),
        labels == 1,
        labels == -1,
        protocol=Protocol(max_clicks=20, target=golden["max_iou_thr"], threshold=0.49),
    )


@pytest.mark.parametrize(
    "golden", GOLDEN["runs"], ids=lambda run: f"{run['mask']}-{run['r_pos']}-{run['mode']}"
)
def test_run_is_reproduced_exactly(golden):
    result = run_of(golden)
    clicks = [[click.row, click.col, click.positive] for click in result.clicks]
    assert clicks == golden["clicks"]
    assert list(result.ious) == golden["ious"]
    for name, target in TARGETS.items():
        assert clicks_needed(result.ious, target, 20) == golden[f"noc{name}"]
        assert (first_success(result.ious, target, 20) is not None) == golden[f"reached{name}"]


@pytest.mark.parametrize(
    "golden", GOLDEN["runs"], ids=lambda run: f"{run['mask']}-{run['r_pos']}-{run['mode']}"
)
def test_clicks_are_exactly_as_deep(golden):
    """Compare the exact squared depth of every click; where all is right it is 0."""
    labels, segment = MASKS[golden["mask"]], predictor_of(golden)
    clicks = Prompts.of(Click(*click) for click in golden["clicks"])
    not_clicked = np.ones(labels.shape, bool)
    for count, expected in enumerate(golden["max_dist_squared"]):
        mask = segment(clicks.prefix(count)) > 0.49
        errors = ((labels == 1) & ~mask) + 2 * ((labels == 0) & mask)
        found = deepest(errors.astype(np.uint8), not_clicked)
        assert (0 if found is None else found[0]) == expected
        not_clicked[clicks[count].pixel] = False


@pytest.mark.parametrize("golden", GOLDEN["summary"], ids=lambda s: f"r{s['r_pos']}")
def test_summary_over_objects_is_reproduced(golden):
    runs = [run for run in GOLDEN["runs"] if run["r_pos"] == golden["r_pos"]]
    stopping = [run["ious"] for run in runs if run["mode"] == "stop_at_90"]
    for name, target in TARGETS.items():
        needed = [clicks_needed(ious, target, 20) for ious in stopping]
        assert np.mean(needed) == pytest.approx(golden["noc"][name], abs=1e-12)
        failures = count_failures(stopping, target, 20, as_published=True)
        assert failures == golden["over_max"][name]
    full = [run["ious"] for run in runs if run["mode"] == "no_stop"]
    for count, expected in golden["miou_at_k"].items():
        assert mean_kept_iou_curve(full, 20)[int(count) - 1] == pytest.approx(expected, abs=1e-7)


def test_noc_of_hand_made_ious():
    golden = GOLDEN["noc_metric_unit"]
    for target, noc, failures in zip(
        golden["thresholds"], golden["noc"], golden["over_max"], strict=True
    ):
        needed = [clicks_needed(ious, target, 20) for ious in golden["ious"]]
        assert np.mean(needed) == pytest.approx(noc)
        assert count_failures(golden["ious"], target, 20, as_published=True) == failures
