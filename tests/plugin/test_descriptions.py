"""What layers say of their objects stays, and what is known of them now comes on top."""

import gc
from weakref import ref

import numpy as np
import pandas as pd
from napari.layers import Labels

from napari_iafpn.plugin.descriptions import Description, Descriptions
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.sessions import ObjectStats


def layer_of(**options):
    return Labels(np.array([[1, 0, 2], [3, 0, 0]]), **options)


def test_classes_of_a_table_of_features_become_those_of_the_objects():
    layer = layer_of(features=pd.DataFrame({"index": [1, 2, 9], "class": ["rod", "cell", "gone"]}))
    Descriptions().tell(LabelsLayer(layer), {2: ObjectStats(category=1)}, {1: "nucleus"})
    assert layer.metadata == {"classes": {1: "rod", 2: "nucleus"}}


def test_without_classes_those_of_a_layer_are_left_alone():
    layer = layer_of(metadata={"classes": {1: "rod"}, "found": [1, 8]})
    Descriptions().tell(LabelsLayer(layer), {2: ObjectStats(found=True)}, {})
    assert layer.metadata == {"classes": {1: "rod"}, "found": [1, 2]}


def test_what_was_told_is_taken_back_with_the_step_that_it_came_of():
    layer, descriptions = layer_of(metadata={"classes": {1: "rod"}}), Descriptions()
    fact = ObjectStats(category=1, found=True)
    descriptions.tell(LabelsLayer(layer), {1: fact, 3: fact}, {1: "nucleus"})
    assert layer.metadata == {"classes": {1: "nucleus", 3: "nucleus"}, "found": [1, 3]}
    descriptions.tell(LabelsLayer(layer), {}, {1: "nucleus"})
    assert layer.metadata == {"classes": {1: "rod"}}


def test_layers_that_are_gone_are_forgotten():
    layer, descriptions = layer_of(metadata={"classes": {1: "rod"}}), Descriptions()
    descriptions.tell(LabelsLayer(layer), {}, {1: "nucleus"})
    there = ref(layer)
    del layer
    gc.collect()
    assert there() is None


def test_keys_of_other_programs_are_left_out():
    layer = layer_of(metadata={"classes": {"rod": 1, 3: "cell"}, "found": [[2], np.int64(1)]})
    assert Description.of(layer) == Description({3: "cell"}, frozenset({1}))
