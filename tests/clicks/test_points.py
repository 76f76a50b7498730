import pytest
import torch

from napari_iafpn.clicks import Click, ClickPoints, click_map


def test_batches_are_padded_with_invalid_clicks():
    points = ClickPoints.from_clicks([[Click(1, 2), Click(3, 4, False)], []])
    assert points.position.shape == (2, 2, 2)
    assert points.valid.tolist() == [[True, True], [False, False]]
    assert points.positive[0].tolist() == [True, False]
    assert not click_map(points, (8, 8))[1].any()


def test_a_click_belongs_to_the_cell_that_contains_it():
    points = ClickPoints.from_clicks([[Click(0, 0), Click(7.4, 8), Click(31, 31), Click(7.5, 3)]])
    cells = points.cells((32, 32), (4, 4))
    assert cells.tolist() == [[0, 1, 15, 4]]


def test_cells_of_clicks_outside_are_still_in_the_grid():
    points = ClickPoints.from_clicks([[Click(-20, 500)]])
    assert 0 <= int(points.cells((32, 32), (4, 4))) < 16
    assert not points.inside((32, 32)).valid.any()


def test_disks_have_the_radius_in_pixels_of_the_map():
    drawn = click_map(ClickPoints.from_clicks([[Click(10, 10)]]), (21, 21))
    assert int(drawn[0, 0].sum()) == 81
    assert drawn[0, 0, 10, 15] == 1
    assert drawn[0, 0, 10, 16] == 0
    assert not drawn[0, 1].any()
    larger = click_map(ClickPoints.from_clicks([[Click(10, 10)]]), (21, 21), radius=6.0)
    assert larger[0, 0, 10, 16] == 1


def test_no_clicks_draw_nothing():
    assert not click_map(ClickPoints.from_clicks([[]]), (8, 9)).any()
    assert click_map(ClickPoints.from_clicks([[]]), (8, 9)).dtype == torch.float32


@pytest.mark.parametrize("radius", [0.5, 2.7, 5.0])
def test_disks_of_many_clicks_are_what_the_definition_says(rng, radius):
    position = torch.tensor(rng.uniform(-12, 50, (2, 300, 2)).round(1), dtype=torch.float32)
    signs, valid = (torch.tensor(rng.random((2, 300)) < share) for share in (0.5, 0.1))
    drawn = click_map(ClickPoints(position, signs, valid), (30, 41), radius)
    rows, cols = torch.meshgrid(torch.arange(30.0), torch.arange(41.0), indexing="ij")
    for b in range(2):
        for channel, sign in enumerate((signs[b], ~signs[b])):
            expected = torch.zeros(30, 41, dtype=torch.bool)
            for row, col in position[b, sign & valid[b]]:
                expected |= (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
            assert torch.equal(drawn[b, channel] > 0, expected)
            assert expected.any()
            assert not expected.all()
