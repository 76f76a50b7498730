import dataclasses

import numpy as np
import pytest
import torch

from napari_iafpn.geometry import Box
from napari_iafpn.geometry.resample import paste
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.networks import Cascade
from napari_iafpn.prompts import Click

CLICKS = [Click(38, 52), Click(10, 8, False)]


@pytest.fixture
def predictor(tiny_cascade):
    return Predictor(tiny_cascade, "cpu")


@pytest.fixture
def without_iaf(tiny_cascade):
    cascade = Cascade(dataclasses.replace(tiny_cascade.config, fine=None))
    cascade.coarse.load_state_dict(tiny_cascade.coarse.state_dict())
    return Predictor(cascade, "cpu")


def watch(level, monkeypatch):
    """Note the inputs of a level, or of the refiner."""
    seen = []
    forward = level.forward

    def noted(*given):
        seen.append(given)
        return forward(*given)

    monkeypatch.setattr(level, "forward", noted)
    return seen


def test_a_prediction_covers_its_region_and_nothing_else(predictor, disk_image):
    prediction = predictor.predict(disk_image[0], CLICKS[:1], view=Box(8, 72, 20, 84))
    assert prediction.shape == (80, 96)
    assert prediction.view.encloses(prediction.roi)
    assert prediction.roi_probability.shape == prediction.roi.shape
    assert prediction.roi_probability.dtype == np.float32
    dense = prediction.probability
    np.testing.assert_array_equal(dense[prediction.roi.slices], prediction.roi_probability)
    outside = np.ones(dense.shape, bool)
    outside[prediction.roi.slices] = False
    assert outside.any()
    assert not dense[outside].any()
    np.testing.assert_array_equal(prediction.mask(0.4), dense > 0.4)
    assert prediction.device == "cpu"
    assert prediction.seconds > 0
    assert prediction.notes == ()


def test_same_input_same_bits(predictor, disk_image):
    first = predictor.predict(disk_image[0], CLICKS)
    predictor.predict(disk_image[0], [Click(1, 1)])
    second = predictor.predict(Plane(disk_image[0]), CLICKS)
    assert first.roi == second.roi
    np.testing.assert_array_equal(first.roi_probability, second.roi_probability)


def test_clicks_and_previous_mask_matter(predictor, disk_image):
    image, truth = disk_image
    one = predictor.predict(image, CLICKS[:1])
    two = predictor.predict(image, CLICKS)
    corrected = predictor.predict(image, CLICKS[:1], truth)
    assert not np.array_equal(one.probability, two.probability)
    assert not np.array_equal(one.probability, corrected.probability)


def test_a_mask_and_its_prediction_are_the_same_previous(predictor, disk_image):
    image, _ = disk_image
    first = predictor.predict(image, CLICKS[:1])
    sparse = predictor.predict(image, CLICKS, first)
    dense = predictor.predict(image, CLICKS, first.probability)
    np.testing.assert_allclose(sparse.probability, dense.probability, atol=1e-5)


def test_both_levels_get_their_crop_at_their_size(predictor, disk_image, monkeypatch):
    image, _ = disk_image
    coarse = watch(predictor.cascade.coarse, monkeypatch)
    fine = watch(predictor.cascade.fine, monkeypatch)
    plane = Plane(image)
    view = Box(8, 72, 16, 80)
    prediction = predictor.predict(plane, [Click(38, 52)], view=view)
    ((pixels, previous, points),) = coarse
    np.testing.assert_array_equal(pixels[0].numpy(), plane.read(view, (64, 64)))
    assert not previous.any()
    assert points.nodes.tolist() == [[[30, 36]]]
    ((pixels, previous, points),) = fine
    size = (pixels.shape[2], pixels.shape[3])
    np.testing.assert_array_equal(pixels[0].numpy(), plane.read(prediction.roi, size))
    assert previous.any()
    assert points.valid.all()


def test_the_fine_level_remembers_its_last_mask(tiny_cascade, disk_image, monkeypatch):
    """It is given the mean of the intention and of that mask, without one the intention."""
    image, _ = disk_image
    remembering = Cascade(dataclasses.replace(tiny_cascade.config, memory=0.5))
    remembering.load_state_dict(tiny_cascade.state_dict())
    given = []
    for cascade in (tiny_cascade, remembering):
        predictor = Predictor(cascade, "cpu")
        fine = watch(predictor.cascade.fine, monkeypatch)
        first = predictor.predict(image, CLICKS[:1])
        second = predictor.predict(image, CLICKS, first)
        given.append([previous for _, previous, _ in fine])
    (first_meant, meant), (first_given, mixed) = given
    assert torch.equal(first_given, first_meant)
    drawn = paste(
        torch.tensor(first.roi_probability)[None, None], first.roi, second.roi, meant.shape[-2:]
    )
    assert (drawn - meant).abs().max() > 0.1
    torch.testing.assert_close(mixed, (meant + drawn) / 2)


def test_a_refiner_corrects_what_the_fine_level_drew(tiny_cascade, disk_image, monkeypatch):
    """It is given all clicks, also those outside the region, and adds its correction."""
    image, _ = disk_image
    refining = Cascade(dataclasses.replace(tiny_cascade.config, refiner=8))
    refining.load_state_dict(tiny_cascade.state_dict(), strict=False)
    torch.nn.init.constant_(refining.refiner.leave.bias, -50.0)
    plain, refined = Predictor(tiny_cascade, "cpu"), Predictor(refining, "cpu")
    monkeypatch.setattr("napari_iafpn.networks.step.zoom_in", lambda *_, **__: Box(20, 60, 30, 70))
    given = watch(refined.cascade.refiner, monkeypatch)
    outside = Click(2, 2, False)
    before = plain.predict(image, [Click(38, 52), outside])
    after = refined.predict(image, [Click(38, 52), outside])
    ((logits, intention, last, points),) = given
    assert logits.shape == intention.shape == last.shape
    assert last.max() == 0
    assert points.valid.sum() == 2
    assert (points.nodes[0, 1] < 0).all()
    # A newest click on the background turns the correction round: 50 is added.
    assert before.roi_probability.min() < 0.9
    assert after.roi_probability.min() > 0.99


def test_clicks_outside_the_region_do_not_reach_the_fine_level(predictor, disk_image, monkeypatch):
    image, _ = disk_image
    fine = watch(predictor.cascade.fine, monkeypatch)
    monkeypatch.setattr("napari_iafpn.networks.step.zoom_in", lambda *_, **__: Box(20, 60, 30, 70))
    prediction = predictor.predict(image, [Click(38, 52), Click(2, 2, False)])
    assert prediction.roi == Box(20, 60, 30, 70)
    assert fine[0][2].nodes.shape == (1, 1, 2)


def test_without_iaf_the_first_click_sees_the_view_and_later_ones_zoom(without_iaf, disk_image):
    image, truth = disk_image
    first = without_iaf.predict(image, [Click(38, 52)])
    assert first.roi == Box.whole((80, 96))
    later = without_iaf.predict(image, CLICKS, truth)
    assert later.roi != first.roi
    assert later.roi.encloses(Box.around(truth))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 5, 3), (90, 40, 4)])
def test_odd_shapes_give_a_mask(predictor, rng, shape):
    mask = predictor.predict(rng.random(shape), [Click(0, 0)]).mask()
    assert mask.shape == shape[:2]
    assert mask.dtype == np.bool_


@pytest.mark.parametrize("value", [0, 5, np.nan, np.inf, -np.inf])
def test_constant_and_non_finite_images_give_a_mask(predictor, value):
    prediction = predictor.predict(np.full((40, 50), value), [Click(20, 20)])
    assert np.isfinite(prediction.roi_probability).all()


def test_nan_in_the_image_stays_where_it_is(predictor, disk_image):
    image = disk_image[0].astype(float)
    image[::7, ::5] = np.nan
    assert np.isfinite(predictor.predict(image, CLICKS).probability).all()


@pytest.mark.parametrize(
    ("clicks", "options", "sentence"),
    [
        ([Click(80, 3)], {}, r"\(80, 3\) is outside the image of 80 x 96"),
        ([Click(3, 3)], {"view": Box(8, 40, 8, 40)}, r"click \(3, 3\) is outside the view rows 8"),
        ([], {"view": Box(0, 81, 0, 96)}, "the view rows 0:81, columns 0:96 reaches outside"),
        ([], {"previous": np.zeros((80, 95), bool)}, r"shape \(80, 95\) and the image \(80, 96\)"),
        ([], {"previous": np.full((80, 96), 255)}, "values from 255 to 255; give a bool mask"),
        ([], {"previous": np.full((80, 96), np.nan)}, "give a bool mask or probabilities"),
    ],
)
def test_bad_input_gets_one_sentence(predictor, disk_image, clicks, options, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        predictor.predict(disk_image[0], clicks, **options)
    assert "\n" not in str(error.value)


def test_a_prediction_of_another_image_is_refused(predictor, disk_image):
    other = predictor.predict(np.zeros((50, 50)), [Click(3, 3)])
    with pytest.raises(ValueError, match="give a prediction of the same image"):
        predictor.predict(disk_image[0], CLICKS, other)


def test_an_image_that_is_no_plane_is_refused(predictor):
    with pytest.raises(ValueError, match="is not one plane"):
        predictor.predict(np.zeros((4, 5, 6, 7)), [])


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "cpu:0", ""])
def test_unknown_devices_are_refused(tiny_cascade, name):
    with pytest.raises(ValueError, match="is not available here; choose one of auto, cpu"):
        Predictor(tiny_cascade, name)


def test_unknown_precisions_are_refused(tiny_cascade):
    with pytest.raises(ValueError, match="choose one of auto, fp32, bf16, fp16"):
        Predictor(tiny_cascade, "cpu", "int8")


def test_auto_precision_is_the_exact_one(tiny_cascade):
    assert Predictor(tiny_cascade, "cpu").precision == "fp32"


def test_bf16_is_close_to_fp32(tiny_cascade, disk_image):
    exact = Predictor(tiny_cascade, "cpu", "fp32").predict(disk_image[0], CLICKS)
    rough = Predictor(tiny_cascade, "cpu", "bf16").predict(disk_image[0], CLICKS)
    assert not np.array_equal(exact.probability, rough.probability)
    assert np.abs(exact.probability - rough.probability).mean() < 0.02


def test_no_gradients_are_kept(predictor, disk_image, monkeypatch):
    coarse = watch(predictor.cascade.coarse, monkeypatch)
    predictor.predict(disk_image[0], CLICKS)
    assert coarse[0][0].is_inference()
    assert torch.is_grad_enabled()


def test_a_small_object_in_a_large_plane_is_found_by_its_click(predictor, monkeypatch):
    monkeypatch.setattr(
        "napari_iafpn.inference.interaction._run",
        lambda level, image, previous, *rest, **options: torch.full_like(previous, -3),
    )
    prediction = predictor.predict(np.zeros((2000, 3000), np.uint8), [Click(1000, 2990)])
    assert prediction.roi.contains(Click(1000, 2990))
    assert prediction.roi.shape == (17, 17)
