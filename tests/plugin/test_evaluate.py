"""The evaluation's controller, data and numbers, without a window and without a network."""

import threading
from dataclasses import replace
from queue import Queue

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iafpn.evaluation import (
    PRESETS,
    EvaluationProgress,
    LayerSet,
    MaskCode,
    ObjectResult,
    Results,
    Sample,
)
from napari_iafpn.evaluation.run import Problem
from napari_iafpn.evaluation.statistics import Interval
from napari_iafpn.geometry import Box
from napari_iafpn.inference import Cancelled
from napari_iafpn.plugin.evaluation import runner as runner_module
from napari_iafpn.plugin.evaluation.controller import EvaluationController, Exhibit, time_left
from napari_iafpn.plugin.evaluation.request import FolderSource, LayerPairs, Request
from napari_iafpn.plugin.evaluation.runner import (
    THREAD,
    Began,
    EvaluationCancelled,
    EvaluationFailed,
    Finished,
    Progressed,
    ReportSaved,
    Runner,
)
from napari_iafpn.plugin.evaluation.scene import ObjectViewer
from napari_iafpn.plugin.evaluation.scores import ScoresSoFar, saved_sentence
from napari_iafpn.prompts import Click
from napari_iafpn.sessions import PlaneKey

SHAPE = (20, 30)
PROTOCOL = PRESETS["plugin"]
ABOUT = {"started": "2026-02-03T04:05:06+00:00"}


def labels(*boxes, shape=SHAPE):
    ids = np.zeros(shape, np.int32)
    for label, (rows, cols) in enumerate(boxes, 1):
        ids[..., rows, cols] = label
    return ids


ONE = (slice(2, 8), slice(3, 9))
TWO = (slice(10, 18), slice(12, 28))


def source(image=None, ids=None, rgb=False):
    image = np.zeros(SHAPE, np.uint8) if image is None else image
    ids = labels(ONE, TWO) if ids is None else ids
    return LayerPairs("id", "cells", "id2", "truth", image, ids, rgb)


def result(label, ious, model="a", image="cells"):
    clicks = tuple(Click(number, number) for number in range(len(ious)))
    return ObjectResult(
        set="cells",
        image=image,
        label=label,
        model=model,
        view_scale=None,
        view=Box.whole(SHAPE),
        area=36,
        clicks=clicks,
        ious=tuple(ious),
        boundary_ious=tuple(ious),
        network_seconds=(0.1,) * len(ious),
        user_seconds=(0.0,) * len(ious),
        other_seconds=(0.0,) * len(ious),
        mask=MaskCode.encode(np.ones(SHAPE, bool)),
    )


class Work:
    """Remembers what it was asked for."""

    def __init__(self):
        self.requests, self.saved, self.cancels = [], [], 0

    def evaluate(self, request):
        self.requests.append(request)

    def save(self, results, annotated, folder):
        self.saved.append(folder)

    def cancel(self):
        self.cancels += 1


def at_once(read, then):
    """Read in this thread, as `BackgroundTasks` does in one of its own."""
    try:
        found = read()
    except (ValueError, OSError) as error:
        found = error
    then(found)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def controller(work):
    controller = EvaluationController(work, at_once)
    controller.messages = []
    controller.said.connect(controller.messages.append)
    return controller


REQUEST = Request(source(), ("a",))


def begin(controller, models=("a",)):
    controller.start(replace(REQUEST, models=models))
    controller.receive(Began(source().open(), models, PROTOCOL))


def progress(controller, done, last=None, total=2, left=30.0):
    controller.receive(Progressed(EvaluationProgress(done, total, left, last)))


def last(controller):
    return controller.messages[-1].text


class TestController:
    def test_a_run_from_start_to_end(self, controller, work):
        begin(controller)
        controller.start(REQUEST)
        assert work.requests == [REQUEST], "one at a time"
        assert controller.busy
        progress(controller, 0, left=float("inf"))
        assert last(controller) == "0 of 2 objects."
        progress(controller, 1, result(1, [0.5, 0.92]))
        assert last(controller) == "1 of 2 objects, about 30 s left."
        assert [line.overlap[1] for line in controller.scores.lines()] == [0.92]
        both = (result(1, [0.5, 0.92]), result(2, [0.95]))
        problem = Problem("cells", "b", None, "it is empty")
        controller.receive(Finished(Results(both, (problem,), ABOUT)))
        assert not controller.busy
        assert controller.can_save
        assert last(controller) == (
            "Done: 2 objects in 1 image. 1 left out, first image 'b': it is empty."
        )

    def test_cancelling_keeps_what_is_finished(self, controller, work):
        begin(controller)
        progress(controller, 1, result(1, [0.95]))
        controller.cancel()
        assert work.cancels == 1
        assert controller.busy, "until the processes have ended"
        controller.receive(EvaluationCancelled())
        assert not controller.busy
        assert not controller.can_save
        assert last(controller) == "Stopped after 1 of 2 objects; they are shown."
        assert len(controller.scores.results) == 1

    def test_a_failure_is_one_sentence_and_leaves_it_ready(self, controller, work):
        begin(controller)
        controller.receive(EvaluationFailed("there is no model 'x'; choose another"))
        assert controller.messages[-1].error
        assert last(controller) == "There is no model 'x'; choose another."
        controller.start(REQUEST)
        assert len(work.requests) == 2

    def test_what_was_on_its_way_when_the_widget_closed_changes_nothing(self, controller):
        begin(controller)
        controller.abandon()
        progress(controller, 1, result(1, [0.95]))
        controller.receive(EvaluationFailed("late"))
        assert controller.progress is None
        assert last(controller) == "Stopped."

    def test_choosing_an_object_shows_it_with_its_truth(self, controller):
        begin(controller)
        progress(controller, 1, result(2, [0.3, 0.4]))
        shown = []
        controller.exhibited.connect(shown.append)
        controller.show(controller.scores.worst("a")[0])
        assert shown[0].result.label == 2
        assert np.array_equal(shown[0].sample.truth(2), labels(ONE, TWO) == 2)

    def test_an_image_of_another_evaluation_is_another_one(self, tmp_path):
        viewer = ViewerModel()
        scene = ObjectViewer(viewer)
        for value in (10, 200, 90):  # one name; the folder may be the same one, changed
            image = np.full(SHAPE, value, np.uint8)
            sample = Sample("a", image, labels(ONE, TWO), (1, 2))
            exhibits = [Exhibit(FolderSource(tmp_path), sample, result(1, [0.5]))]
            exhibits.append(replace(exhibits[0], result=result(2, [0.5])))
            opened = []
            for exhibit in exhibits:
                scene.show(exhibit)
                opened.append(viewer.layers["a"])
            assert opened[0] is opened[1]
            assert np.array_equal(opened[0].data, image)

    def test_of_two_chosen_objects_only_the_later_one_is_shown(self, work):
        waiting = []
        controller = EvaluationController(work, lambda read, then: waiting.append((read, then)))
        begin(controller)
        for number, label in enumerate((1, 2), start=1):
            progress(controller, number, result(label, [0.3, 0.4]))
        shown = []
        controller.exhibited.connect(shown.append)
        for row in controller.scores.worst("a"):
            controller.show(row)
        for read, then in reversed(waiting):  # the first one takes longer
            then(read())
        assert [exhibit.result for exhibit in shown] == [controller.scores.worst("a")[1].result]

    def test_a_report_never_overwrites_anything(self, controller, work, tmp_path):
        begin(controller)
        controller.receive(Finished(Results((result(1, [0.95]),), (), ABOUT)))
        controller.save(tmp_path)
        controller.receive(ReportSaved(tmp_path))
        (tmp_path / "mine.txt").write_text("x")
        (tmp_path / "evaluation 2026-02-03 04.05").mkdir()
        controller.save(tmp_path)
        assert not controller.can_cancel
        controller.receive(EvaluationFailed("no room on the disk"))
        controller.save(tmp_path / "new")
        assert work.saved == [
            tmp_path,
            tmp_path / "evaluation 2026-02-03 04.05 (2)",
            tmp_path / "new",
        ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (float("inf"), ""),
        (0.0, ""),
        (2.0, "about 5 s left"),
        (100.0, "about 2 min left"),
        (7200.0, "about 2.0 h left"),
    ],
)
def test_time_left(seconds, text):
    assert time_left(seconds) == text


class TestScores:
    def test_worst_first_and_those_that_never_got_there_before_all(self):
        results = (
            result(1, [0.95]),
            result(2, [0.2, 0.5, 0.9]),
            result(3, [0.1] * 20),
            result(4, [0.4] * 20),
        )
        rows = ScoresSoFar(("a",), PROTOCOL, results).worst("a")
        assert [(row.result.label, row.clicks) for row in rows] == [
            (3, None),
            (4, None),
            (2, 3),
            (1, 1),
        ]

    def test_the_curve_keeps_the_overlap_of_finished_objects(self):
        line = ScoresSoFar(("a",), PROTOCOL, (result(1, [0.9]), result(2, [0.5, 0.7]))).lines()[0]
        assert np.allclose(line.overlap, [0.7, 0.8, 0.8, 0.8, 0.8])

    def test_sentences_of_two_models_on_one_image(self):
        first = [result(label, [0.5, 0.6, 0.95]) for label in range(1, 11)]
        second = [result(label, [0.9], "b") for label in range(1, 6)]
        second += [result(label, [0.2, 0.9], "b") for label in range(6, 11)]
        one, two, saved = ScoresSoFar(("a", "b"), PROTOCOL, (*first, *second)).sentences()
        assert one.startswith("a: On average 3 clicks per object to reach 85 % overlap")
        assert two.startswith("b: On average 1.5 clicks per object")
        assert saved.startswith("b saves 1.5 clicks per object (95 % interval over the objects")
        low, high = (float(part) for part in saved.split("image ")[1].rstrip(").").split(" to "))
        assert 1.0 < low < 1.5 < high < 2.0, "an interval over one image would have no width"

    def test_no_object_of_both_models_yet(self):
        found = (result(1, [0.95]), result(2, [0.95], "b"))
        assert ScoresSoFar(("a", "b"), PROTOCOL, found).sentences()[2:] == [""]

    @pytest.mark.parametrize(
        ("interval", "text"),
        [
            (
                Interval(-0.8, -1.2, -0.3),
                "b saves 0.8 clicks per object (95 % interval 0.3 to 1.2).",
            ),
            (
                Interval(0.4, 0.1, 0.7),
                "b costs 0.4 more clicks per object (95 % interval 0.1 to 0.7).",
            ),
            (
                Interval(0.0, -0.5, 0.5),
                "b saves no clicks and costs none (95 % interval -0.5 to 0.5 saved; these objects "
                "do not tell the two apart).",
            ),
            (
                Interval(-0.2, -0.7, 0.3),
                "b saves 0.2 clicks per object (95 % interval -0.3 to 0.7; these objects do not "
                "tell the two apart).",
            ),
        ],
    )
    def test_clicks_saved(self, interval, text):
        assert saved_sentence("b", interval) == text


class TestLayers:
    def test_each_plane_with_labels_is_an_image(self):
        image = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, *SHAPE)
        ids = labels(ONE, shape=(3, *SHAPE))
        ids[1] = 0
        found = source(image, ids)
        planes = found.open()
        assert [sample.name for sample in planes.samples] == ["cells [0]", "cells [2]"]
        assert np.array_equal(planes.samples[1].image, image[2])
        assert found.place_of("cells [2]") == PlaneKey("id", (1, 2), (2,))

    def test_colours_and_painting_on(self):
        ids = labels(ONE, TWO)
        (sample,) = source(np.zeros((*SHAPE, 3), np.uint8), ids, rgb=True).open().samples
        ids[:] = 0
        assert sample.image.shape == (*SHAPE, 3)
        assert sample.objects == (1, 2)
        assert sample.truth(2).any(), "the user's painting changes nothing that is under way"

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"ids": labels()}, "hold no object"),
            ({"ids": labels(ONE, shape=(20, 20))}, "20 x 30 pixels, the labels 'truth' 20 x 20"),
            ({"ids": labels(ONE) - 1}, "negative id -1"),
            ({"ids": labels(ONE) / 2}, "float64 and hold numbers that are not whole"),
            ({"image": np.zeros(9), "ids": np.ones(9, int)}, "no planes"),
        ],
    )
    def test_unusable_layers_get_a_sentence(self, wrong, sentence):
        with pytest.raises(ValueError, match=sentence):
            source(**wrong).open()

    def test_a_folder_that_is_none(self, tmp_path):
        with pytest.raises(ValueError, match="images"):
            FolderSource(tmp_path).open()


class TestRunner:
    @pytest.fixture
    def told(self):
        return Queue()

    @pytest.fixture
    def runner(self, told):
        runner = Runner(told.put)
        yield runner
        runner.close(5)
        assert not [thread for thread in threading.enumerate() if thread.name == THREAD]

    @pytest.fixture
    def engine(self, monkeypatch):
        """An evaluation that goes on until it is cancelled."""
        entered = threading.Event()

        def evaluate(request, tell, cancelled):
            tell(Began(LayerSet("cells", ()), request.models, PROTOCOL))
            entered.set()
            while not cancelled():
                threading.Event().wait(0.01)
            raise Cancelled

        monkeypatch.setattr(runner_module, "evaluate_request", evaluate)
        return entered

    def test_cancel_tells_when_it_has_stopped(self, runner, told, engine):
        runner.evaluate(REQUEST)
        assert isinstance(told.get(timeout=5), Began)
        runner.cancel()
        assert isinstance(told.get(timeout=5), EvaluationCancelled)

    def test_a_closed_runner_tells_nothing_and_begins_anew(self, runner, told, engine):
        runner.evaluate(REQUEST)
        assert engine.wait(5)
        told.get(timeout=5)
        runner.close(5)
        assert told.empty()
        runner.evaluate(REQUEST)
        assert isinstance(told.get(timeout=5), Began)

    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (ValueError("no model\n'x'"), "no model 'x'"),
            (OSError("disk is full"), "disk is full"),
            (KeyError("x"), "something went wrong (KeyError: 'x'); try again"),
        ],
    )
    def test_every_error_is_a_sentence(self, runner, told, monkeypatch, error, sentence):
        def evaluate(*_):
            raise error

        monkeypatch.setattr(runner_module, "evaluate_request", evaluate)
        runner.evaluate(REQUEST)
        assert told.get(timeout=5) == EvaluationFailed(sentence)
