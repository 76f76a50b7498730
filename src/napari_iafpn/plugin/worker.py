"""The one thread that predicts: the newest job wins, an older one stops at the next click.

A search for similar objects has all the time that is left: it steps back for every job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from threading import Condition, Lock, Thread, current_thread
from typing import TYPE_CHECKING

import numpy as np

from napari_iafpn.plugin.find.messages import SearchOver, SearchReport, SearchWanted
from napari_iafpn.plugin.messages import (
    Job,
    MaskFailed,
    MaskReady,
    MaskWanted,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelWanted,
    PlaneReached,
    PropagationFailed,
    PropagationOver,
    PropagationReport,
    PropagationWanted,
    Report,
    sentence_of,
)
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.prompts import Click
from napari_iafpn.sessions.replay import propagate_planes

if TYPE_CHECKING:
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import ClickReplay, Prediction, Predictor

logger = logging.getLogger(__name__)

FIRST = (256, 256)
"""Pixels of what a network sees first, which takes longer than what comes after."""
KEPT = "your clicks are kept, try again"
UNCHANGED = "nothing was changed, try again"


def load_predictor(model: str) -> Predictor:
    """Load a shipped model by name, or a file, onto the best device there is; it runs once."""
    from napari_iafpn.inference import ClickReplay, Predictor

    predictor = Predictor.load(model)
    with suppress(MemoryError):  # told when it matters
        ClickReplay(predictor, np.zeros(FIRST, np.uint8)).predict([Click(FIRST[0] / 2, 0)])
    return predictor


class PredictionWorker:
    """Works on one job at a time in a thread of its own, which exists while there is need of it.

    Parameters
    ----------
    report : callable
        Called in the thread with each report.
    load : callable
        Makes the predictor of a model; called in the thread.
    """

    def __init__(
        self,
        report: Callable[[Report | SearchReport], None],
        load: Callable[[str], Predictor] = load_predictor,
    ) -> None:
        self._report = report
        self._cache = _PredictorCache(load)
        self._at_desk = Lock()
        self._news = Condition()
        self._next: Job | None = None
        self._running: Job | None = None
        self._search: SearchWanted | None = None
        self._searched: SearchWanted | None = None
        self._thread: Thread | None = None

    def submit(self, job: Job) -> None:
        """Work on ``job`` next; what waits or runs is dropped."""
        with self._news:
            self._next, self._running = job, None
            self._go_on()

    def search(self, wanted: SearchWanted) -> None:
        """Search whenever there is no other job; an older search is dropped."""
        with self._news:
            self._search = wanted
            self._go_on()

    def stop_search(self) -> None:
        """Drop the search; what it found stays."""
        with self._news:
            self._search = None

    def _go_on(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name="napari-iafpn", daemon=True)
            self._thread.start()
        self._news.notify_all()

    def stop(self) -> None:
        """Drop what waits or runs."""
        with self._news:
            self._next = self._running = None

    def close(self, timeout: float | None = None) -> None:
        """Drop everything and end the thread, waiting up to ``timeout`` seconds for it.

        The loaded model stays; a later job starts a new thread.
        """
        with self._news:
            thread, self._thread = self._thread, None
            self._next = self._running = self._search = None
            self._news.notify_all()
        if thread is not None:
            thread.join(timeout)

    def _work(self) -> None:
        while (job := self._take()) is not None:
            # A closed worker's thread may still be busy when the next one starts.
            with self._at_desk:
                self._look_for(job) if isinstance(job, SearchWanted) else self._do(job)

    def _take(self) -> Job | SearchWanted | None:
        """Wait for a job, else a search that has not begun; None where this thread is to end."""
        with self._news:
            self._news.wait_for(lambda: self._next or self._is_new_search or self._is_over)
            if self._is_over:
                return None
            if self._next is None:
                self._searched = self._search
                return self._search
            return self._take_next()

    def _take_next(self) -> Job | None:
        self._running, self._next = self._next, None
        return self._running

    @property
    def _is_new_search(self) -> bool:
        return self._search is not None and self._search is not self._searched

    @property
    def _is_over(self) -> bool:
        return self._thread is not current_thread()

    def _do(self, job: Job) -> None:
        self._load(job.model, always=isinstance(job, ModelWanted))
        if not isinstance(job, ModelWanted) and self._cache.has(job.model):
            for answer in self._cache.answers(job, lambda: self._dropped(job)):
                self._tell(answer, job)

    def _load(self, model: str, *, always: bool = False) -> None:
        """Load a model unless it is loaded, and tell; ``always`` tell that it is."""
        if not self._cache.has(model):
            self._tell(ModelLoading(model))
        if always or not self._cache.has(model):
            self._tell(self._cache.load(model))

    def _look_for(self, wanted: SearchWanted) -> None:
        """Search, and do what else is wanted in between."""

        def is_off() -> bool:
            while (job := self._waiting()) is not None:
                self._do(job)
            return self._search is not wanted or self._is_over

        self._load(wanted.model)
        for report in self._cache.search(wanted, is_off):
            with self._news:
                if self._search is wanted and not self._is_over:
                    self._report(report)
        with self._news:
            if self._search is wanted:
                self._search = None

    def _waiting(self) -> Job | None:
        with self._news:
            return None if self._is_over else self._take_next()

    def _dropped(self, job: Job) -> bool:
        return self._running is not job

    def _tell(self, report: Report, job: Job | None = None) -> None:
        """Report unless the worker was closed or ``job`` dropped meanwhile."""
        with self._news:
            if not self._is_over and not (job and self._dropped(job)):
                self._report(report)


class _PredictorCache:
    """What the thread keeps between jobs: the model and the replay of the newest object."""

    def __init__(self, load: Callable[[str], Predictor]) -> None:
        self._load = load
        self._model: str | None = None
        self._predictor: Predictor | None = None
        self._source: PlaneSource | None = None
        self._plane: Plane | None = None
        self._object: tuple[object, ...] | None = None
        self._replay: ClickReplay | None = None

    def has(self, model: str) -> bool:
        return self._predictor is not None and self._model == model

    def load(self, model: str) -> ModelReady | ModelFailed:
        from napari_iafpn.networks.onnx_engine import advice

        if self._predictor is None or self._model != model:
            try:
                self._predictor = self._load(model)
            except Exception as error:  # noqa: BLE001  the end of the thread's stack
                return ModelFailed(model, sentence_of(error, "the model could not be loaded", KEPT))
            self._model = model
            self._replay = None
        return ModelReady(model, self._predictor.device, advice(self._predictor.device))

    def search(self, wanted: SearchWanted, cancelled: Callable[[], bool]) -> Iterator[SearchReport]:
        """Find what looks like the exemplars; ``cancelled`` may use the desk meanwhile."""
        from napari_iafpn.plugin.find.search import searched

        if self.has(wanted.model):
            yield from searched(self._working_predictor(), wanted, cancelled)
        else:
            yield SearchOver(wanted, ("the model could not be loaded; choose another one",))

    def answers(
        self, wanted: MaskWanted | PropagationWanted, dropped: Callable[[], bool]
    ) -> Iterator[Report]:
        """Predict, and tell what comes of it until the job is dropped."""
        from napari_iafpn.inference import Cancelled

        if dropped():
            return
        with suppress(Cancelled):
            if isinstance(wanted, MaskWanted):
                yield self._answer(wanted, dropped)
            else:
                yield from self._follow(wanted, dropped)

    def _answer(self, wanted: MaskWanted, dropped: Callable[[], bool]) -> MaskReady | MaskFailed:
        from napari_iafpn.inference import Cancelled

        try:
            return MaskReady(wanted, self._predict(wanted, dropped))
        except Cancelled:
            raise
        except OSError as error:  # of the image's store; what it gave before is kept
            logger.debug("the image could not be read", exc_info=error)
            return MaskFailed(wanted, f"{error}; your clicks are kept, click or commit to go on")
        except Exception as error:  # noqa: BLE001  the end of the thread's stack
            return MaskFailed(wanted, sentence_of(error, "the prediction failed", KEPT))

    def _follow(
        self, wanted: PropagationWanted, dropped: Callable[[], bool]
    ) -> Iterator[PropagationReport]:
        """Go from plane to plane; each is read when it is reached."""
        from napari_iafpn.inference import Cancelled, Prediction

        source = wanted.source
        start = Prediction.from_mask(wanted.start, source.key.shape_in(source.array.shape))
        try:
            for route, plane, mask, doubt in propagate_planes(
                self._working_predictor(),
                lambda key: replace(source, key=key).open(),
                source.key,
                start,
                wanted.propagation,
                dropped,
            ):
                yield PlaneReached(wanted, route, plane, mask, doubt)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  the end of the thread's stack
            sentence = sentence_of(error, "the propagation failed", UNCHANGED)
            yield PropagationFailed(wanted, sentence)
        else:
            yield PropagationOver(wanted)

    def _working_predictor(self) -> Predictor:
        if self._predictor is None:
            raise RuntimeError("no model is loaded; choose one first")
        return self._predictor

    def _predict(self, wanted: MaskWanted, dropped: Callable[[], bool]) -> Prediction:
        from napari_iafpn.inference import ClickReplay, Prediction

        predictor = self._working_predictor()
        if self._plane is None or self._source is None:
            self._plane, self._source = wanted.source.open(), wanted.source
        elif self._source != wanted.source:
            plane = wanted.source.reopen(self._source, self._plane)
            self._plane, self._source, self._replay = plane, wanted.source, None
        known = (wanted.number, wanted.view, wanted.start, wanted.answered, wanted.neighbours)
        if self._replay is None or self._object != known:
            given, shape = wanted.start, self._plane.shape
            start = None if given is None else Prediction.from_mask(given, shape)
            self._replay = ClickReplay(
                predictor,
                self._plane,
                initial=start,
                view=wanted.view,
                answered=wanted.answered,
                neighbours=wanted.neighbours,
            )
            self._object = known
        return self._replay.predict(wanted.clicks, dropped)
