"""Flip averaging and the crop policies of published runs."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_iafpn.geometry import Box, sticky_zoom_in, zoom_in
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.inference.policy import Policy
from napari_iafpn.networks import Cascade
from napari_iafpn.prompts import BoxPrompt, Click, Stroke

CLICKS = [Click(38, 52), Click(10, 8, False), Click(50, 60)]


@pytest.fixture
def single(tiny_cascade):
    """A cascade without a fine level."""
    cascade = Cascade(dataclasses.replace(tiny_cascade.config, fine=None))
    cascade.coarse.load_state_dict(tiny_cascade.coarse.state_dict())
    return cascade


@pytest.mark.parametrize("levels", ["tiny_cascade", "single"])
def test_with_flip_a_mirrored_image_gives_the_mirrored_result(levels, disk_image, request):
    predictor = Predictor(request.getfixturevalue(levels), "cpu", policy=Policy(flip=True))
    image = disk_image[0]
    mirrored = [Click(c.row, image.shape[1] - 1 - c.col, c.positive) for c in CLICKS]
    here = ClickReplay(predictor, image).predict(CLICKS)
    there = ClickReplay(predictor, np.ascontiguousarray(image[:, ::-1])).predict(mirrored)
    np.testing.assert_allclose(there.probability[:, ::-1], here.probability, atol=1e-4)
    plain = ClickReplay(predictor.using(Policy()), image).predict(CLICKS)
    assert np.abs(plain.probability - here.probability).max() > 0.01


def test_logits_are_averaged_not_probabilities(single, disk_image):
    image = disk_image[0]
    flipped = np.ascontiguousarray(image[:, ::-1])
    predictor = Predictor(single, "cpu")

    def logits(pixels, col):
        found = predictor.predict(pixels, [Click(38, col)]).probability
        return torch.from_numpy(found).logit()

    # The network's input is larger than the image, so resizing and averaging commute.
    expected = (logits(image, 52) + logits(flipped, 95 - 52).flip(-1)) / 2
    averaged = predictor.using(Policy(flip=True)).predict(image, [Click(38, 52)])
    np.testing.assert_allclose(averaged.probability, expected.sigmoid(), atol=2e-3)


def test_a_predictor_does_not_flip_unless_asked(tiny_cascade, disk_image, monkeypatch):
    batches = []
    predictor = Predictor(tiny_cascade, "cpu")
    coarse = predictor.cascade.coarse
    forward = coarse.forward
    monkeypatch.setattr(
        coarse, "forward", lambda image, *rest: batches.append(len(image)) or forward(image, *rest)
    )
    predictor.predict(disk_image[0], CLICKS)
    predictor.using(Policy(flip=True)).predict(disk_image[0], CLICKS)
    assert batches == [1, 2]
    assert not predictor.policy.flip


def test_published_crops_of_a_cascade_have_no_smallest_region(tiny_cascade, monkeypatch):
    monkeypatch.setattr(
        "napari_iafpn.inference.interaction._run",
        lambda level, image, previous, *rest, **options: torch.full_like(previous, -3),
    )
    image, click = np.zeros((400, 600), np.uint8), Click(200, 300)
    nothing, view = np.zeros((1, 1), bool), Box.whole((400, 600))
    cascade = Cascade(dataclasses.replace(tiny_cascade.config, min_crop=48))
    published = Predictor(cascade, "cpu", policy=Policy(crop="published")).predict(image, [click])
    assert published.roi == zoom_in(nothing, [click], view, min_crop=0)
    assert max(published.roi.shape) < 48
    assert min(Predictor(cascade, "cpu").predict(image, [click]).roi.shape) >= 48


def predict(predictor, clicks, previous, found):
    """Predict in a black image, then put the box ``found`` (None: nothing) as what was found."""
    prediction = predictor.predict(np.zeros((600, 800), np.uint8), clicks, previous)
    values = np.zeros((600, 800), np.float32)
    if found is not None:
        values[found.slices] = 1
    return dataclasses.replace(prediction, roi_probability=values[prediction.roi.slices])


def test_published_crops_of_one_level_are_sticky(single):
    predictor, view = (
        Predictor(single, "cpu", policy=Policy(crop="published")),
        Box.whole((600, 800)),
    )
    clicks = [Click(200, 300), Click(210, 310), Click(205, 320), Click(203, 290), Click(210, 330)]
    item = Box(150, 260, 250, 380)
    first = predict(predictor, clicks[:1], None, item)
    assert (first.roi, first.zoomed) == (view, False)
    second = predict(predictor, clicks[:2], first, item.shifted(10, 10))
    assert second.roi == sticky_zoom_in(item, clicks[:2], view)
    third = predict(predictor, clicks[:3], second, None)
    assert (third.roi, third.zoomed) == (second.roi, True)
    # Nothing was found: the whole view is shown, and the old region is forgotten.
    fourth = predict(predictor, clicks[:4], third, item)
    assert (fourth.roi, fourth.zoomed) == (view, False)
    fifth = predict(predictor, clicks, fourth, item)
    assert fifth.roi == sticky_zoom_in(item, clicks, view)


def test_the_first_click_sees_the_whole_view_also_with_a_mask_to_correct(single, disk_image):
    predictor = Predictor(single, "cpu", policy=Policy(crop="published"))
    image, truth = disk_image
    assert predictor.predict(image, CLICKS[:1], truth).roi == Box.whole(image.shape)


def test_an_unknown_crop_is_refused():
    with pytest.raises(ValueError, match="crop is 'tight'; choose one of adaptive, published"):
        Policy(crop="tight")


def test_a_box_gives_a_mask_inside_it_before_any_click(tiny_cascade, disk_image):
    predictor, drawn = Predictor(tiny_cascade, "cpu"), BoxPrompt(Box(20, 50, 30, 70))
    alone = predictor.predict(disk_image[0], [drawn])
    assert alone.roi == drawn.region(Box.whole(disk_image[0].shape))
    outside = alone.mask(0.01)
    outside[drawn.allowed(alone.roi).slices] = False
    assert not outside.any()
    assert alone.mask(0.01).any()
    beside = predictor.predict(disk_image[0], [drawn, Click(60, 80)])
    assert beside.mask()[60, 80]


def test_a_mark_beyond_a_box_says_that_it_was_too_small(tiny_cascade, disk_image):
    predictor, drawn = Predictor(tiny_cascade, "cpu"), BoxPrompt(Box(20, 50, 30, 60))
    whole = Box.whole(disk_image[0].shape)
    limit = drawn.allowed(whole)

    def beyond(*more):
        mask = predictor.predict(disk_image[0], [drawn, *more]).probability > 1e-3
        mask[limit.slices] = False
        return mask.any()

    assert not beyond()
    assert not beyond(Click(40, 45), Click(10, 10, False))
    assert beyond(Click(40, 66))
    assert beyond(Stroke(((40, 45), (40, 70))))


def test_the_newest_box_counts(tiny_cascade, disk_image):
    predictor, whole = Predictor(tiny_cascade, "cpu"), Box.whole(disk_image[0].shape)
    large, small = BoxPrompt(Box(5, 70, 5, 80)), BoxPrompt(Box(30, 45, 40, 55))
    found = predictor.predict(disk_image[0], [large, small])
    assert found.roi == predictor.predict(disk_image[0], [small]).roi
    mask = found.probability > 1e-3
    mask[small.allowed(whole).slices] = False
    assert not mask.any()


def test_a_lasso_gives_a_first_mask_and_limits_it(tiny_cascade, disk_image):
    predictor, whole = Predictor(tiny_cascade, "cpu"), Box.whole(disk_image[0].shape)
    lasso = Stroke(((20, 30), (20, 60), (50, 60), (50, 30), (20, 30)))
    found = predictor.predict(disk_image[0], [lasso])
    assert found.roi == lasso.region(whole)
    mask = found.probability > 1e-3
    assert mask.any()
    mask[lasso.allowed(whole).slices] = False
    assert not mask.any()
    triangle = Stroke((*lasso.points[:3], lasso.points[0]))
    other = predictor.predict(disk_image[0], [triangle])
    assert not np.array_equal(found.probability, other.probability), "its inside is seen"


def test_a_stroke_matters_as_a_click_does(tiny_cascade, disk_image):
    predictor = Predictor(tiny_cascade, "cpu")
    click, stroke = Click(38, 52), Stroke(((38, 45), (38, 60)))
    found = [predictor.predict(disk_image[0], given) for given in ([click], [stroke], [])]
    assert not np.array_equal(found[0].probability, found[1].probability)
    assert not np.array_equal(found[1].probability, found[2].probability)
    # Without what clicks enforce, a stroke of one point is a click.
    free = predictor.using(Policy(enforce_clicks=False))
    same = [free.predict(disk_image[0], [one]).probability for one in (click, Stroke(((38, 52),)))]
    np.testing.assert_allclose(*same, atol=1e-5)
