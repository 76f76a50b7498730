"""The thread: one job at a time, the newest one."""

import threading
from dataclasses import replace
from queue import Queue

import numpy as np
import pytest

from napari_iafpn.inference import Prediction
from napari_iafpn.plugin.messages import (
    MaskFailed,
    MaskReady,
    MaskWanted,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelWanted,
)
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.worker import PredictionWorker
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import DisplaySettings, PlaneKey

SHAPE = (20, 30)
IMAGE = np.zeros(SHAPE, np.uint8)
SOURCE = PlaneSource(PlaneKey("image", (0, 1)), DisplaySettings((0.0, 1.0)), {"image": (IMAGE,)})


class Predictor:
    """Counts the pixels of the previous mask up; waits at a gate."""

    device = "here"

    def __init__(self):
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.asked = []

    def predict(self, plane, clicks, previous=None, *, view=None):
        self.asked.append(Prompts.of(clicks))
        self.entered.set()
        assert self.gate.wait(5)
        mask = np.zeros(plane.shape, bool)
        mask.flat[: previous.mask().sum() + 1] = True
        return Prediction.from_array(mask, plane.shape)


@pytest.fixture
def predictor():
    return Predictor()


@pytest.fixture
def reports():
    return Queue()


@pytest.fixture
def worker(predictor, reports):
    def load(model):
        if model == "bad":
            raise ValueError("bad is no model")
        return predictor

    worker = PredictionWorker(reports.put, load)
    yield worker
    predictor.gate.set()
    worker.close(5)
    assert not [t for t in threading.enumerate() if t.name == "napari-iafpn"]


def wanted(*clicks, number=1, model="good", source=SOURCE):
    return MaskWanted(model, source, number, Prompts.of(Click(r, c) for r, c in clicks))


def get(reports):
    return reports.get(timeout=5)


def test_the_model_is_loaded_once(worker, reports):
    worker.submit(ModelWanted("good"))
    assert [get(reports), get(reports)] == [ModelLoading("good"), ModelReady("good", "here")]
    job = wanted((1, 2))
    worker.submit(job)
    report = get(reports)
    assert isinstance(report, MaskReady)
    assert report.wanted is job
    assert report.prediction.mask().sum() == 1


def test_a_click_builds_on_the_mask_before_and_an_object_on_nothing(worker, reports, predictor):
    worker.submit(ModelWanted("good"))
    get(reports), get(reports)
    counts = []
    for job in (
        wanted((1, 2)),
        wanted((1, 2), (3, 4)),
        wanted((1, 2), (3, 4), (5, 6)),
        wanted((1, 2)),
        wanted((7, 8), number=2),
    ):
        worker.submit(job)
        counts.append(int(get(reports).prediction.mask().sum()))
    assert counts == [1, 2, 3, 1, 1]
    assert len(predictor.asked) == 4, "going back costs no prediction"


def test_the_newest_job_replaces_those_before(worker, reports, predictor):
    worker.submit(ModelWanted("good"))
    get(reports), get(reports)
    predictor.gate.clear()
    worker.submit(wanted((1, 2), (3, 4), (5, 6)))
    assert predictor.entered.wait(5)
    for col in range(5):
        worker.submit(newest := wanted((9, col)))
    predictor.gate.set()
    assert get(reports).wanted is newest
    assert reports.empty()
    assert [len(clicks) for clicks in predictor.asked] == [1, 1]


def test_stop_drops_the_result(worker, reports, predictor):
    worker.submit(ModelWanted("good"))
    get(reports), get(reports)
    predictor.gate.clear()
    worker.submit(wanted((1, 2)))
    assert predictor.entered.wait(5)
    worker.stop()
    predictor.gate.set()
    worker.submit(job := wanted((3, 4)))
    assert get(reports).wanted is job
    assert reports.empty()


def test_failures_are_reported_in_a_sentence(worker, reports):
    worker.submit(wanted((1, 2), model="bad"))
    assert [get(reports), get(reports)] == [
        ModelLoading("bad"),
        ModelFailed("bad", "bad is no model"),
    ]
    strange = replace(SOURCE, images={"image": (IMAGE.astype(complex),)})
    worker.submit(job := wanted((1, 2), source=strange))
    assert isinstance(get(reports), ModelLoading)
    assert isinstance(get(reports), ModelReady)
    report = get(reports)
    assert isinstance(report, MaskFailed)
    assert report.wanted is job
    assert "complex128 has no intensities" in report.sentence


def test_a_model_that_cannot_be_loaded_leaves_the_one_before(worker, reports):
    for model in ("good", "bad"):
        worker.submit(ModelWanted(model))
        get(reports), get(reports)
    worker.submit(wanted((1, 2)))
    assert isinstance(get(reports), MaskReady)


def test_a_closed_worker_starts_again(worker, reports):
    worker.submit(ModelWanted("good"))
    get(reports), get(reports)
    worker.close(5)
    assert not [t for t in threading.enumerate() if t.name == "napari-iafpn"]
    worker.submit(wanted((1, 2)))
    assert isinstance(get(reports), MaskReady)
    assert reports.empty(), "the model is still loaded"


def test_a_worker_closed_while_it_works_reports_nothing(worker, reports, predictor):
    worker.submit(ModelWanted("good"))
    get(reports), get(reports)
    predictor.gate.clear()
    worker.submit(wanted((1, 2)))
    assert predictor.entered.wait(5)
    worker.close(0.01)
    worker.submit(job := wanted((3, 4)))
    predictor.gate.set()
    assert get(reports).wanted is job
    assert reports.empty()
