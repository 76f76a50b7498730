"""A controller without a window: a scripted worker, and labels in a plain array."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.messages import (
    MaskReady,
    PlaneReached,
    PropagationOver,
    PropagationWanted,
)
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.ports import Ports
from napari_iafpn.prompts import Click
from napari_iafpn.sessions import DisplaySettings, PlaneKey
from napari_iafpn.sessions.pixels import region_of

SHAPE = (20, 30)
STACK = np.zeros((3, *SHAPE))
PLANES = [PlaneKey("image", (1, 2), (z,)) for z in range(3)]


@dataclass
class ArrayTarget:
    """A `LabelsTarget` in an array."""

    data: np.ndarray = field(default_factory=lambda: np.zeros(STACK.shape, np.int32))
    id: str = "labels"
    name: str = "Objects"
    unseen: str = ""

    def next_label(self, plane=None):
        return int(self.data.max()) + 1

    def check(self, plane, label, box=None):
        if label > 40:
            raise ValueError("the labels are full")

    def region_of(self, label):
        places = np.argwhere(self.data == label)
        if not len(places):
            return None
        return tuple(slice(a, b + 1) for a, b in zip(places.min(0), places.max(0), strict=True))

    def region_on(self, plane, label):
        return region_of(plane, Box.whole(SHAPE))

    def apply(self, changes):
        for change in changes:
            change.apply(self.data)

    def revert(self, changes):
        for change in reversed(changes):
            change.revert(self.data)


def predict(wanted):
    """A 3 x 3 square around each positive click."""
    mask = np.zeros(SHAPE, bool)
    for row, col in (click.pixel for click in wanted.clicks.positives):
        mask[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2] = True
    if wanted.start is not None:
        mask |= wanted.start.within(Box.whole(SHAPE))
    for row, col in (click.pixel for click in wanted.clicks.negatives):
        mask[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2] = False
    return Prediction.from_array(mask * np.float32(0.8), SHAPE)


class Desk:
    """A controller, what it submitted and what it said."""

    predict = staticmethod(predict)

    def __init__(self):
        self.jobs, self.stops, self.said, self.stack = [], 0, [], STACK
        self.target = ArrayTarget()
        self.controller = AnnotationController(
            Ports(
                self.submit,
                self.stop,
                self.source_of,
                lambda plane: self.target,
                lambda _: self.target,
                lambda _: self.target,
            ),
            "default",
        )
        self.controller.said.connect(lambda message: self.said.append(message.text))
        self.controller.plane_wanted.connect(self.show)
        self.show(PLANES[0])

    def source_of(self, plane):
        if self.stack is None:
            raise ValueError("the image is no longer open")
        return PlaneSource(plane, DisplaySettings((0.0, 1.0)), {plane.layer: (self.stack,)})

    def submit(self, job):
        self.jobs.append(job)

    def stop(self):
        self.stops += 1

    def show(self, plane):
        self.controller.show(plane, SHAPE)

    def click(self, row, col, positive=True):
        self.controller.add(Click(row, col, positive))

    def answer(self, job=None):
        """Report the prediction of a job, the newest by default."""
        job = job or self.jobs[-1]
        if isinstance(job, PropagationWanted):
            self.arrive(job)
        else:
            self.controller.receive(MaskReady(job, self.predict(job)))

    def arrive(self, job):
        """Report all planes of a propagation, one pixel farther down on each."""
        axis = job.propagation.axis
        for number, route in enumerate(job.propagation.routes):
            for place, index in enumerate(route, 1):
                plane = job.plane.moved_to(axis, index)
                box = job.start.box.shifted(place, 0).intersection(Box.whole(SHAPE))
                mask = box and BoxedMask.of(
                    np.ones(box.shape, bool), (box.row_start, box.col_start)
                )
                self.controller.receive(PlaneReached(job, number, plane, mask))
        self.controller.receive(PropagationOver(job))

    def answer_all(self):
        while self.controller.busy:
            self.answer()

    @property
    def mask(self):
        mask = self.controller.mask
        return np.zeros(SHAPE, bool) if mask is None else mask.within(Box.whole(SHAPE))


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture(scope="session")
def new_desk():
    return Desk
