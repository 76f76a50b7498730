import numpy as np
import pytest
import torch

from napari_iafpn.geometry import (
    Box,
    crop_resize,
    move_point,
    network_size,
    paste,
    reframe,
    resize,
)


@pytest.fixture
def values(rng):
    return torch.from_numpy(rng.random((1, 2, 24, 36), dtype="float32"))


@pytest.mark.parametrize("size", [(24, 36), (48, 72), (31, 50), (12, 18), (7, 5), (60, 9)])
def test_reframing_to_the_same_box_is_resizing(values, size):
    box = Box(5, 29, 7, 43)
    torch.testing.assert_close(
        reframe(values, [box], [box], size), resize(values, size), atol=1e-5, rtol=0
    )


def test_resizing_to_one_column_keeps_the_rows():
    ramp = torch.arange(2.0)[None, None, :, None].expand(1, 1, 2, 2)
    assert resize(ramp, (3, 1)).flatten().tolist() == [0, 0.5, 1]


def test_reframing_at_a_fractional_offset_samples_the_right_place():
    # A ramp is reproduced exactly by bilinear interpolation, so each value tells its position.
    ramp = torch.arange(40.0)[None, None, :, None].expand(1, 1, 40, 40)
    source, target = Box.whole((100, 100)), Box(33, 70, 20, 50)
    rows = reframe(ramp, [source], [target], (64, 64))[0, 0, :, 0]
    image_rows = 33 + (torch.arange(64) + 0.5) * 37 / 64
    torch.testing.assert_close(rows, image_rows * 40 / 100 - 0.5, atol=1e-4, rtol=0)


def test_a_batch_is_reframed_sample_by_sample(values):
    batch = torch.cat([values, 1 - values])
    sources = [Box(0, 24, 0, 36), Box(10, 34, 0, 36)]
    targets = [Box(3, 20, 5, 9), Box(0, 40, 0, 40)]
    together = reframe(batch, sources, targets, (16, 16))
    for index in range(2):
        alone = reframe(batch[index : index + 1], [sources[index]], [targets[index]], (16, 16))
        torch.testing.assert_close(together[index : index + 1], alone)


def test_what_lies_outside_is_zero(values):
    pasted = paste(values, Box(10, 34, 10, 46), Box.whole((50, 60)), (50, 60))
    assert torch.equal(pasted[..., 10:34, 10:46], values)
    pasted[..., 10:34, 10:46] = 0
    assert not pasted.any()
    assert not paste(values, Box(10, 34, 10, 46), Box(40, 50, 50, 60), (8, 8)).any()


def test_a_partly_covered_pixel_is_zero_in_proportion():
    ones = torch.ones(1, 1, 10, 10)
    small = paste(ones, Box(5, 15, 5, 15), Box.whole((80, 80)), (10, 10))[0, 0]
    assert small[0, 0] == pytest.approx((3 / 8) ** 2)
    assert small[1, 1] == pytest.approx((7 / 8) ** 2)
    assert small.sum() * 64 == pytest.approx(100)


def test_reframing_is_differentiable(values):
    values.requires_grad_(True)
    reframe(values, [Box(0, 24, 0, 36)], [Box(3, 10, 4, 30)], (32, 32)).sum().backward()
    assert values.grad is not None
    assert values.grad[..., 5, 10].all()
    assert not values.grad[..., 20, :].any()


def test_crop_resize_takes_one_box_per_sample(values):
    batch = torch.cat([values, 1 - values])
    boxes = [Box(0, 8, 0, 8), Box(10, 18, 20, 28)]
    crops = crop_resize(batch, boxes, (8, 8))
    assert torch.equal(crops[0], batch[0, :, :8, :8])
    assert torch.equal(crops[1], batch[1, :, 10:18, 20:28])


def test_the_border_pixels_of_an_enlarged_crop():
    # The last row of a 100 px crop resized to 400 px lies around 398, not at 399.
    box = Box.whole((100, 100))
    assert move_point((99, 0), box, (400, 400)) == (397.5, 1.5)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((512, 512), (256, 256)),
        ((300, 400), (192, 256)),
        ((4000, 100), (256, 32)),
        ((1, 1), (256, 256)),
    ],
)
def test_network_sizes_are_multiples_of_32(shape, expected):
    assert network_size(shape, 256) == expected


@pytest.mark.parametrize("size", [(24, 36), (7, 50), (50, 7), (96, 96), (3, 1), (1, 1)])
def test_numpy_gives_the_same_as_torch(size):
    values = np.random.default_rng(0).random((2, 3, 24, 36), np.float32)
    tensor = torch.from_numpy(values)
    sources, targets = [Box(0, 24, 0, 36)] * 2, [Box(3, 10, 4, 30), Box(-5, 40, 30, 50)]
    for got, expected in (
        (resize(values, size), resize(tensor, size)),
        (reframe(values, sources, targets, size), reframe(tensor, sources, targets, size)),
    ):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected.numpy(), atol=1e-6)
