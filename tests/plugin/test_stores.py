"""Stores that are slow or fail: one sentence, the clicks stay, and trying again works."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.messages import MaskFailed, MaskReady, MaskWanted, ModelWanted
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.ports import Ports
from napari_iafpn.plugin.worker import PredictionWorker
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import DisplaySettings, PlaneKey

KEY = PlaneKey("image", (0, 1))
SIDE = 1024


class Reader:
    """Reads what a network would: the view, and the surroundings of the newest click."""

    device = "here"

    def predict(self, plane, clicks, previous=None, *, view=None):
        plane.read(view, (64, 64))
        row, col = tuple(clicks)[-1].pixel
        roi = Box(row - 32, row + 32, col - 32, col + 32).intersection(
            view or Box.whole(plane.shape)
        )
        probability = plane.read(roi, roi.shape)[0].copy()
        return Prediction(plane.shape, roi, probability, view)


@pytest.fixture
def reports():
    return Queue()


@pytest.fixture
def worker(reports):
    worker = PredictionWorker(reports.put, lambda _: Reader())
    worker.submit(ModelWanted("m"))
    get(reports), get(reports)
    yield worker
    worker.close(5)


def get(reports):
    return reports.get(timeout=20)


def wanted(array, *clicks, view, coarser=(), gamma=1.0):
    source = PlaneSource(KEY, DisplaySettings((0.0, 255.0), gamma), {"image": (array, *coarser)})
    clicks = Prompts.of(Click(*click) for click in clicks)
    return MaskWanted("m", source, 1, clicks, view)


class Server:
    """Serves a folder on the loopback; can be stopped and started at the same address."""

    def __init__(self, folder):
        self._folder, self._port = folder, 0
        self.asked = []
        self.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self._port}"

    def start(self):
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_):
                asked.append(self.path)

        handler = partial(Handler, directory=str(self._folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def remote(tmp_path, server, rng):
    """A zarr array of 8 x 8 chunks behind a server, and its pixels."""
    pytest.importorskip("aiohttp")
    pytest.importorskip("fsspec")
    zarr = pytest.importorskip("zarr")
    pixels = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    stored = zarr.create_array(
        tmp_path / "image.zarr", shape=pixels.shape, dtype=pixels.dtype, chunks=(128, 128)
    )
    stored[...] = pixels
    return zarr.open_array(f"{server.address}/image.zarr", mode="r"), pixels


def test_a_server_that_stops_in_the_middle(worker, reports, remote, server):
    array, pixels = remote
    view = Box(0, 256, 0, 256)
    first = wanted(array, (100, 100), view=view)
    worker.submit(first)
    found = get(reports)
    assert isinstance(found, MaskReady)
    expected = pixels[found.prediction.roi.slices] / np.float32(255)
    assert np.allclose(found.prediction.roi_probability, expected, atol=1e-6)
    chunks = [path for path in server.asked if "/c/" in path]
    assert len(chunks) == 4

    server.stop()
    worker.submit(wanted(array, (100, 100), (120, 90), view=view))
    assert isinstance(get(reports), MaskReady), "what was read before is kept"
    next_one = wanted(array, (700, 700), view=Box(640, 768, 640, 768))
    for _ in range(2):
        worker.submit(next_one)
        failed = get(reports)
        assert isinstance(failed, MaskFailed)
        assert failed.wanted is next_one
        assert failed.sentence.startswith("the image could not be read (")
        assert "your clicks are kept" in failed.sentence
        assert "\n" not in failed.sentence

    server.start()
    worker.submit(next_one)
    found = get(reports)
    assert isinstance(found, MaskReady)
    expected = pixels[found.prediction.roi.slices] / np.float32(255)
    assert np.allclose(found.prediction.roi_probability, expected, atol=1e-6)
    chunks = [path for path in server.asked if "/c/" in path]
    assert len(chunks) == 5


def test_clicks_survive_a_failure_and_commit_tries_again(slide, new_desk):
    """The controller with a worker that reads, in one thread."""
    reports, said = Queue(), []
    desk = new_desk()
    worker = PredictionWorker(reports.put, lambda _: Reader())
    source = PlaneSource(KEY, DisplaySettings((0.0, 255.0)), {"image": tuple(slide)})
    target = [lambda _: desk.target] * 3
    around = Ports(worker.submit, worker.stop, lambda _: source, *target)
    controller = AnnotationController(around, "m")
    controller.said.connect(lambda message: said.append(message.text))

    def settle():
        while controller.busy:
            controller.receive(get(reports))

    try:
        controller.show(KEY, slide[0].shape)
        for level in slide:
            level.error = TimeoutError("no answer")
        controller.add(Click(600, 600), Box(0, 1024, 0, 1024))
        settle()
        assert said[-1].startswith("the image could not be read (there was no answer in time)")
        controller.add(Click(610, 600))
        settle()
        assert said[-1].startswith("the image could not be read (there was no answer in time)")
        assert controller.current.clicks == Prompts.of([Click(600, 600), Click(610, 600)])
        assert controller.prediction is None
        for level in slide:
            level.error = None
        controller.add(Click(590, 600))
        settle()
        assert controller.prediction is not None
        assert controller.mask.contains(Click(600, 600))
        slide[0].error = slide[1].error = KeyError("c/7/9")
        controller.add(Click(4000, 4000))
        controller.commit()
        settle()
        assert said[-1].startswith(
            "the image could not be read (its content is damaged, cut short or of another kind)"
        )
        assert len(controller.current.clicks) == 4
        slide[0].error = slide[1].error = None
        controller.commit()
        assert controller.busy, "a commit asks again"
        settle()
        assert len(controller.prediction.roi_probability) > 0
    finally:
        worker.close(5)


def test_another_contrast_reads_nothing_again(worker, reports, slide):
    view = Box(0, 1024, 0, 1024)
    options = {"view": view, "coarser": tuple(slide[1:])}
    worker.submit(wanted(slide[0], (600, 600), **options))
    first = get(reports).prediction.roi_probability
    read = sum(len(level.read) for level in slide)
    worker.submit(wanted(slide[0], (600, 600), gamma=2.0, **options))
    second = get(reports).prediction.roi_probability
    assert np.allclose(second, first**2, atol=1e-6)
    assert not np.allclose(second, first)
    assert sum(len(level.read) for level in slide) == read
