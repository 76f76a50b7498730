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
