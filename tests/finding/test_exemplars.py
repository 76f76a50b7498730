"""Exemplars that tell nothing are refused in one sentence."""

import numpy as np
import pytest

from napari_iafpn.finding import Exemplars
from napari_iafpn.finding.drawing import lobes
from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask

SHAPE = (60, 80)


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_sizes_of_squares() -> None:
    found = Exemplars.of([square(5, 5, 10), square(30, 30, 20)], SHAPE)
    assert found.areas.tolist() == [100, 400]
    assert found.sides.tolist() == [10, 20]
    assert np.isclose(found.radius, np.sqrt(200 / np.pi))
    for boxed, click in zip(found.boxed_masks, found.clicks(), strict=True):
        assert boxed.contains(click)
        assert click.positive


def test_numbers_in_a_box() -> None:
    found = Exemplars.of([square(5, 5, 10), square(30, 30, 20)], SHAPE)
    part = found.inside(Box(10, 40, 10, 40))
    assert np.unique(part).tolist() == [0, 1, 2]
    assert (part == 1).sum() == 25
    assert (part == 2).sum() == 100


def test_of_labels_takes_the_wanted_ids() -> None:
    labels = 3 * square(5, 5, 10).astype(int) + 7 * square(30, 30, 20)
    assert len(Exemplars.of_labels(labels, SHAPE).boxed_masks) == 2
    assert Exemplars.of_labels(labels, SHAPE, [7]).areas.tolist() == [400]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "there is no exemplar to look for; keep at least one object first"),
        ([square(5, 5, 10), np.zeros(SHAPE, bool)], "exemplar 2 has no pixel"),
        (
            [square(5, 5, 2)],
            r"exemplar 1 has 4 pixel\(s\) in one piece; give",
        ),
        ([square(5, 5, 10), square(10, 10, 10)], "exemplars 1 and 2 overlap"),
        ([np.ones((9, 9), bool)], r"mask of shape \(9, 9\), the image has \(60, 80\)"),
    ],
)
def test_what_is_no_exemplar(given: list[np.ndarray], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Exemplars.of(given, SHAPE)


def test_what_is_too_small_is_left_out_unless_all_are() -> None:
    large, specks = square(30, 30, 20), square(5, 5, 3) | square(50, 5, 3)
    found = Exemplars.of([specks, large], SHAPE)
    assert (found.areas.tolist(), found.left_out) == ([400], (1,))
    labels = 7 * large + 9 * specks
    found = Exemplars.of_labels(labels, SHAPE)
    assert (found.areas.tolist(), found.left_out) == ([400], (9,))
    with pytest.raises(ValueError, match=r"object 9 has 9 pixel\(s\) in one piece"):
        Exemplars.of_labels(labels, SHAPE, [9])
    with pytest.raises(ValueError, match="no object 8"):
        Exemplars.of_labels(labels, SHAPE, [8])


def test_an_exemplar_of_another_image() -> None:
    boxed = BoxedMask.of(np.ones((20, 20), bool), (50, 70))
    assert boxed is not None
    with pytest.raises(ValueError, match="reaches outside the image of 60 x 80"):
        Exemplars.of([boxed], SHAPE)


def test_labels_of_another_size() -> None:
    with pytest.raises(ValueError, match="60 x 81 pixels, the image 60 x 80"):
        Exemplars.of_labels(np.zeros((60, 81), int), SHAPE)


def test_the_lobes_of_a_dumbbell() -> None:
    rows, cols = np.ogrid[:60, :80]
    two = np.minimum((cols - 30) ** 2, (cols - 50) ** 2) + (rows - 25) ** 2 <= 11**2
    both, one = BoxedMask.of(two), BoxedMask.of(two & (cols < 40))
    assert both is not None
    assert one is not None
    assert sorted((click.row, click.col) for click in lobes(both)) == [(25, 30), (25, 50)]
    assert len(lobes(one)) == 1
