"""Scripted sessions without a window."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import (
    Commit,
    DisplaySettings,
    Document,
    ObjectChange,
    ObjectStats,
    PlaneKey,
    Step,
)
from napari_iafpn.sessions.actions import commit_step
from napari_iafpn.sessions.journal import JournalWriter
from napari_iafpn.sessions.provenance import ImageProvenance, LabelsProvenance
from napari_iafpn.sessions.reading import ArrayLabels


class Target(ArrayLabels):
    id, name = "labels", "Objects"


@dataclass
class Sitting:
    """An image, its labels, the document and the journal."""

    path: Path
    image: np.ndarray
    image_path: str = ""
    plane: PlaneKey = field(default_factory=lambda: PlaneKey("image", (0, 1)))
    failures: list = field(default_factory=list)

    def __post_init__(self):
        self.target = Target(np.zeros(self.image.shape, np.int32))
        self.writer = JournalWriter(self.path, self.failures.append)
        image = ImageProvenance.of("image", "cells", self.image_path, self.image, rgb=False)
        labels = LabelsProvenance.of("labels", "Objects", "image", self.target.data)
        self.writer.append(lambda: {"entry": "image", **vars(image)})
        self.writer.append(lambda: {"entry": "labels", **vars(labels)})
        self.document = Document(lambda _: self.target, self.writer.record)

    @property
    def current(self):
        return self.document[self.plane]

    def change(self, kind="click", **values):
        after = replace(self.current, **values)
        self.document.do(Step(kind, self.plane, (ObjectChange(self.plane, self.current, after),)))

    def click(self, row, col, positive=True):
        self.change(clicks=self.current.clicks.add(Click(row, col, positive)))

    def commit(self, mask, label, model="", limits=(0.0, 255.0), policy="keep", gamma=1.0):
        change = ObjectChange(self.plane, self.current, self.document.next_object())
        commit = Commit("labels", label, policy, model, DisplaySettings(limits, gamma))
        effort = ObjectStats(clicks=len(self.current.clicks))
        self.document.do(
            commit_step(
                change, self.target, BoxedMask.of(mask), commit, self.document.facts, effort
            )
        )

    def square(self, row, col, label):
        """Click in the middle of a square and commit it, drawn by hand."""
        self.change(clicks=Prompts())
        self.click(row, col)
        mask = np.zeros(self.plane.shape_in(self.image.shape), bool)
        mask[row - 2 : row + 3, col - 2 : col + 3] = True
        self.commit(mask, label)


@pytest.fixture
def sitting(tmp_path, rng):
    made = Sitting(tmp_path / "home" / "s.iafpn.jsonl", rng.integers(0, 255, (60, 80), np.uint8))
    yield made
    made.writer.close(20)


@pytest.fixture(scope="session")
def new_sitting():
    return Sitting
