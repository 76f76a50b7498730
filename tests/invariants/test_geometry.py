"""What must hold for every box, size and click."""

import math

import numpy as np
import torch
from hypothesis import assume, given, settings, strategies as st

from napari_iafpn.geometry import (
    Box,
    network_size,
    paste,
    reframe,
    resize,
    zoom_in,
)
from napari_iafpn.prompts import Click, PromptTensors

SIDE = st.integers(1, 300)
SIZES = st.tuples(SIDE, SIDE)


@st.composite
def boxes(draw, shape):
    rows = sorted(draw(st.tuples(*[st.integers(0, shape[0])] * 2)))
    cols = sorted(draw(st.tuples(*[st.integers(0, shape[1])] * 2)))
    assume(rows[0] < rows[1] and cols[0] < cols[1])
    return Box(*rows, *cols)


@given(data=st.data(), size=SIZES)
def test_a_click_lands_on_its_own_pixel_after_crop_and_resize(data, size):
    """Let every pixel hold its own place: after the resize the click's pixel still tells it."""
    box = data.draw(boxes((60, 60)))
    row = data.draw(st.integers(box.row_start, box.row_stop - 1))
    col = data.draw(st.integers(box.col_start, box.col_stop - 1))
    moved = Click(row, col).moved(box, size)
    places = np.mgrid[box.slices].astype(np.float64)
    crop = resize(torch.from_numpy(places)[None], size)[0]
    there = crop[(slice(None), *moved.pixel)].tolist()
    for found, clicked, length, count in zip(there, (row, col), box.shape, size, strict=True):
        scale = length / count  # above 1, averaging is lopsided at the border
        assert abs(found - clicked) <= (0.5 if scale <= 1 else 0.75) * scale + 1e-9


@given(data=st.data(), size=SIZES, fraction=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2))
def test_clicks_on_pixels_of_a_box_stay_inside_its_input(data, size, fraction):
    box = data.draw(boxes((5000, 5000)))
    click = Click(
        box.row_start - 0.5 + fraction[0] * box.height,
        box.col_start - 0.5 + fraction[1] * box.width,
    )
    assume(box.contains(click))
    seen = PromptTensors.seen_in([[click]], [box], size)
    assert bool(seen.inside(size).valid.all())
    exact = click.moved(box, size)
    assert math.dist(seen.nodes[0, 0].tolist(), (exact.row, exact.col)) < 0.002


@given(data=st.data(), seed=st.integers(0, 2**16))
def test_crop_then_paste_is_exact_where_the_size_does_not_change(data, seed):
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    box, whole = data.draw(boxes(shape)), Box.whole(shape)
    values = torch.rand(1, 2, *shape, generator=torch.Generator().manual_seed(seed))
    crop = reframe(values, [whole], [box], box.shape)
    rows, cols = box.slices
    assert torch.equal(crop, values[..., rows, cols])
    pasted = paste(crop, box, whole, shape)
    expected = torch.zeros_like(values)
    expected[..., rows, cols] = values[..., rows, cols]
    assert torch.equal(pasted, expected)


@given(data=st.data(), size=st.tuples(st.integers(1, 50), st.integers(1, 50)))
def test_reframed_probabilities_stay_probabilities(data, size):
    source, target = data.draw(boxes((50, 50))), data.draw(boxes((50, 50)))
    grid = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    ones = reframe(torch.ones(1, 1, *grid), [source], [target], size)
    assert float(ones.min()) >= 0
    assert float(ones.max()) <= 1 + 1e-6
    if source.encloses(target):
        torch.testing.assert_close(ones, torch.ones(1, 1, *size))
    if source.intersection(target) is None:
        assert not ones.any()


@settings(max_examples=50)
@given(
    data=st.data(),
    grid=st.sampled_from([(32, 32), (96, 64), (256, 224)]),
    min_crop=st.integers(1, 80),
)
def test_the_region_of_interest_holds_its_evidence(data, grid, min_crop):
    view = data.draw(boxes((300, 400)))
    mask = np.zeros(grid, bool)
    mask[data.draw(boxes(grid)).slices] = True
    row = data.draw(st.integers(view.row_start, view.row_stop - 1))
    col = data.draw(st.integers(view.col_start, view.col_stop - 1))
    click = Click(row, col)
    roi = zoom_in(mask, [click], view, min_crop=min_crop)
    assert view.encloses(roi)
    assert roi.contains(click)
    assert roi.height >= min(min_crop, view.height)
    assert roi.width >= min(min_crop, view.width)
    seen = paste(torch.from_numpy(mask)[None, None].double(), view, view, view.shape)[0, 0]
    rows, cols = roi.slices
    outside = seen.clone()
    outside[
        rows.start - view.row_start : rows.stop - view.row_start,
        cols.start - view.col_start : cols.stop - view.col_start,
    ] = 0
    assert float(outside.max()) < 0.5 + 1e-9


@given(shape=SIZES, long_side=st.sampled_from([64, 256, 320]))
def test_network_sizes_keep_the_proportion_as_far_as_they_can(shape, long_side):
    size = network_size(shape, long_side)
    assert max(size) == long_side
    assert all(side % 32 == 0 and side > 0 for side in size)
    short = min(shape) / max(shape) * long_side
    assert abs(min(size) - short) <= 16 or min(size) == 32
