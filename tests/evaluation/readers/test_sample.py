import numpy as np
import pytest

from napari_iafpn.evaluation.readers import LayerSet, Sample, Selection, check_object
from napari_iafpn.geometry import Box


def sample_of(instances, **rest):
    instances = np.asarray(instances)
    ids = tuple(int(i) for i in np.unique(instances) if i)
    return Sample("a", np.zeros(instances.shape, np.uint8), instances, ids, **rest)


@pytest.mark.parametrize("large", [9, 2**24 + 5, 2**32 - 1])
def test_areas_and_boxes_know_ids_of_any_size(large):
    instances = np.zeros((6, 8), np.uint32)
    instances[1:3, 2:5], instances[5, 7] = 4, large
    sample = sample_of(instances)
    assert sample.areas == {4: 6, large: 1}
    assert sample.boxes == {4: Box(1, 3, 2, 5), large: Box(5, 6, 7, 8)}
    assert sample.ids(2).tolist() == [4]
    assert sample.object_name(4) == "a:4"


@pytest.mark.parametrize("large", [3, 2**24])
def test_an_image_without_background_has_all_its_objects(large):
    sample = sample_of(np.array([[1, 1], [large, large]]))
    assert sample.areas == {1: 2, large: 2}
    assert sample.boxes[large] == Box(1, 2, 0, 2)


def test_only_chosen_objects_are_offered():
    instances = np.array([[1, 1, 2, 2]])
    sample = Sample("a", np.zeros((1, 4)), instances, (2,))
    assert sample.ids(1).tolist() == [2]
    assert set(sample.areas) == {1, 2}


def test_overlapping_objects_keep_their_masks():
    masks = {1: np.eye(3, dtype=bool), 2: np.ones((3, 3), bool)}
    sample = sample_of(np.full((3, 3), 2), masks=masks)
    assert np.array_equal(sample.truth(1), masks[1])
    assert sample.areas == {1: 3, 2: 9}
    assert not sample.truth(5).any()


def test_parts_of_different_sizes_are_refused():
    for image, ignore in (((4, 5, 3), None), ((5, 4, 3), np.zeros((4, 5), bool))):
        with pytest.raises(ValueError, match=r"'a' has .* give labels of the image's size"):
            Sample("a", np.zeros(image, np.uint8), np.zeros((5, 4), int), (), ignore)


def test_objects_that_cannot_be_evaluated_are_named():
    sample = sample_of([[1, 2], [0, 0]], ignore=np.array([[False, True], [False, False]]))
    assert check_object(sample, 1) is None
    assert "every pixel of object 'a:2' is ignored" in check_object(sample, 2)
    assert "'a' have no pixel of id 3" in check_object(sample, 3)


def test_layers_are_a_set_and_can_be_narrowed():
    one, two = sample_of([[1, 2]]), sample_of([[0, 5]])
    with pytest.raises(ValueError, match="two images are called 'a'"):
        LayerSet("layers", (one, two))
    layers = LayerSet("layers", (one,))
    assert layers.objects(0) == (1, 2)
    assert layers.read(0) is one
    chosen = Selection(layers, (0,), ((2,),))
    assert (chosen.name, len(chosen), chosen.image_name(0)) == ("layers", 1, "a")
    assert chosen.objects(0) == chosen.read(0).objects == (2,)
    assert np.array_equal(chosen.read(0).instances, one.instances)


def test_a_layer_without_objects_is_named():
    layers = LayerSet("layers", (sample_of([[0, 0]]),))
    with pytest.raises(ValueError, match="'a' hold no object"):
        layers.objects(0)
