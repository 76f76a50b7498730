"""A click on a plane of 100 000 x 100 000 pixels costs what a click on a small one does."""

import threading

import numpy as np
import psutil

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.prompts import Click

VIEW = Box(50_000, 51_024, 40_000, 41_536)
CLICKS = [Click(50_600, 40_600), Click(50_612, 40_590), Click(50_588, 40_633, positive=False)]


class Peak:
    """Watches the memory of this process, in bytes above what it had."""

    def __enter__(self):
        self._process, self._over = psutil.Process(), threading.Event()
        self._before = self._most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self.bytes = self._most - self._before

    def _watch(self):
        while not self._over.wait(0.002):
            self._most = max(self._most, self._process.memory_info().rss)


def chunks_under(box, levels, size):
    """Return (level, row, column) of the chunks that a read of ``box`` needs."""
    enough = [k for k, level in enumerate(levels) if box.height / level.factor >= 2 * size]
    number = max(enough, default=0)
    level = levels[number]
    edges = [edge / level.factor for edge in (box.row_start, box.row_stop)]
    cols = [edge / level.factor for edge in (box.col_start, box.col_stop)]
    parts = [slice(int(first), int(np.ceil(last))) for first, last in (edges, cols)]
    return {(number, *place) for place in level.touched(*parts)}


def test_memory_and_reads_of_a_click(slide, tiny_cascade):
    predictor = Predictor(tiny_cascade, "cpu")
    predictor.predict(np.zeros((64, 64), np.uint8), [Click(30, 30)])
    plane = Plane(slide[0], coarser=slide[1:], limits=(0, 255))
    with Peak() as peak:
        replay = ClickReplay(predictor, plane, view=VIEW)
        prediction = replay.predict(CLICKS[:1])
        mask = prediction.roi_mask()
    assert peak.bytes < 300e6
    assert mask.shape == prediction.roi.shape
    read = [(k, *place) for k, level in enumerate(slide) for place in level.read]
    needed = chunks_under(VIEW, slide, 64) | chunks_under(prediction.roi, slide, 64)
    assert set(read) == needed
    assert len(read) == len(needed)

    for count in (2, 3):
        roi = replay.predict(CLICKS[:count]).roi
        needed |= chunks_under(roi, slide, 64)
    read = [(k, *place) for k, level in enumerate(slide) for place in level.read]
    assert set(read) == needed
    assert len(read) == len(needed), "what was read is kept"
