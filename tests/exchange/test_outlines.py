"""Outlines follow the edges of pixels, and filled they give back the object."""

import time

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.exchange import LabelImage, Piece, fill, outlines

PLANES = arrays(
    np.uint16,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 0, 1, 2, 900]),
)


def filled(pieces: tuple[Piece, ...], shape: tuple[int, int]) -> NDArray[np.bool_]:
    whole = np.zeros(shape, bool)
    slices, mask = fill([ring for piece in pieces for ring in piece.rings], shape)
    whole[slices] = mask
    return whole


@given(PLANES)
def test_filled_outlines_are_the_objects(labels: NDArray[np.uint16]) -> None:
    found = outlines(labels)
    assert list(found) == [label for label in np.unique(labels) if label]
    for label, pieces in found.items():
        np.testing.assert_array_equal(filled(pieces, labels.shape), labels == label)


@given(PLANES)
def test_each_piece_is_a_piece_of_connected_pixels(labels: NDArray[np.uint16]) -> None:
    for label, pieces in outlines(labels).items():
        expected, count = ndimage.label(labels == label)
        assert len(pieces) == count
        found = [filled((piece,), labels.shape) for piece in pieces]
        assert {expected[mask].max() for mask in found} == set(range(1, count + 1))
        assert sum(mask.sum() for mask in found) == (labels == label).sum()


@given(PLANES)
def test_rings_pass_a_corner_once_and_turn_in_each(labels: NDArray[np.uint16]) -> None:
    for pieces in outlines(labels).values():
        for ring in (ring for piece in pieces for ring in piece.rings):
            assert len(np.unique(ring, axis=0)) == len(ring) >= 4
            steps = np.roll(ring, -1, axis=0) - ring
            assert ((steps == 0).sum(axis=1) == 1).all()  # along rows or columns
            assert ((steps[:, 0] == 0) != (np.roll(steps, 1, axis=0)[:, 0] == 0)).all()


def test_the_corners_of_one_pixel() -> None:
    labels = np.zeros((4, 5), np.uint8)
    labels[2, 3] = 1
    ((piece,),) = outlines(labels).values()
    assert sorted(map(tuple, piece.outer.tolist())) == [(2, 3), (2, 4), (3, 3), (3, 4)]
    assert piece.holes == ()


def test_a_hole_belongs_to_the_piece_around_it(hard: LabelImage) -> None:
    around, inside = sorted(outlines(hard.labels)[2], key=lambda piece: -len(piece.rings))
    assert len(around.holes) == 1
    assert inside.holes == ()
    (open_in_a_corner,) = outlines(hard.labels)[41]
    assert len(open_in_a_corner.holes) == 1


@given(arrays(float, (5, 2), elements=st.floats(-3, 12).map(lambda x: round(x, 2) + 0.003)))
def test_polygons_of_any_corners_are_filled_as_others_fill_them(ring: NDArray[np.float64]) -> None:
    ring = ring[np.argsort(np.arctan2(*(ring - ring.mean(axis=0)).T))]  # without crossings
    turned = np.roll(ring, -1, axis=0)
    assume(abs((ring[:, 0] * turned[:, 1] - ring[:, 1] * turned[:, 0]).sum()) > 1e-3)  # an area
    rows, cols = np.mgrid[:9, :8] + 0.5
    centres = np.stack([rows.ravel(), cols.ravel()], axis=1)
    slices, mask = fill([ring], (9, 8))
    whole = np.zeros((9, 8), bool)
    whole[slices] = mask
    inside = Polygon(ring).contains_points(centres).reshape(9, 8)
    near = [Polygon(ring).contains_points(centres, radius=r).reshape(9, 8) for r in (1e-6, -1e-6)]
    unsure = near[0] != near[1]
    np.testing.assert_array_equal(whole[~unsure], inside[~unsure])


def test_nothing_to_fill() -> None:
    for rings in ([], [np.zeros((0, 2))], [np.array([[-5.0, -5], [-5, -1], [-1, -1]])]):
        assert not fill(rings, (4, 4))[1].any()


def test_two_thousand_objects_take_seconds() -> None:
    rows, cols = np.mgrid[:40, :40]
    disk = (rows - 20) ** 2 + (cols - 20) ** 2 < 19**2
    labels = np.zeros((2048, 2048), np.uint16)
    for number in range(2025):
        row, col = number // 45 * 45, number % 45 * 45
        labels[row : row + 40, col : col + 40][disk] = number + 1
    start = time.perf_counter()
    assert len(outlines(labels)) == 2025
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_any_integer_type(dtype: type, hard: LabelImage) -> None:
    labels = (hard.labels % 200).astype(dtype)
    assert list(outlines(labels)) == [label for label in np.unique(labels) if label]
