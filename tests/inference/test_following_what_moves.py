"""What moves is followed or told to be lost, whatever the network makes of its previous mask."""

import numpy as np
import pytest
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Prediction
from napari_iafpn.inference.propagation import propagate

SHAPE, HOME, RADIUS = (150, 190), (70, 60), 10
OTHERS = [(60, 86), (96, 62), (30, 30), (120, 130), (40, 150)]
ROWS, COLS = np.ogrid[: SHAPE[0], : SHAPE[1]]


def disk(row, col, radius=RADIUS):
    return (ROWS - row) ** 2 + (COLS - col) ** 2 <= radius**2


def picture(objects, seed=0):
    """Grey disks, each with a texture of its own that goes with it, on a noisy ground."""
    rng = np.random.default_rng(seed)
    plane = np.zeros(SHAPE)
    for row, col, *rest in objects:
        texture = ndimage.gaussian_filter(np.random.default_rng(5).normal(0, 1, SHAPE), 2)
        plane[disk(row, col, *rest)] = 100
        plane += 60 * disk(row, col, *rest) * ndimage.shift(texture, (row - 70, col - 60), order=1)
    plane = 40 + ndimage.gaussian_filter(plane, 1) + rng.normal(0, 4, SHAPE)
    return plane.clip(0, 255).astype(np.uint8)


class BelievesThePreviousMask:
    """The worst network: repeats the previous mask, and a disk around the click without one."""

    def predict(self, plane, clicks, previous=None, *, view=None, expected_size=None):
        mask = disk(*clicks[0].pixel) if previous is None else previous.mask()
        return Prediction.from_array(0.9 * mask.astype(np.float32), plane.shape)


class SeesTheBright:
    """Finds the bright parts that the positive clicks are on."""

    def predict(self, plane, clicks, previous=None, *, view=None, expected_size=None):
        values = plane.read(Box.whole(plane.shape), plane.shape)[0]
        parts, _ = ndimage.label(ndimage.gaussian_filter(values, 1) > 85 / 255)
        wanted = {parts[c.pixel] for c in clicks.positives} - {0}
        return Prediction.from_array(np.isin(parts, list(wanted)) * np.float32(0.9), plane.shape)


@pytest.fixture(params=[BelievesThePreviousMask, SeesTheBright])
def predictor(request):
    return request.param()


def follow(predictor, frames):
    """Return the masks that nobody doubts, from the object at home in the first frame."""
    planes = [Plane(frame, limits=(0, 255)) for frame in frames]
    start = Prediction.from_array(disk(*HOME), SHAPE)
    visited = list(propagate(predictor, planes.__getitem__, start, range(1, len(frames))))
    assert not any(reached.doubt for reached in visited[:-1])
    return [reached.prediction.mask() for reached in visited if not reached.doubt]


def iou(one, other):
    return (one & other).sum() / max(1, (one | other).sum())


def at_least(masks, truths):
    """The least IoU of the planes that were reached."""
    return min(iou(mask, truth) for mask, truth in zip(masks, truths, strict=False))


@pytest.mark.parametrize("others", [[], OTHERS])
@pytest.mark.parametrize("speed", [0, 1, 2.5, 5, 9])
def test_an_object_that_moves_or_stays_is_followed(predictor, speed, others):
    places = [(70 + 0.4 * speed * t, 60 - 0.3 * speed * t) for t in range(6)]
    others = [place for place in others if place != (96, 62)]
    masks = follow(predictor, [picture([p, *others], t) for t, p in enumerate(places)])
    assert len(masks) == 5
    # A network that only repeats adds up what is rounded from plane to plane.
    assert at_least(masks, [disk(*place) for place in places[1:]]) > 0.7


@pytest.mark.parametrize("others", [[], OTHERS])
def test_an_object_that_vanishes_ends_the_way_and_no_neighbour_is_taken(predictor, others):
    frames = [picture([HOME, *others], t) for t in range(3)]
    frames += [picture(others, t) for t in range(3, 6)]
    masks = follow(predictor, frames)
    assert len(masks) == 2
    assert at_least(masks, [disk(*HOME)] * 2) > 0.9


def test_an_object_that_leaves_the_image_is_followed_to_the_border(predictor):
    places = [(70, 60 - 9 * t) for t in range(10)]
    masks = follow(predictor, [picture([place], t) for t, place in enumerate(places)])
    assert 4 <= len(masks) <= 7
    assert at_least(masks[:4], [disk(*place) for place in places[1:]]) > 0.8
    truths = [disk(*place) for place in places[1:]]
    assert all((mask & truth).any() for mask, truth in zip(masks, truths, strict=False))


@pytest.mark.parametrize("jump", [(24, 32), (40, 0), (0, -40)])
def test_a_jump_of_the_stage_is_followed(predictor, jump):
    homes = [HOME, *OTHERS]
    there = [(row + jump[0], col + jump[1]) for row, col in homes]
    masks = follow(predictor, [picture(p, t) for t, p in enumerate([homes, homes, there, there])])
    assert len(masks) == 3
    assert at_least(masks[1:], [disk(*there[0])] * 2) > 0.8


def test_bleaching_does_not_stop_it():
    frames = [picture([HOME, *OTHERS], t) * 0.8**t for t in range(7)]
    masks = follow(BelievesThePreviousMask(), frames)
    assert len(masks) == 6
    assert at_least(masks, [disk(*HOME)] * 6) > 0.9


def test_a_plane_out_of_focus_is_right_or_ends_the_way(predictor):
    frames = [picture([HOME, *OTHERS], t) for t in range(5)]
    frames[2] = ndimage.gaussian_filter(frames[2], 4)
    masks = follow(predictor, frames)
    assert len(masks) >= 1
    assert at_least(masks, [disk(*HOME)] * 4) > 0.7


def test_an_object_that_divides_ends_the_way_or_goes_on_in_its_parts():
    stages = [[HOME], [HOME], *([(70, 60 - gap, 7), (70, 60 + gap, 7)] for gap in (8, 12, 16, 20))]
    masks = follow(SeesTheBright(), [picture(stage, t) for t, stage in enumerate(stages)])
    assert len(masks) >= 1
    for mask, stage in zip(masks, stages[1:], strict=False):
        truth = np.any([disk(*part) for part in stage], axis=0)
        assert (mask & truth).sum() > 0.8 * mask.sum()


def test_planes_of_another_shape_are_told():
    planes = [Plane(picture([HOME])), Plane(np.zeros((60, 60), np.uint8))]
    start = Prediction.from_array(disk(*HOME), SHAPE)
    with pytest.raises(ValueError, match="plane 1 is 60 x 60"):
        list(propagate(SeesTheBright(), planes.__getitem__, start, [1]))


@pytest.mark.parametrize(
    "mask",
    [np.ones(SHAPE, bool), np.abs(ROWS - COLS) < 1, disk(70, 60, 1)],
    ids=["all", "thin", "tiny"],
)
def test_objects_of_any_size_are_followed(mask):
    rng = np.random.default_rng(2)
    frames = [(60 + 120 * mask + rng.normal(0, 4, SHAPE)).astype(np.uint8) for _ in range(3)]
    planes = [Plane(frame, limits=(0, 255)) for frame in frames]
    start = Prediction.from_array(mask, SHAPE)
    visited = propagate(BelievesThePreviousMask(), planes.__getitem__, start, [1, 2])
    assert [iou(reached.prediction.mask(), mask) for reached in visited if not reached.doubt] == [
        1,
        1,
    ]
