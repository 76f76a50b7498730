"""Connects the review with a window: worker, canvas, panel and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.camera import camera, center_on, seen_part
from napari_iafpn.plugin.find.layer import ProposalsLayer
from napari_iafpn.plugin.find.request import FindPorts
from napari_iafpn.plugin.find.review import Review
from napari_iafpn.plugin.find.view import FindView
from napari_iafpn.plugin.overlays import keep_above
from napari_iafpn.sessions import FoundObject, PlaneKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iafpn.plugin.annotator import Annotator
    from napari_iafpn.plugin.ports import LabelsTarget
    from napari_iafpn.plugin.worker import PredictionWorker

REDRAW_MS = 200
"""So often the outlines are drawn anew while proposals come in."""


class Finding:
    """The search and the review of one window.

    Parameters
    ----------
    annotator : Annotator
    worker : PredictionWorker
    """

    def __init__(self, annotator: Annotator, worker: PredictionWorker) -> None:
        self._annotator = annotator
        ports = FindPorts(
            worker.search,
            worker.stop_search,
            annotator.source_of,
            self._labels,
            self._visible,
        )
        self.review = Review(annotator.controller, ports)
        self.layer = ProposalsLayer(annotator.viewer)
        self.view = FindView()
        annotator.pointer.open_with(self.review.open_at)
        annotator.take_actions(self._actions)
        self._timer = QTimer(self.view)  # napari may go without taking its docks apart
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self.draw)
        self.review.changed.connect(self._on_change)
        self.review.look_at.connect(self._look_at)
        self.view.find_wanted.connect(lambda everywhere: self.review.find(everywhere=everywhere))
        self.view.stop_wanted.connect(self.review.stop)
        self.view.accept_wanted.connect(self.review.accept)
        self.view.reject_wanted.connect(self.review.reject)
        self.view.next_wanted.connect(self.review.next)
        self.view.accept_all_wanted.connect(self.review.accept_above)
        self.view.quality_changed.connect(lambda _: self._on_change())

    @property
    def _actions(self) -> dict[str, Callable[[], object]]:
        """What the keys do, by the names of shortcuts."""
        return {
            "find": lambda: self.review.find(everywhere=self.view.everywhere),
            "accept": self.review.accept,
            "reject": self.review.reject,
            "next": self.review.next,
            "cancel": self._cancel,
        }

    def open(self) -> None:
        """Show proposals, and keep their lines as wide on the screen."""
        camera(self._annotator.viewer).events.zoom.connect(self._on_zoom)
        self._on_change()

    def close(self) -> None:
        """Stop searching and take the layer out of the viewer."""
        self._timer.stop()
        camera(self._annotator.viewer).events.zoom.disconnect(self._on_zoom)
        self.review.stop()
        self.layer.remove()

    def draw(self) -> None:
        """Bring the layer up to date."""
        annotator = self._annotator
        image, plane = annotator.image, annotator.controller.plane
        if not annotator.is_open:
            return
        with annotator.controller.telling():
            if image is None or plane is None:
                self.layer.clear()
            else:
                review = self.review
                self.layer.show(image, plane, review.queue, review.at, self.view.least)
                keep_above(annotator.viewer, (image, annotator.labels), self.layer.layer)

    def _on_change(self) -> None:
        review, least = self.review, self.view.least
        self.view.show_search(searching=review.is_searching)
        at = review.at
        self.view.show_review(
            len(review.queue), len(review.above(least)), None if at is None else at.quality
        )
        if not review.is_searching:
            self.draw()
        elif not self._timer.isActive():
            self._timer.start()

    def _on_zoom(self, _event: Any = None) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _cancel(self) -> None:
        """Drop what is being drawn or predicted, else stop the search."""
        if not self._annotator.cancel():
            self.review.stop()

    def _look_at(self, found: FoundObject) -> None:
        """Bring a proposal into the middle of the canvas."""
        image, box = self._annotator.image, found.mask.box
        if image is not None:
            middle = (box.row_start + box.row_stop - 1) / 2, (box.col_start + box.col_stop - 1) / 2
            point = image.data_to_world(found.plane.to_data(*middle))
            center_on(self._annotator.viewer, image, point)

    def _labels(self, plane: PlaneKey) -> LabelsTarget | None:
        annotator = self._annotator
        labels = annotator.book.chosen(annotator.image_of(plane.layer))
        return None if labels is None else annotator.book.target_of(labels)

    def _visible(self) -> Box:
        image, plane = self._annotator.image, self._annotator.controller.plane
        assert image is not None
        assert plane is not None
        return seen_part(self._annotator.viewer, image, plane)
