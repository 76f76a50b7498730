import dataclasses
import json

import numpy as np
import pytest

from napari_iafpn.evaluation import (
    PRESETS,
    LayerSet,
    MaskCode,
    ObjectResult,
    Protocol,
    Sample,
    annotate,
    evaluate_object,
    evaluate_set,
)
from napari_iafpn.evaluation.metrics import (
    boundary_band,
    boundary_width,
    seconds_per_click,
)
from napari_iafpn.evaluation.protocol import object_generator, view_of
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.masks import iou
from napari_iafpn.networks.tables import plain, read_table
from napari_iafpn.prompts import BoxPrompt, Click

TRUTH = np.zeros((30, 40), bool)
TRUTH[5:20, 8:30] = True


def perfect(clicks):
    return TRUTH.astype(np.float32)


def hopeless(clicks):
    return np.zeros(TRUTH.shape, np.float32)


def test_the_user_stops_when_satisfied_and_clicks_at_least_once():
    result = annotate(perfect, TRUTH)
    assert (result.ious, result.boundary_ious, len(result.clicks)) == ((1.0,), (1.0,), 1)
    np.testing.assert_array_equal(result.mask, TRUTH)


def test_every_click_has_its_numbers():
    result = annotate(hopeless, TRUTH, protocol=Protocol(max_clicks=7))
    assert result.ious == result.boundary_ious == (0.0,) * 7
    assert len({click.pixel for click in result.clicks}) == 7
    for seconds in (result.network_seconds, result.user_seconds, result.other_seconds):
        assert len(seconds) == 7
        assert min(seconds) >= 0
    assert not result.mask.any()


def test_a_target_above_one_never_stops():
    result = annotate(perfect, TRUTH, protocol=Protocol(max_clicks=4, target=1.01))
    assert len(result.ious) == 4
    assert result.clicks[1:] == (Click(0, 0, False),) * 3


def test_the_user_stops_where_noc_says_so():
    # 9 of 10 pixels, and a target that only single precision calls reached.
    truth = np.ones((1, 10), bool)
    nine = np.arange(10)[None] < 9
    protocol = Protocol(target=float(np.nextafter(0.9, 1)))
    assert len(annotate(lambda clicks: nine * 1.0, truth, protocol=protocol).ious) == 1


def test_the_threshold_is_strict_and_the_presets_differ_in_it():
    half = lambda clicks: TRUTH * np.float32(0.5)  # noqa: E731
    assert annotate(half, TRUTH, protocol=PRESETS["plugin"]).ious[0] == 0
    assert annotate(half, TRUTH, protocol=PRESETS["paper"]).ious[0] == 1


def test_the_presets():
    assert PRESETS["plugin"] == Protocol()
    paper = PRESETS["paper"]
    assert (paper.threshold, paper.flip, paper.crop) == (0.49, True, "published")
    assert (paper.max_clicks, paper.target, paper.user) == (20, 0.9, "centre")
    assert all(name == protocol.preset for name, protocol in PRESETS.items())


def boundary_iou(mask, truth):
    width = boundary_width(truth.shape)
    return iou(boundary_band(mask, width), boundary_band(truth, width))


def test_the_boundary_iou_is_that_of_the_image():
    shifted = np.roll(TRUTH, 2, axis=1)
    result = annotate(lambda clicks: shifted * 1.0, TRUTH, protocol=Protocol(max_clicks=1))
    assert result.boundary_ious == (boundary_iou(shifted, TRUTH),)


def test_the_jittered_user_clicks_elsewhere_and_reproducibly():
    protocol = Protocol(max_clicks=5, user="jittered", jitter=1.0)

    def clicks(seed):
        rng = np.random.default_rng(seed)
        return annotate(hopeless, TRUTH, protocol=protocol, rng=rng).clicks

    assert clicks(1) == clicks(1)
    assert clicks(1) != clicks(2)
    assert all(TRUTH[click.pixel] for click in clicks(1))
    centre = annotate(hopeless, TRUTH, protocol=Protocol(max_clicks=5)).clicks
    still = dataclasses.replace(protocol, jitter=0.0)
    assert annotate(hopeless, TRUTH, protocol=still).clicks == centre


def test_an_object_without_a_pixel_that_counts_is_refused():
    with pytest.raises(ValueError, match="the object has no pixel that counts"):
        annotate(perfect, TRUTH, TRUTH)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"preset": "field"}, "preset is 'field'; choose one of plugin, paper"),
        ({"crop": "none"}, "crop is 'none'; choose one of adaptive, published"),
        ({"user": "me"}, "user is 'me'; choose one of centre, jittered"),
        ({"max_clicks": 0}, "max_clicks is 0; give at least 1 and at most 1000"),
        ({"target": 0}, "target is 0; give an IoU between 0 and 1"),
        ({"target": float("nan")}, "target is nan"),
        ({"threshold": 1.0}, r"threshold is 1\.0; give a number between 0 and 1"),
        ({"jitter": 1.5}, r"jitter is 1\.5; give a number from 0 to 1"),
        ({"seed": -1}, "seed is -1; give at least 0"),
    ],
)
def test_bad_options_get_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Protocol(**options)


def test_a_run_tells_no_target_beyond_its_own():
    assert Protocol(target=0.9).measurable((0.8, 0.9, 0.95)) == (0.8, 0.9)
    assert Protocol(target=1.01).measurable((0.8, 0.95)) == (0.8, 0.95)


def test_generators_of_objects_differ_and_stay():
    first = object_generator(0, "cells", "a", 1).integers(2**62)
    assert first == object_generator(0, "cells", "a", np.int64(1)).integers(2**62)
    # In any process, on any computer.
    assert first == 1017410776805322288
    others = [
        (1, "cells", "a", 1),
        (0, "cell", "sa", 1),
        (0, "cells", "b", 1),
        (0, "cells", "a", 2),
    ]
    assert len({object_generator(*other).integers(2**62) for other in others} | {first}) == 5


@pytest.fixture
def sample(disk_image):
    image, truth = disk_image
    labels = truth.astype(np.uint16) + 2 * (np.indices(truth.shape)[0] < 6)
    return Sample("disk", image, labels, (1, 2))


@pytest.fixture
def predictor(tiny_cascade):
    return Predictor(tiny_cascade, "cpu")


def test_every_object_of_a_set_is_annotated_with_the_predictor(predictor, sample):
    told = []
    results = evaluate_set(
        predictor, [sample], Protocol(max_clicks=3), set_name="lab", model="m", progress=told.append
    )
    assert told == results
    assert [result.name for result in results] == ["disk:1", "disk:2"]
    first = results[0]
    assert (first.set, first.image, first.model, first.condition) == ("lab", "disk", "m", "lab")
    assert (first.view, first.area) == (Box.whole((80, 96)), sample.truth(1).sum())
    assert first.clicks[0].pixel == (38, 52)
    mask = ClickReplay(predictor, sample.image).predict(first.clicks).mask()
    assert first.ious[-1] == (mask & sample.truth(1)).sum() / (mask | sample.truth(1)).sum()
    np.testing.assert_array_equal(first.mask.decode(), mask)


def test_the_jittered_users_clicks_depend_on_the_object_and_not_on_the_order(predictor, sample):
    protocol = Protocol(max_clicks=3, user="jittered", jitter=1.0)
    both = evaluate_set(predictor, [sample], protocol, set_name="lab")
    alone = dataclasses.replace(sample, objects=(2,))
    assert evaluate_set(predictor, [alone], protocol, set_name="lab")[0].clicks == both[1].clicks
    assert evaluate_set(predictor, [alone], protocol, set_name="b")[0].clicks != both[1].clicks


def test_a_result_comes_back_from_json_exactly(predictor, sample):
    for scale in (None, 1.5):
        (result, _) = evaluate_set(
            predictor, [sample], Protocol(max_clicks=3), set_name="s", view_scale=scale
        )
        assert read_table(ObjectResult, json.loads(json.dumps(plain(result))), "it") == result


def test_flip_and_crop_are_the_protocols(predictor, sample, monkeypatch):
    asked = []
    predict = Predictor.predict

    def noted(self, *args, **kwargs):
        asked.append((self.policy.flip, self.policy.crop))
        return predict(self, *args, **kwargs)

    monkeypatch.setattr(Predictor, "predict", noted)
    protocol = dataclasses.replace(PRESETS["paper"], max_clicks=1)
    evaluate_object(predictor, Plane(sample.image), sample, 1, protocol=protocol)
    evaluate_object(predictor, Plane(sample.image), sample, 1, protocol=Protocol(max_clicks=1))
    assert asked == [(True, "published"), (False, "adaptive")]


def test_a_view_is_all_that_model_and_user_see(predictor):
    rows, cols = np.mgrid[:400, :500]
    truth = (rows - 200) ** 2 + (cols - 300) ** 2 <= 10**2
    sample = Sample("far", np.where(truth, 200, 50).astype(np.uint8), truth.astype(int), (1,))
    protocol = Protocol(max_clicks=4, target=1.01)
    result = evaluate_object(
        predictor, Plane(sample.image), sample, 1, protocol=protocol, set_name="s", view_scale=8
    )
    assert result.condition == "s@view8"
    assert result.view == view_of(sample, 1, 8)
    assert result.view.shape == (168, 168)
    assert result.view.contains(Click(200, 300))
    assert result.clicks[0] == Click(200, 300, True)
    assert all(result.view.contains(click) for click in result.clicks)
    mask = ClickReplay(predictor, sample.image, view=result.view).predict(result.clicks).mask()
    np.testing.assert_array_equal(result.mask.decode(), mask)
    assert result.ious[-1] == (mask & truth).sum() / (mask | truth).sum()
    assert result.boundary_ious[-1] == boundary_iou(mask, truth)


def test_an_object_that_is_not_there_is_named(predictor, sample):
    with pytest.raises(ValueError, match="no pixel of id 9"):
        evaluate_object(predictor, Plane(sample.image), sample, 9)
    with pytest.raises(ValueError, match="no pixel of id 9"):
        view_of(sample, 9, None)
    hidden = dataclasses.replace(sample, ignore=sample.truth(1))
    with pytest.raises(ValueError, match="is ignored"):
        evaluate_object(predictor, Plane(sample.image), hidden, 1)


def test_ignored_pixels_do_not_count(predictor, sample):
    ignore = np.indices((80, 96))[1] < 52
    part = dataclasses.replace(sample, ignore=ignore)
    result = evaluate_object(
        predictor, Plane(sample.image), part, 1, protocol=Protocol(max_clicks=2)
    )
    truth = sample.truth(1) & ~ignore
    assert result.area == truth.sum()
    assert all(not ignore[click.pixel] for click in result.clicks)
    mask = result.mask.decode() & ~ignore
    assert result.ious[-1] == (mask & truth).sum() / (mask | truth).sum()


def timed(*seconds):
    clicks, box = (Click(0, 0),) * len(seconds), Box(0, 1, 0, 1)
    network, user, other = zip(*seconds, strict=True)
    scores = (0.5,) * len(seconds)
    code = MaskCode.encode(np.ones((1, 1), bool))
    return ObjectResult(
        "s", "i", 1, "m", None, box, 1, clicks, scores, scores, network, user, other, code
    )


def test_seconds_per_click_are_over_clicks_not_objects():
    spc = seconds_per_click([timed((1.0, 0.5, 0.0), (1.0, 0.5, 0.5)), timed((4.0, 0.5, 1.0))])
    assert (spc.network, spc.user, spc.other) == (2.0, 0.5, 0.5)
    assert spc.total == 3.0
    with pytest.raises(ValueError, match="there is no click to time"):
        seconds_per_click([])


@pytest.mark.parametrize("first", ["box", "stroke"])
def test_a_box_or_a_stroke_comes_first_and_costs_two(first):
    asked = []

    def segment(prompts):
        asked.append(prompts)
        return TRUTH * np.float32(len(prompts) > 2)

    found = annotate(segment, TRUTH, protocol=Protocol(first=first))
    assert [prompt.kind for prompt in asked[-1]] == [first, "click", "click"]
    assert found.first == asked[-1][0]
    assert found.clicks == asked[-1].prompts[1:]
    assert found.ious == (0.0, 0.0, 0.0, 1.0)
    assert all(click.pixel not in found.first.pixels for click in found.clicks)
    for seconds in (found.network_seconds, found.user_seconds, found.other_seconds):
        assert len(seconds) == 4
    assert len(annotate(perfect, TRUTH, protocol=Protocol(first=first)).ious) == 2
    assert len(annotate(hopeless, TRUTH, protocol=Protocol(first=first, max_clicks=5)).ious) == 5


def test_the_first_box_is_the_object_s_and_a_jittered_user_misses_its_sides():
    assert annotate(perfect, TRUTH, protocol=Protocol(first="box")).first == BoxPrompt(
        Box(5, 20, 8, 30)
    )
    protocol = Protocol(first="box", user="jittered", jitter=1.0)
    drawn = [
        annotate(perfect, TRUTH, protocol=protocol, rng=np.random.default_rng(seed)).first.box
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    for box in drawn:
        assert abs(box.row_start - 5) <= 3
        assert abs(box.col_stop - 30) <= 5


def test_the_first_stroke_runs_along_the_object_inside_it():
    stroke = annotate(perfect, TRUTH, protocol=Protocol(first="stroke")).first
    assert all(TRUTH[pixel] for pixel in stroke.pixels)
    assert stroke.extent.width == 22
    ignored = np.zeros_like(TRUTH)
    ignored[:, 19:] = True
    shorter = annotate(perfect, TRUTH, ignored, protocol=Protocol(first="stroke")).first
    assert not any(ignored[pixel] for pixel in shorter.pixels)


def test_an_unknown_first_prompt_is_refused():
    with pytest.raises(ValueError, match="first is 'lasso'; choose one of click, box, stroke"):
        Protocol(first="lasso")


@pytest.mark.parametrize("first", ["box", "stroke"])
def test_a_result_keeps_the_first_prompt_in_the_frame_of_the_image(tiny_cascade, rng, first):
    labels = np.zeros((200, 220), np.uint8)
    labels[120:150, 130:170] = 1
    sample = Sample("a", rng.integers(0, 255, labels.shape, np.uint8), labels, (1,))
    predictor, protocol = Predictor(tiny_cascade, "cpu"), Protocol(first=first, max_clicks=3)
    result = evaluate_object(
        predictor, Plane(sample.image), sample, 1, protocol=protocol, view_scale=3
    )
    assert result.view.row_start > 0
    assert result.first.extent.intersection(Box(120, 150, 130, 170)) == result.first.extent
    assert (len(result.prompts), len(result.ious)) == (2, 3)
    assert read_table(ObjectResult, json.loads(json.dumps(plain(result))), "it") == result
    again = ClickReplay(predictor, Plane(sample.image), view=result.view).predict(result.prompts)
    assert np.array_equal(again.mask(), result.mask.decode())


def test_the_outline_does_not_count_where_pixels_are_ignored():
    truth = np.zeros((60, 60), bool)
    truth[20:40, 20:40] = True
    wide = np.zeros_like(truth)
    wide[10:50, 10:50] = True
    found = annotate(lambda _: wide.astype(np.float32), truth, wide & ~truth, band_width=2)
    assert found.ious == found.boundary_ious == (1.0,)


def test_with_a_click_first_nothing_is_written_that_was_not_before(tiny_cascade, rng):
    from napari_iafpn.evaluation.provenance import make_header
    from napari_iafpn.evaluation.run import Evaluation

    labels = np.zeros((60, 60), np.uint8)
    labels[20:40, 20:40] = 1
    sample = Sample("a", rng.integers(0, 255, labels.shape, np.uint8), labels, (1,))
    (result,) = evaluate_set(Predictor(tiny_cascade, "cpu"), [sample], Protocol(max_clicks=1))
    assert result.first is None
    assert "first" not in plain(result, defaults=False)

    one = LayerSet("one", (sample,))
    for first, told in (("click", None), ("box", "box")):
        evaluation = Evaluation((one,), protocol=Protocol(first=first), device="cpu")
        assert make_header(evaluation, [])["option"].get("first") == told
