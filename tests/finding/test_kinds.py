"""Which kind an object is of, and how likely a mask is right."""

import numpy as np
import pytest

from napari_iafpn.finding import Kinds, quality_alone
from napari_iafpn.images import Plane
from napari_iafpn.inference import Prediction
from napari_iafpn.masks import BoxedMask


def test_size_or_colour_tell_kinds_apart(disks) -> None:
    places = [(30, 30, 12), (30, 80, 11), (30, 130, 5), (30, 180, 6), (80, 30, 12), (80, 80, 5)]
    image, labels = disks((110, 210), places)
    boxed_masks = [BoxedMask.of(labels == label) for label in range(1, 7)]
    kinds = Kinds(Plane(image), {1: boxed_masks[:2], 2: boxed_masks[2:4]})
    assert [kinds.of(Plane(image), boxed) for boxed in boxed_masks] == [1, 1, 2, 2, 1, 2]

    dim = np.where(labels % 2 == 1, image // 2, image)
    alike = {7: [boxed_masks[0]], 8: [boxed_masks[1]]}
    assert Kinds(Plane(dim), alike).of(Plane(dim), boxed_masks[4]) == 7


@pytest.mark.parametrize("soft", [0.2, 1.0, 4.0])
def test_a_mask_that_is_less_sure_has_a_lower_quality(soft: float) -> None:
    rows, cols = np.ogrid[:60, :60]
    depth = 15 - np.hypot(rows - 30.0, cols - 30.0)

    def quality(softness: float) -> float:
        probability = 1 / (1 + np.exp(-depth / softness))
        return quality_alone(Prediction.from_array(probability.astype(np.float32), (60, 60)))

    assert 0 < quality(2 * soft) < quality(soft) < 1
    assert quality_alone(Prediction.nothing((60, 60), None)) < 0.5
