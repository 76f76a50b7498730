"""What layers say of their objects stays, and what is known of them now comes on top."""

import gc
from weakref import ref

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels

from napari_iafpn.plugin.descriptions import Description, Descriptions
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.sessions import (
    Document,
    LabelsChange,
    ObjectStats,
    PixelChange,
    PlaneKey,
    StatsChange,
    Step,
)
from napari_iafpn.sessions.actions import delete_step

PLANE = PlaneKey("image", (0, 1))


def layer_of(**options):
    return Labels(np.array([[1, 0, 2], [3, 0, 0]]), **options)


class Sitting:
    """A layer and what is done to its objects."""

    def __init__(self, classes=None, **options):
        self.target = LabelsLayer(layer_of(**options))
        self.layer = self.target.layer
        self.document = Document(lambda _: self.target)
        self.descriptions, self.classes = Descriptions(), classes or {}
        self.tell()

    def tell(self):
        self.descriptions.tell(self.target, self.document, self.classes)

    def note(self, kind, **facts):
        """Do a step that says something of objects, such as ``_2``."""
        known = self.document.facts
        changes = (
            StatsChange(self.target.id, label, known.get((self.target.id, label)), fact)
            for label, fact in ((int(name[1:]), fact) for name, fact in facts.items())
        )
        self.do(Step(kind, PLANE, facts=tuple(changes)))

    def delete(self, label):
        region = self.target.region_of(label)
        self.do(delete_step(PLANE, self.target, {label: region}, self.document.facts))

    def draw(self, label):
        """Draw an object where there is none."""
        region = (slice(1, 2), slice(2, 3))
        now = np.full((1, 1), label, self.layer.data.dtype)
        change = PixelChange.of(region, np.zeros_like(now), now)
        self.do(Step("commit", PLANE, labels=(LabelsChange(self.target.id, (change,)),)))

    def do(self, step):
        self.document.do(step)
        self.tell()

    def undo(self):
        self.document.undo()
        self.tell()

    @property
    def given(self):
        return self.descriptions.given_by(self.target, self.document).classes

    @property
    def said(self):
        return {name: self.layer.metadata.get(name) for name in ("classes", "found")}


def test_classes_of_a_table_of_features_become_those_of_the_objects():
    table = pd.DataFrame({"index": [1, 2, 9], "class": ["rod", "cell", "gone"]})
    sitting = Sitting({1: "nucleus"}, features=table)
    sitting.note("class", _2=ObjectStats(category=1))
    assert sitting.said == {"classes": {1: "rod", 2: "nucleus"}, "found": None}


def test_without_classes_those_of_a_layer_are_left_alone():
    sitting = Sitting(metadata={"classes": {1: "rod", 9: "to come"}, "found": [1, 8]})
    sitting.note("commit", _2=ObjectStats(found=True))
    assert sitting.said == {"classes": {1: "rod", 9: "to come"}, "found": [1, 2]}


def test_what_was_told_is_taken_back_with_the_step_that_it_came_of():
    sitting = Sitting({1: "nucleus"}, metadata={"classes": {1: "rod"}})
    fact = ObjectStats(category=1, found=True)
    sitting.note("commit", _1=fact, _3=fact)
    assert sitting.said == {"classes": {1: "nucleus", 3: "nucleus"}, "found": [1, 3]}
    sitting.undo()
    assert sitting.said == {"classes": {1: "rod"}, "found": None}


@pytest.mark.parametrize("classes", [{}, {1: "nucleus"}])
def test_a_new_object_is_not_what_one_was_that_had_its_id(classes):
    given = {"classes": {1: "rod", 3: "cell"}, "found": [3]}
    sitting = Sitting(classes, metadata=dict(given))
    sitting.delete(3)
    assert sitting.said == {"classes": {1: "rod"}, "found": None}
    sitting.draw(3)
    assert sitting.said == {"classes": {1: "rod"}, "found": None}
    assert sitting.given == {1: "rod"}
    sitting.undo()
    sitting.undo()
    assert sitting.said == given
    assert sitting.given == given["classes"]


@pytest.mark.parametrize("classes", [{}, {1: "nucleus"}])
def test_no_class_is_a_class_of_its_own(classes):
    sitting = Sitting(classes, metadata={"classes": {1: "rod", 3: "cell"}})
    sitting.note("review", _1=ObjectStats(reviewed=True))
    assert sitting.said["classes"] == sitting.given == {1: "rod", 3: "cell"}
    sitting.note("class", _1=ObjectStats(reviewed=True))
    assert sitting.said["classes"] == sitting.given == {3: "cell"}
    sitting.undo()
    assert sitting.said["classes"] == sitting.given == {1: "rod", 3: "cell"}


def test_layers_that_are_gone_are_forgotten():
    sitting = Sitting({1: "nucleus"}, metadata={"classes": {1: "rod"}})
    there, descriptions = ref(sitting.layer), sitting.descriptions
    del sitting
    gc.collect()
    assert there() is None
    assert not descriptions._given


def test_keys_of_other_programs_are_left_out():
    layer = layer_of(metadata={"classes": {"rod": 1, 3: "cell"}, "found": [[2], np.int64(1)]})
    assert Description.of(layer) == Description({3: "cell"}, frozenset({1}))
