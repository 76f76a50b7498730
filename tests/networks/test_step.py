"""The cascade's step on tensors."""

import pytest
import torch

from napari_iafpn.geometry import Box, crop_resize
from napari_iafpn.networks.step import BoxedMasks, Scene
from napari_iafpn.prompts import Click


@pytest.mark.parametrize("fine", [(64, 64), (128, 128)])
def test_half_precision_stays_in_the_networks(tiny_cascade, fine):
    image, views = torch.rand(2, 3, 128, 128), (Box.whole((128, 128)),) * 2
    nothing = BoxedMasks(torch.zeros(2, 1, 1, 1), views)
    clicks = [[Click(40, 50)], [Click(9, 9), Click(90, 90, False)]]

    def crop(boxes, size):
        return crop_resize(image, boxes, size)

    scene = Scene(crop, clicks, nothing, views, (128, 128), fine)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        intention = tiny_cascade.intend(scene)
        region = tiny_cascade.zoom(scene, intention)
        logits = tiny_cascade.draw(scene, region)
    for values in (intention, region.intention, region.last, logits):
        assert values.dtype == torch.float32
