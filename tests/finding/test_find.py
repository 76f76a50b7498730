"""Similar objects are found, and nothing else."""

from itertools import combinations, islice

import numpy as np
import pytest
from scipy import ndimage

from napari_iafpn.finding import Exemplars, Proposal, find_similar
from napari_iafpn.finding.drawing import overlap
from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.masks import iou

EXEMPLARS = (1, 8, 15)


def exemplars_of(labels: np.ndarray, ids: tuple[int, ...] = EXEMPLARS) -> Exemplars:
    return Exemplars.of_labels(labels, labels.shape, ids)


def found_labels(proposals: list[Proposal], labels: np.ndarray) -> list[int]:
    """Return the labels that proposals match; 0 for one that is no object."""
    matched = []
    for proposal in proposals:
        box = proposal.boxed.box
        inside = labels[box.slices][proposal.boxed.mask]
        label = int(np.bincount(inside).argmax())
        mask = np.zeros(labels.shape, bool)
        mask[box.slices] = proposal.boxed.mask
        matched.append(label if label and iou(mask, labels == label) > 0.8 else 0)
    return sorted(matched)


def test_all_others_are_found_once(drawer, many, grid) -> None:
    image, labels = many
    proposals = list(find_similar(drawer, image, exemplars_of(labels)))
    assert found_labels(proposals, labels) == sorted(set(range(1, len(grid) + 1)) - set(EXEMPLARS))
    for proposal in proposals:
        assert 0.5 <= proposal.quality <= 1
        assert all(proposal.boxed.contains(click) for click in proposal.clicks)


def test_the_same_again(drawer, many) -> None:
    image, labels = many
    assert list(find_similar(drawer, image, exemplars_of(labels))) == list(
        find_similar(drawer, image, exemplars_of(labels))
    )


def test_one_exemplar_is_enough(drawer, many) -> None:
    image, labels = many
    proposals = list(find_similar(drawer, image, exemplars_of(labels, (12,))))
    assert len(set(found_labels(proposals, labels)) - {0}) >= 27


def test_gradual_sizes(drawer, disks) -> None:
    places = [(40 + 60 * (n // 5), 40 + 60 * (n % 5), 6 + n) for n in range(15)]
    image, labels = disks((220, 330), places)
    proposals = list(find_similar(drawer, image, exemplars_of(labels, (2, 8, 14))))
    assert len(set(found_labels(proposals, labels)) - {0}) >= 11


def test_nothing_is_found_on_what_is_done(drawer, many, grid) -> None:
    image, labels = many
    committed = (labels > 0) & (labels <= 20)
    proposals = list(find_similar(drawer, image, exemplars_of(labels), committed=committed))
    assert all(labels[click.pixel] > 20 for click in drawer.clicks[3:])
    boxed_masks = exemplars_of(labels, tuple(range(1, 21))).boxed_masks
    assert proposals == list(
        find_similar(drawer, image, exemplars_of(labels), committed=iter(boxed_masks))
    )
    assert found_labels(proposals, labels) == list(range(21, len(grid) + 1))


def test_nothing_is_found_where_it_is_avoided(drawer, many, grid) -> None:
    image, labels = many
    avoided = (labels > 20) & (labels <= 25)
    proposals = list(find_similar(drawer, image, exemplars_of(labels), avoided=avoided))
    assert set(found_labels(proposals, labels)) == set(range(1, 31)) - {*EXEMPLARS, *range(21, 26)}


def test_masks_share_no_pixel(drawer, many) -> None:
    image, labels = many
    exemplars = exemplars_of(labels)
    boxed_masks = [p.boxed for p in find_similar(drawer, image, exemplars, quality=0)]
    for one, other in combinations([*boxed_masks, *exemplars.boxed_masks], 2):
        assert overlap(one, other)[0] == 0


def test_only_the_region_is_searched(drawer, many, grid) -> None:
    image, labels = many
    region = Box(130, 240, 0, 140)  # no exemplar lies in it
    proposals = list(find_similar(drawer, image, exemplars_of(labels, (1, 2, 8)), region=region))
    inside = {n for n, (row, col, _) in enumerate(grid, 1) if region.holds(row, col)}
    assert found_labels(proposals, labels) == sorted(inside)


def test_exemplars_of_another_plane(drawer, many, grid, disks) -> None:
    image, labels = many
    other, truth = disks(image.shape, [(row + 7, col + 5, 9) for row, col, _ in grid[:25]], seed=3)
    proposals = list(find_similar(drawer, other, exemplars_of(labels), shown_in=image))
    assert found_labels(proposals, truth) == list(range(1, 26))


@pytest.mark.parametrize("shape", [(170, 210), (420, 500)])
def test_exemplars_of_an_image_of_another_size(drawer, many, disks, shape) -> None:
    image, labels = many
    places = [(r, c, 9) for r in range(30, shape[0] - 20, 40) for c in range(30, shape[1] - 20, 40)]
    other, truth = disks(shape, places, seed=4)
    proposals = list(find_similar(drawer, other, exemplars_of(labels), shown_in=image))
    assert found_labels(proposals, truth) == list(range(1, len(places) + 1))


def test_a_large_plane_is_searched_part_by_part(monkeypatch, drawer, many) -> None:
    image, labels = many
    whole = found_labels(list(find_similar(drawer, image, exemplars_of(labels))), labels)
    monkeypatch.setattr("napari_iafpn.finding.appearance.TILE_SIDE", 160)
    parts = found_labels(list(find_similar(drawer, image, exemplars_of(labels))), labels)
    assert parts == whole


def test_nothing_similar(drawer, many) -> None:
    image, labels = many
    alone = np.where(np.isin(labels, (0, *EXEMPLARS)), image, 50).astype(np.uint8)
    assert not list(find_similar(drawer, alone, exemplars_of(labels)))


def test_much_larger_and_smaller_objects_are_not_similar(drawer, disks) -> None:
    places = [(30, 30, 9), (30, 80, 9), (30, 130, 9), (130, 70, 40), (130, 180, 2), (30, 180, 9)]
    image, labels = disks((190, 220), places)
    proposals = list(find_similar(drawer, image, exemplars_of(labels, (1, 2, 3))))
    assert found_labels(proposals, labels) == [6]


def test_objects_that_touch_are_told_apart(drawer, disks) -> None:
    places = [(30, 30 + 50 * n, 9) for n in range(4)]
    places += [(80 + 50 * n, 40 + 17 * m, 9) for n in range(3) for m in range(2)]
    image, labels = disks((210, 230), places)
    proposals = list(find_similar(drawer, image, exemplars_of(labels, (1, 2, 3))))
    assert found_labels(proposals, labels) == [4, 5, 6, 7, 8, 9, 10]


def test_a_slide_is_too_large_to_search_at_once(drawer, monkeypatch, many) -> None:
    image, labels = many
    monkeypatch.setattr("napari_iafpn.finding.find.MOST_PIXELS", 10_000)
    with pytest.raises(ValueError, match="240 x 280 pixels are too many to search at once"):
        find_similar(drawer, image, exemplars_of(labels))


def test_many_exemplars(drawer, many) -> None:
    image, labels = many
    ids = tuple(range(1, 20))
    proposals = list(find_similar(drawer, image, exemplars_of(labels, ids)))
    assert found_labels(proposals, labels) == list(range(20, 31))


def test_what_was_rejected_teaches(drawer, grid, disks) -> None:
    """Grey disks are drawn as the bright ones are; only a rejected one tells them apart."""
    image, labels = disks((240, 280), grid)
    grey = (labels % 2 == 0) & (labels > 0)
    image = np.where(grey, image - 50, image).astype(np.uint8)
    kind = exemplars_of(labels, (1, 9, 15))
    unlike = np.isin(labels, (2, 8, 16))
    before = found_labels(list(find_similar(drawer, image, kind)), labels)
    after = found_labels(list(find_similar(drawer, image, kind, unlike=unlike)), labels)
    evens = [sum(label % 2 == 0 for label in found) for found in (before, after)]
    assert evens[1] < evens[0]
    assert len([label for label in after if label % 2]) >= 10


def test_stopping_keeps_what_was_found(drawer, many) -> None:
    image, labels = many
    some = list(islice(find_similar(drawer, image, exemplars_of(labels)), 4))
    assert len(some) == 4
    drawn = len(drawer.clicks)
    assert drawn < 60  # the others were not drawn
    answers = iter([False] * 4)
    stopped = list(
        find_similar(drawer, image, exemplars_of(labels), cancelled=lambda: next(answers, True))
    )
    assert len(stopped) < 27


def test_a_drawing_beside_what_is_searched_is_left_out(drawer, disks) -> None:
    """A faint object may be drawn as a bright one at the edge of its view."""
    places = [(row, col, 9) for row in (30, 70, 190) for col in (30, 70, 270)]
    image, labels = disks((560, 560), [*places, (270, 270, 9)])
    plain = type(drawer).predict_each

    class Astray(type(drawer)):
        def predict_each(self, plane, batch, views, sizes=None):
            found = plain(self, plane, batch, views, sizes)
            for number, (clicks, view) in enumerate(zip(batch, views, strict=True)):
                mask = found[number].roi_mask()
                if sizes == (192, 192):  # so that larger views are looked at
                    mask = ndimage.binary_erosion(mask, iterations=2)
                elif labels[clicks[0].pixel] == 9:
                    middle = view.width // 2
                    mask = np.zeros(view.shape, bool)
                    mask[-18:, middle - 9 : middle + 9] = True
                probability = np.where(mask, 0.95, 0.02).astype(np.float32)
                found[number] = Prediction(plane.shape, view, probability, view)
            return found

    region = Box(0, 210, 0, 560)
    proposals = list(find_similar(Astray(), image, exemplars_of(labels, (1, 5)), region=region))
    assert found_labels(proposals, labels) == [2, 3, 4, 6, 7, 8]


def test_an_image_of_noise(drawer, rng: np.random.Generator, many) -> None:
    _, labels = many
    noise = rng.integers(0, 255, labels.shape).astype(np.uint8)
    with pytest.raises(ValueError, match="one click on each exemplar does not draw it again"):
        list(find_similar(drawer, noise, exemplars_of(labels)))


def test_exemplars_that_cover_everything(drawer) -> None:
    with pytest.raises(ValueError, match="cover 100% of what is to be searched"):
        find_similar(drawer, np.zeros((40, 40), np.uint8), [np.ones((40, 40), bool)])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"region": Box(0, 300, 0, 20)}, "the region .* reaches outside the image of 240 x 280"),
        ({"committed": np.zeros((9, 9), bool)}, "the mask 'committed' has shape"),
        ({"unlike": np.zeros((9, 9), bool)}, "the mask 'unlike' has shape"),
        ({"avoided": np.zeros((9, 9), bool)}, "the mask 'avoided' has shape"),
        ({"quality": 1.5}, "quality is 1.5; give a number from 0 to 1"),
    ],
)
def test_absurd_options(drawer, many, options: dict, sentence: str) -> None:
    image, labels = many
    with pytest.raises(ValueError, match=sentence):
        find_similar(drawer, image, exemplars_of(labels), **options)


def test_a_stray_pixel_of_an_exemplar_does_not_make_it_larger(many) -> None:
    _, labels = many
    strays = labels.copy()
    strays[0, 0] = strays[-1, -1] = 1
    assert exemplars_of(strays) == exemplars_of(labels)


def test_small_finds_are_no_exemplars(drawer, disks) -> None:
    """What is found may be smaller than what is enough to learn from."""
    places = [(10, col, 2.3) for col in (10, 30, 50)]
    places += [(row, col, 2) for row in range(30, 110, 20) for col in range(10, 120, 20)]
    image, labels = disks((130, 130), places)
    assert np.bincount(labels.ravel())[[1, 4]].tolist() == [21, 13]
    proposals = list(find_similar(drawer, image, exemplars_of(labels, (1, 2, 3))))
    assert len(set(found_labels(proposals, labels)) - {0}) >= 20


def test_an_image_full_of_objects_says_so(drawer) -> None:
    rows, cols = np.mgrid[:120, :120]
    inside = (rows % 24 > 0) & (rows % 24 < 23) & (cols % 24 > 0) & (cols % 24 < 23)
    labels = np.where(inside, 1 + rows // 24 * 5 + cols // 24, 0)
    image = np.where(inside, 200, 50).astype(np.uint8)
    every = exemplars_of(labels, tuple(range(1, 26)))
    with pytest.raises(ValueError, match="full of objects already; search another part"):
        list(find_similar(drawer, image, every))
