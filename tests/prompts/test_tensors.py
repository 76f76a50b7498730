import numpy as np
import pytest
import torch

from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click, PromptTensors, Stroke, prompt_maps


def test_batches_are_padded_with_invalid_clicks():
    points = PromptTensors.of([[Click(1, 2), Click(3, 4, False)], []])
    assert points.segments.shape == (2, 2, 1, 2)
    assert points.nodes.shape == (2, 2, 2)
    assert points.rank.tolist() == [[0, 1], [-1, -1]]
    assert points.valid.tolist() == [[True, True], [False, False]]
    assert points.positive[0].tolist() == [True, False]
    assert not prompt_maps(points, (8, 8))[1].any()


def test_a_click_belongs_to_the_pixel_that_contains_it():
    points = PromptTensors.of([[Click(0, 0), Click(7.4, 8), Click(31, 31), Click(7.5, 3)]])
    assert points.pixels((32, 32)).tolist() == [[[0, 0], [7, 8], [31, 31], [8, 3]]]


def test_pixels_of_clicks_outside_are_still_in_the_input():
    points = PromptTensors.of([[Click(-20, 500)]])
    assert points.pixels((32, 48)).tolist() == [[[0, 47]]]
    assert not points.inside((32, 32)).valid.any()


def test_disks_have_the_radius_in_pixels_of_the_map():
    drawn = prompt_maps(PromptTensors.of([[Click(10, 10)]]), (21, 21))
    assert int(drawn[0, 0].sum()) == 81
    assert drawn[0, 0, 10, 15] == 1
    assert drawn[0, 0, 10, 16] == 0
    assert not drawn[0, 1].any()
    larger = prompt_maps(PromptTensors.of([[Click(10, 10)]]), (21, 21), radius=6.0)
    assert larger[0, 0, 10, 16] == 1


def test_what_lies_outside_a_box_is_left_out_and_the_rest_moves_into_it():
    boxes = [Box(10, 30, 5, 65), Box(0, 100, 0, 100)]
    batch = [[Click(12, 8.25), Click(31, 8)], [Click(99.4, 0, False)]]
    seen = PromptTensors.seen_in(batch, boxes, (64, 96))
    assert seen.valid.tolist() == [[True], [True]]
    beyond = PromptTensors.seen_in(batch, boxes, (64, 96), beyond=True)
    assert beyond.valid.tolist() == [[True, True], [True, False]]
    for b, m in [(0, 0), (0, 1), (1, 0)]:
        expected = batch[b][m].moved(boxes[b], (64, 96))
        assert beyond.nodes[b, m].tolist() == pytest.approx([expected.row, expected.col])
    assert torch.equal(seen.nodes[:, 0], beyond.nodes[:, 0])


class Line(Stroke):
    """A prompt whose map shows all of its line."""

    @property
    def segments(self):
        return ((self.points[0], self.points[-1]),)


def test_a_line_is_drawn_as_wide_as_a_click():
    line = Line(((10, 5), (10, 25)), positive=False)
    prompts = PromptTensors.of([[Click(3, 3), line]])
    drawn = prompt_maps(prompts, (21, 31))[0]
    assert drawn[1, 5, 15] == drawn[1, 10, 0] == drawn[1, 10, 30] == 1
    assert drawn[1, 4, 15] == drawn[1, 5, 26] == 0
    alone = prompt_maps(PromptTensors.of([[Click(3, 3)]]), (21, 31))[0]
    assert torch.equal(drawn[0], alone[0])
    assert prompts.rank.tolist() == [[0, 1]]
    mirrored = prompt_maps(prompts.mirrored(31), (21, 31))[0]
    assert torch.equal(mirrored, drawn.flip(-1))


def test_a_stroke_is_shown_as_clicks_along_it():
    stroke = Stroke(((10, 5), (10, 25)), positive=False)
    prompts = PromptTensors.of([[Click(3, 3), stroke]])
    along = [[10, 7.5], [10, 12.5], [10, 17.5], [10, 22.5]]
    assert prompts.nodes[0].tolist() == [[3, 3], *along]
    assert prompts.rank.tolist() == [[0, 1, 1, 1, 1]]
    clicks = PromptTensors.of([[Click(3, 3), *(Click(*place, False) for place in along)]])
    assert torch.equal(prompt_maps(prompts, (21, 31)), prompt_maps(clicks, (21, 31)))


def test_no_clicks_draw_nothing():
    assert not prompt_maps(PromptTensors.of([[]]), (8, 9)).any()
    assert prompt_maps(PromptTensors.of([[]]), (8, 9)).dtype == torch.float32


@pytest.mark.parametrize("radius", [0.5, 2.7, 5.0])
def test_disks_of_many_clicks_are_what_the_definition_says(rng, radius):
    places = torch.tensor(rng.uniform(-12, 50, (2, 300, 2)).round(1), dtype=torch.float32)
    signs, valid = (torch.tensor(rng.random((2, 300)) < share) for share in (0.5, 0.1))
    rank = torch.where(valid, torch.arange(300), -1)
    drawn = prompt_maps(
        PromptTensors(places[:, :, None], signs, rank, places, valid), (30, 41), radius
    )
    rows, cols = torch.meshgrid(torch.arange(30.0), torch.arange(41.0), indexing="ij")
    for b in range(2):
        for channel, sign in enumerate((signs[b], ~signs[b])):
            expected = torch.zeros(30, 41, dtype=torch.bool)
            for row, col in places[b, sign & valid[b]]:
                expected |= (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
            assert torch.equal(drawn[b, channel] > 0, expected)
            assert expected.any()
            assert not expected.all()


@pytest.mark.parametrize(
    "batch",
    [
        [[]],
        [[Click(3, 3)], []],
        [[Click(7.4, 8), Click(-20, 500, False)], [Click(0, 30), Click(20, 0), Click(9, 9)]],
        [[Click(3, 3), Stroke(((1.0, 2.0), (15.0, 20.0)), False)]],
    ],
)
def test_numpy_gives_the_same_as_torch(batch):
    size, box = (21, 31), Box(0, 42, 0, 31)
    for beyond in (False, True):
        tensors, arrays = (
            PromptTensors.seen_in(batch, [box] * len(batch), size, device, beyond=beyond).inside(
                size
            )
            for device in ("cpu", None)
        )
        tensors, arrays = tensors.inside(size), arrays.inside(size)
        for name in tensors.__dataclass_fields__:
            expected, got = getattr(tensors, name).numpy(), getattr(arrays, name)
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(arrays.pixels(size), tensors.pixels(size).numpy())
        drawn = prompt_maps(arrays, size)
        assert isinstance(drawn, np.ndarray)
        np.testing.assert_array_equal(drawn, prompt_maps(tensors, size).numpy())
