import numpy as np
import pytest

from napari_iafpn.evaluation import PROTOCOLS, Protocol, Sample, annotate, evaluate_set
from napari_iafpn.inference import ClickReplay, Predictor

TRUTH = np.zeros((30, 40), bool)
TRUTH[5:20, 8:30] = True


def perfect(clicks):
    return TRUTH.astype(np.float32)


def hopeless(clicks):
    return np.zeros(TRUTH.shape, np.float32)


def test_the_user_stops_when_satisfied_and_clicks_at_least_once():
    result = annotate(perfect, TRUTH, name="square")
    assert (result.name, result.ious, len(result.clicks)) == ("square", (1.0,), 1)
    assert len(result.seconds) == 1


def test_the_user_gives_up_after_max_clicks():
    result = annotate(hopeless, TRUTH, protocol=Protocol(max_clicks=7))
    assert result.ious == (0.0,) * 7
    assert len({click.pixel for click in result.clicks}) == 7


def test_a_target_above_one_never_stops():
    assert len(annotate(perfect, TRUTH, protocol=Protocol(max_clicks=4, target=1.01)).ious) == 4


def test_the_threshold_is_strict_and_named_presets_differ_in_it():
    half = lambda clicks: TRUTH * np.float32(0.5)  # noqa: E731
    assert annotate(half, TRUTH, protocol=PROTOCOLS["plugin"]).ious[0] == 0
    assert annotate(half, TRUTH, protocol=PROTOCOLS["field"]).ious[0] == 1


def test_empty_objects_are_refused():
    with pytest.raises(ValueError, match="object 'x' has no pixel to find"):
        annotate(perfect, TRUTH, ignore=TRUTH, name="x")


def test_every_object_of_a_set_is_annotated_with_the_predictor(tiny_cascade, disk_image):
    image, truth = disk_image
    labels = truth.astype(np.uint16) + 2 * (np.indices(truth.shape)[0] < 6)
    sample = Sample("disk", image, labels, (1, 2))
    predictor, told = Predictor(tiny_cascade, "cpu"), []
    results = evaluate_set(predictor, [sample], max_clicks=3, progress=told.append)
    assert told == results
    assert [result.name for result in results] == ["disk:1", "disk:2"]
    first = results[0]
    assert first.clicks[0].pixel == (38, 52)
    mask = ClickReplay(predictor, image).predict(first.clicks).mask()
    assert first.ious[-1] == (mask & truth).sum() / (mask | truth).sum()
