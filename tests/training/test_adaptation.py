"""Learning from objects that were just committed."""

import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_iafpn.evaluation.readers import LayerSet
from napari_iafpn.images import Plane
from napari_iafpn.masks import BoxedMask
from napari_iafpn.networks import Cascade, ModelCard, load_cascade, read_card, save_cascade
from napari_iafpn.training.adaptation import (
    AdaptRequest,
    Learner,
    adapt,
    is_better,
    learned_sentence,
    learner as learners,
    object_sample,
    objects,
    open_objects,
    run_adaptation,
    update as updates,
    write_objects,
)
from napari_iafpn.training.finetuning import (
    ClickComparison,
    Clicks,
    Command,
    Done,
    Failed,
    Step,
)
from napari_iafpn.training.forgetting import interpolated

HUGE = 2**40


def object_of(labels, label):
    return BoxedMask.of(labels == label)


@pytest.fixture
def samples(rng):
    """Six disks of one image."""
    rows, cols = np.mgrid[:200, :300]
    labels = np.zeros((200, 300), np.int64)
    for number in range(6):
        row, col = 50 + 100 * (number // 3), 50 + 100 * (number % 3)
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= 12**2] = number + HUGE
    grey = np.where(labels > 0, 170, 50) + rng.normal(0, 10, labels.shape)
    plane = Plane(grey.clip(0, 255).astype(np.uint8), limits=(0, 255))
    return [
        object_sample(
            f"disk {n}", plane, object_of(labels, n + HUGE), lambda box: labels[box.slices]
        )
        for n in range(6)
    ]


def gain_of(before, after):
    clicks = Clicks(5, 3.0, 4.0, None, 0.5)
    return ClickComparison(
        replace(clicks, noc80=before[0], miou1=before[1]),
        replace(clicks, noc80=after[0], miou1=after[1]),
        after[0] - before[0],
        -1.0,
        1.0,
    )


# Objects


def test_an_object_lies_in_its_surroundings(samples):
    sample = samples[0]
    assert sample.objects == (1,)
    assert sample.image.shape == (200, 300, 3)
    assert sample.image[50, 50].min() > 130 > sample.image[5, 5].max()
    assert np.count_nonzero(sample.instances == 1) == sample.areas[1] > 400
    assert sample.instances[50, 50] == 1
    assert len(sample.areas) == 6  # the others keep apart, whatever their ids


def test_large_objects_are_kept_small():
    labels = np.zeros((3000, 2000), np.uint8)
    labels[500:2500, 500:1500] = 3
    sample = object_sample(
        "large", Plane(labels), object_of(labels, 3), lambda box: labels[box.slices]
    )
    assert sample.shape == (768, 512)
    assert sample.areas[1] == pytest.approx(768 * 512 / 3, rel=0.02)


@pytest.mark.parametrize("row", [511, 517, 523])
def test_a_thin_object_is_still_there_where_it_is_shown_small(row):
    """Two pixels of 1,500: a pixel of the sample is twenty of the image."""
    labels = np.zeros((1100, 1600), np.int32)
    labels[row : row + 2, 40:1540] = 1
    plane = Plane(np.zeros(labels.shape, np.uint8), limits=(0, 255))
    sample = object_sample("fibre", plane, object_of(labels, 1), lambda box: labels[box.slices])
    assert np.count_nonzero(sample.instances == 1) > 700


def test_large_surroundings_are_read_in_strips(monkeypatch):
    rows, cols = np.mgrid[:1500, :1400]
    labels = 1 + rows // 100 * 14 + cols // 100
    plane = Plane(np.zeros(labels.shape, np.uint8), limits=(0, 255))
    read = []

    def ids_in(box):
        read.append(box.area)
        return labels[box.slices]

    mask = object_of(labels, 100)
    whole = object_sample("one", plane, mask, ids_in)
    monkeypatch.setattr(objects, "STRIP_PIXELS", 2**16)
    strips = object_sample("one", plane, mask, ids_in)
    assert np.array_equal(whole.instances, strips.instances)
    assert max(read[1:]) < 2**17 < read[0]


def test_a_class_is_no_object():
    labels = np.ones((60, 60), np.uint8)
    mask = BoxedMask.of(np.ones((10, 10), bool), (20, 20))
    sample = object_sample("one", Plane(labels), mask, lambda box: labels[box.slices])
    assert np.count_nonzero(sample.instances == 1) == 100
    assert np.count_nonzero(sample.instances > 1) == 3500


def test_objects_come_back_from_a_folder(samples, tmp_path):
    write_objects(tmp_path, samples)
    for read, written in zip(open_objects(tmp_path).samples, samples, strict=True):
        assert read.name == written.name
        assert read.objects == (1,)
        assert np.array_equal(read.image, written.image)
        assert np.array_equal(read.instances, written.instances)


def test_neighbours_of_one_class_do_not_take_its_place(tmp_path):
    classes = np.zeros((400, 400), np.uint8)
    for row in range(20, 400, 60):
        for col in range(20, 400, 60):
            classes[row : row + 20, col : col + 20] = 1
    masks = [BoxedMask.of(np.ones((20, 20), bool), (20, 20 + 60 * n)) for n in range(6)]
    plane = Plane(classes)
    written = [
        object_sample(str(n), plane, mask, lambda box: classes[box.slices])
        for n, mask in enumerate(masks)
    ]
    write_objects(tmp_path, written)
    for read, sample in zip(open_objects(tmp_path).samples, written, strict=True):
        assert np.array_equal(read.instances == 1, sample.instances == 1)


# Adapting


def test_the_norms_alone_learn(samples, tiny_cascade):
    """No kernel changes, so that other kinds are forgotten less."""
    before = copy.deepcopy(tiny_cascade.state_dict())
    new = adapt(tiny_cascade, LayerSet("yours", tuple(samples)), steps=2)
    assert all(torch.equal(before[name], now) for name, now in tiny_cascade.state_dict().items())
    changed = {name for name, now in new.state_dict().items() if not torch.equal(before[name], now)}
    assert {"coarse.features.backbone.bn1.weight", "fine.head.1.2.bias"} <= changed
    assert all(f"{name.rpartition('.')[0]}.running_mean" in before for name in changed)
    assert not any("running" in name for name in changed)
    assert all(parameter.requires_grad for parameter in new.parameters())


def test_the_same_objects_make_the_same_model(samples, tiny_cascade):
    first, second, other = (
        adapt(tiny_cascade, LayerSet("yours", tuple(them)), steps=1)
        for them in (samples, samples, samples[:3])
    )
    key = "fine.head.1.2.bias"
    assert torch.equal(first.state_dict()[key], second.state_dict()[key])
    assert not torch.equal(first.state_dict()[key], other.state_dict()[key])


def test_it_goes_on_from_what_it_has_learned(samples, tiny_cascade, monkeypatch):
    """What is returned is a mean with the start; from it follows what was learned."""
    weights = []

    def noted(start, new, share):
        mean = interpolated(start, new, share)
        weights.append([copy.deepcopy(each.state_dict()) for each in (new, mean)])
        return mean

    monkeypatch.setattr(updates, "interpolated", noted)
    objects = LayerSet("yours", tuple(samples))
    first = adapt(tiny_cascade, objects, steps=2)
    adapt(tiny_cascade, objects, steps=1, further=first)
    (learned, returned), (given, begun), _ = weights
    assert all(torch.equal(returned[name], value) for name, value in given.items())
    assert all(torch.allclose(begun[name], value, atol=1e-6) for name, value in learned.items())
    assert any(not torch.equal(begun[name], value) for name, value in given.items())


# What is taken


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        ((4.0, 0.5), (3.8, 0.4), True),
        ((4.0, 0.5), (4.0, 0.6), True),
        ((4.0, 0.5), (4.0, 0.5), False),
        ((4.0, 0.5), (4.2, 0.9), False),
    ],
)
def test_fewer_clicks_or_better_first_masks(before, after, taken):
    gain = gain_of(before, after)
    assert is_better(gain) is taken
    assert ("stays as it was" in learned_sentence(gain, 10)) is not taken


@pytest.fixture
def school(monkeypatch):
    """What a learner does, without a network: what it learned from, and what it tried."""
    log = {"learned": [], "tried": [], "gains": []}

    def learn(_start, objects, further, **_):
        assert further == (len(log["learned"]) or None)
        log["learned"].append(len(objects))
        return len(log["learned"])

    def try_(before, after, objects, runs):
        assert set(runs[0]) == set(runs[1])
        runs[0].update(dict.fromkeys(sample.name for sample in objects))
        runs[1].update(runs[0])
        log["tried"].append((before, after, [sample.name for sample in objects]))
        return log["gains"].pop(0)

    monkeypatch.setattr(learners, "Predictor", lambda model, _device: f"model {model}")
    monkeypatch.setattr(learners, "adapt", learn)
    monkeypatch.setattr(learners, "tried", try_)
    return log


def test_a_new_model_is_tried_on_objects_that_it_has_not_seen(school):
    worse, better = gain_of((3, 0.5), (4, 0.5)), gain_of((4, 0.5), (3, 0.5))
    school["gains"] = [better, worse, better, worse]
    learner, plane = Learner(0, every=10), Plane(np.zeros((60, 60), np.uint8))
    mask = BoxedMask.of(np.ones((9, 9), bool), (20, 20))
    used = []
    for number in range(1, 36):
        used.append(learner.predictor)
        learner.see(str(number), plane, mask, lambda box: np.zeros(box.shape, int))
    assert school["learned"] == [10, 20, 30]
    assert school["tried"] == [
        ("model 0", "model 1", ["11", "12", "13", "14", "15"]),
        ("model 1", "model 2", ["21", "22", "23", "24", "25"]),
        ("model 1", "model 2", ["21", "22", "23", "24", "25", "26"]),
        ("model 2", "model 3", ["31", "32", "33", "34", "35"]),
    ]
    assert used == ["model 0"] * 15 + ["model 1"] * 11 + ["model 2"] * 9  # five did not yet tell


def test_objects_are_counted_once_for_each_model(samples, tiny_cascade, monkeypatch):
    counted = []

    def count(predictor, _plane, sample, *_, **__):
        counted.append((predictor, sample.name))
        return SimpleNamespace(ious=(0.9,) if predictor == "new" else (0.2, 0.9))

    monkeypatch.setattr(learners, "evaluate_object", count)
    runs = {}, {}
    first = learners.tried("old", "new", samples[:2], runs=runs)
    gain = learners.tried("old", "new", samples[:3], runs=runs)
    assert len(set(counted)) == len(counted) == 6
    assert (first.before.objects, gain.before.objects) == (2, 3)
    assert (gain.before.noc80, gain.after.noc80) == (2, 1)


# The process


@pytest.fixture
def request_of(samples, tmp_path, tiny_cascade: Cascade):
    model = tmp_path / "tiny.safetensors"
    save_cascade(tiny_cascade, model, ModelCard(name="tiny", licence="BSD"))
    write_objects(tmp_path / "objects", samples[:4])
    write_objects(tmp_path / "since", samples[4:])

    def request(**changes) -> AdaptRequest:
        values = {"start": str(model), "against": str(model), "steps": 2, **changes}
        return AdaptRequest(tmp_path / "objects", tmp_path / "new.safetensors", **values)

    return request


def test_it_learns_and_then_tries(request_of, tmp_path: Path):
    events = []
    run_adaptation(request_of(), events.append, lambda: Command.GO)
    *steps, done = events
    assert [(step.step, step.steps) for step in steps if isinstance(step, Step)] == [
        (1, 2),
        (2, 2),
    ]
    card = read_card(tmp_path / "new.safetensors")
    assert card.name == "new"
    assert card.licence == "BSD"
    assert "4 committed objects" in card.description
    assert load_cascade(Path(done.model)).config
    run_adaptation(request_of(since=tmp_path / "since"), events.append, lambda: Command.GO)
    tried = events[-1]
    assert isinstance(tried, Done)
    before = (tmp_path / "new.safetensors").read_bytes()
    run_adaptation(
        request_of(further=tmp_path / "new.safetensors"), events.append, lambda: Command.GO
    )
    assert (tmp_path / "new.safetensors").read_bytes() != before
    assert tried.yours.before.objects == 2
    assert tried.sentence.startswith("Learned from 4 objects")


def test_stopped_it_leaves_nothing(request_of, tmp_path: Path):
    events = []
    run_adaptation(request_of(), events.append, lambda: Command.STOP)
    assert events[-1].stopped
    assert not (tmp_path / "new.safetensors").exists()


def test_paused_it_waits(request_of):
    orders = iter([Command.PAUSE, Command.PAUSE, Command.PAUSE])
    events = []
    run_adaptation(request_of(), events.append, lambda: next(orders, Command.GO))
    assert "paused" in [getattr(event, "name", "") for event in events]
    assert isinstance(events[-1], Done)


def test_what_cannot_be_is_told(request_of):
    events = []
    with pytest.raises(ValueError, match="nowhere"):
        run_adaptation(request_of(start="nowhere"), events.append, lambda: Command.GO)
    assert isinstance(events[-1], Failed)
