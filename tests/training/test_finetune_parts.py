"""Fine-tuning without training: what is found, what is held out, time, words, events."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_iafpn.evaluation.readers import LayerSet, Sample, SessionSet, survey
from napari_iafpn.evaluation.readers.session import AnnotatedPlane
from napari_iafpn.masks import RunLengths
from napari_iafpn.networks import PRESETS
from napari_iafpn.sessions import PlaneKey
from napari_iafpn.sessions.provenance import ImageProvenance
from napari_iafpn.training.finetuning import (
    ClickComparison,
    Clicks,
    Command,
    Done,
    Failed,
    FinetuneRequest,
    Measured,
    Phase,
    Saved,
    Step,
    Surveyed,
    event_from_json,
    event_to_json,
    run,
)
from napari_iafpn.training.finetuning.control import Clock, LevelPlan, RunControl, TimeBudget
from napari_iafpn.training.finetuning.counting import compare_clicks
from napari_iafpn.training.finetuning.data import look_through, split, stacks_of, views_of
from napari_iafpn.training.finetuning.levels import finetuning_recipe
from napari_iafpn.training.finetuning.report import (
    gain_sentence,
    replay_sentence,
    stopped_sentence,
)
from napari_iafpn.training.finetuning.run import check_output
from napari_iafpn.training.finetuning.state import Moment, Record, load_record, penalty_of
from napari_iafpn.training.forgetting import (
    FOLDER,
    interpolated,
    rehearsal_held_out,
    rehearsal_training,
)
from napari_iafpn.training.run import RunProgress

BEFORE = Clicks(40, 7.5, 9.8, 14.0, 0.4)
AFTER = Clicks(40, 4.5, 6.1, 11.0, 0.6)


def images_of(count, objects):
    """Return a set of images with so many square objects each."""
    samples = []
    for number in range(count):
        instances = np.zeros((40, 10 * objects), np.int32)
        for place in range(objects):
            instances[5:12, 10 * place + 1 : 10 * place + 8] = place + 1
        ids = tuple(range(1, objects + 1))
        samples.append(Sample(f"i{number}", instances.astype(np.uint8), instances, ids))
    return LayerSet("squares", tuple(samples))


def parts(count, objects, share=0.25, seed=0):
    base = images_of(count, objects)
    return split(base, tuple(base.objects(i) for i in range(count)), share, seed)


def held_out(parted):
    return {*parted.selection.names(), *parted.report.names()}


def test_whole_images_are_held_out_where_there_are_enough():
    parted = parts(8, 10)
    trained = {parted.training.image_name(i) for i in range(len(parted.training))}
    measured = {name.split(":")[0] for name in held_out(parted)}
    assert parted.kind == "images"
    assert (len(trained), len(measured)) == (6, 2)
    assert not trained & measured
    assert not set(parted.selection.names()) & set(parted.report.names())


def test_objects_are_held_out_of_few_images_and_their_pixels_are_ignored():
    parted = parts(1, 20)
    sample = parted.training.read(0)
    away = {int(name.split(":")[1]) for name in held_out(parted)}
    assert parted.kind == "objects"
    assert len(away) == 5
    assert away.isdisjoint(sample.objects)
    assert set(np.unique(sample.instances)) - {0} == set(sample.objects)
    truth = parted.report.base.read(0)
    np.testing.assert_array_equal(sample.ignore, np.isin(truth.instances, sorted(away)))
    assert parted.training.objects(0) == sample.objects
    np.testing.assert_array_equal(parted.training.truth(0).ignore, sample.ignore)


def test_few_held_out_objects_choose_and_report():
    assert parts(1, 20).shared
    assert not parts(8, 10).shared


@pytest.mark.parametrize(("count", "objects"), [(8, 10), (2, 9)])
def test_the_split_is_the_seed_s(count, objects):
    assert held_out(parts(count, objects)) == held_out(parts(count, objects))
    assert parts(count, objects).report.names() == parts(count, objects).report.names()
    others = [held_out(parts(count, objects, seed=seed)) for seed in range(1, 6)]
    assert any(other != held_out(parts(count, objects)) for other in others)


@pytest.mark.parametrize("originals", [5, 2])
def test_images_of_the_same_objects_are_held_out_together(originals):
    """Of whole images and of objects: what is measured is in no training image."""
    base = images_of(2 * originals, 6)
    twins = {originals + place: place for place in range(originals)}
    ids = tuple(base.objects(index) for index in range(len(base)))
    parted = split(base, ids, 0.25, 0, twins)
    trained = {
        f"i{int(parted.training.image_name(index)[1:]) % originals}:{label}"
        for index in range(len(parted.training))
        for label in parted.training.objects(index)
    }
    assert held_out(parted)
    assert held_out(parted).isdisjoint(trained)
    assert parted.training_objects == 2 * (6 * originals - parted.held_out_objects)


def test_the_first_held_out_objects_come_from_many_images():
    names = parts(16, 10).report.names()[:3]
    assert len({name.split(":")[0] for name in names}) >= 2


def uneven(counts, **kin):
    """Return a split of images with so many objects each, and the images that are held out."""
    samples = images_of(len(counts), max(counts)).samples
    chosen = tuple(tuple(range(1, count + 1)) for count in counts)
    parted = split(LayerSet("squares", samples), chosen, 0.25, 0, **kin)
    return parted, {int(name.split(":")[0][1:]) for name in held_out(parted)}


@pytest.mark.parametrize("counts", [(1, 1, 100, 1), (100, 1, 1, 1), (1, 1, 1, 1, 1, 40)])
def test_where_one_image_has_most_of_the_objects_objects_are_held_out(counts):
    parted, _ = uneven(counts)
    assert parted.kind == "objects"
    assert parted.held_out_objects == round(0.25 * sum(counts))


def test_images_are_held_out_by_their_objects():
    parted, away = uneven((9, 1, 1, 9, 2, 2))
    assert parted.kind == "images"
    assert 4 <= parted.held_out_objects <= 9
    assert len(away) < 6


def test_planes_at_an_end_of_a_stack_are_held_out():
    """A plane shows what its neighbours show."""
    stack = dict.fromkeys(range(1, 12), 0)
    parted, away = uneven((3,) * 12, stacks=stack)
    assert parted.kind == "images"
    assert sorted(away) in ([0, 1, 2], [9, 10, 11])
    two = dict.fromkeys(range(1, 6), 0) | dict.fromkeys(range(7, 12), 6)
    _, away = uneven((3,) * 12, stacks=two)
    assert len(away & {0, 1, 2, 3, 4, 5}) == len(away & {6, 7, 8, 9, 10, 11}) in (1, 2)
    single, away = uneven((3,) * 5, stacks={1: 0, 2: 0, 3: 0})
    assert single.kind == "images"
    assert 4 not in away


def test_of_many_stacks_whole_ones_are_held_out():
    stacks = {3 * number + place: 3 * number for number in range(5) for place in (1, 2)}
    _, away = uneven((2,) * 15, stacks=stacks)
    assert len(away) == 3
    assert len({place // 3 for place in away}) == 1


def test_too_few_objects_get_a_sentence():
    with pytest.raises(ValueError, match=r"there are 3 usable object\(s\) in 3 image\(s\)"):
        parts(3, 1)


def save(folder, name, values):
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".tif"):
        tifffile.imwrite(folder / name, values)
    else:
        Image.fromarray(values).save(folder / name)


@pytest.fixture
def request_of(tmp_path):
    return FinetuneRequest(tmp_path / "images", tmp_path / "labels", tmp_path / "new.safetensors")


def squares(shift=0):
    values = np.zeros((60, 60), np.uint8)
    for number in range(4):
        values[5 + shift : 15 + shift, 14 * number + 2 : 14 * number + 12] = number + 1
    return values


def test_what_cannot_be_used_is_left_out_with_a_sentence(request_of):
    images, labels = request_of.images, request_of.labels
    for number, name in enumerate(("a", "b", "c", "d")):
        save(images, f"{name}.png", np.full((60, 60), number, np.uint8))
    save(labels, "a.png", squares())
    save(labels, "b.tif", squares().astype(np.float32) / 2)
    save(labels, "c.png", squares()[:50])
    found = look_through(request_of, lambda: None)
    assert found.count == 4
    assert found.usable.image_name(0) == "a"
    text = " ".join(found.left_out)
    for words in ("float32", "50 x 60", "d.* is missing"):
        assert words in text


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, "no pairs of images and labels"),
        (np.zeros((60, 60), np.uint8), "hold no object"),
        (np.random.default_rng(3).integers(0, 90, (60, 60)).astype(np.uint8), "are a picture"),
        (squares()[:40], "40 x 60"),
    ],
)
def test_nothing_usable_is_an_error_with_the_reason(request_of, label, message):
    save(request_of.images, "a.png", np.zeros((60, 60), np.uint8))
    request_of.labels.mkdir()
    if label is not None:
        save(request_of.labels, "a.png", label)
    with pytest.raises(ValueError, match=message):
        look_through(request_of, lambda: None)


def test_binary_masks_are_split_into_objects(request_of):
    wide = np.zeros((60, 100), np.uint8)
    for number in range(6):
        wide[5:15, 16 * number + 2 : 16 * number + 12] = 255
    save(request_of.images, "a.png", np.zeros((60, 100), np.uint8))
    save(request_of.labels, "a.png", wide)
    found = look_through(request_of, lambda: None)
    assert found.count == 6
    assert "masks or classes" in found.left_out[0]


def test_corrected_labels_or_other_pixels_are_other_data(request_of):
    save(request_of.images, "a.png", np.zeros((60, 60), np.uint8))
    digests = set()
    for shift in (0, 3):
        save(request_of.labels, "a.png", squares(shift))
        digests.add(look_through(request_of, lambda: None).digest)
    assert look_through(request_of, lambda: None).digest in digests
    save(request_of.images, "a.png", np.ones((60, 60), np.uint8))
    digests.add(look_through(request_of, lambda: None).digest)
    assert len(digests) == 3


def test_a_run_goes_on_with_the_labels_that_it_began_with(request_of, tmp_path):
    save(request_of.images, "a.png", np.zeros((60, 60), np.uint8))
    save(request_of.labels, "a.png", squares())
    kept = tmp_path / "new.run" / "labels"
    first = look_through(request_of, lambda: None, kept)
    save(request_of.labels, "a.png", squares(3) // 2)
    again = look_through(request_of, lambda: None, kept)
    assert first.digest == again.digest
    for found in (first, again):
        assert np.array_equal(found.usable.read(0).instances, squares())
    assert look_through(request_of, lambda: None).digest != first.digest


def test_an_image_that_breaks_off_is_left_out_before_the_training(request_of, rng):
    for name in ("a", "b"):
        save(request_of.images, f"{name}.png", rng.integers(0, 255, (60, 60), dtype=np.uint8))
        save(request_of.labels, f"{name}.png", squares())
    whole = (request_of.images / "b.png").read_bytes()
    (request_of.images / "b.png").write_bytes(whole[: len(whole) // 2])
    found = look_through(request_of, lambda: None)
    assert [found.usable.image_name(index) for index in range(len(found.usable))] == ["a"]


def session_of(tmp_path, stack, shape=None):
    """Return a set of a session in which nuclei and cells were annotated on each plane."""
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, photometric="minisblack")
    image = ImageProvenance("i", "image", str(path), shape or stack.shape, "uint8", False, "")
    nuclei = squares().astype(np.uint16)
    planes = [
        AnnotatedPlane(f"{z}_{name}", image, PlaneKey("i", (1, 2), (z,)), RunLengths.of(values))
        for z in range(len(stack))
        for name, values in (("nuclei", nuclei), ("cells", nuclei[::-1]))
    ]
    return SessionSet("session", tuple(planes))


def test_planes_with_two_layers_of_labels_are_held_out_with_both(tmp_path, rng):
    stack = rng.integers(0, 255, (6, 60, 60), dtype=np.uint8)
    base = session_of(tmp_path, stack)
    usable = survey(base).usable()
    views = views_of(base, usable.indices)
    assert views == {1: 0, 3: 2, 5: 4, 7: 6, 9: 8, 11: 10}
    objects = tuple(usable.objects(index) for index in range(len(usable)))
    stacks = stacks_of(base, usable.indices)
    assert stacks == dict.fromkeys(range(1, 12), 0)
    parted = split(usable, objects, 0.25, 0, views=views, stacks=stacks)
    away = {name.split(":")[0][0] for name in held_out(parted)}
    kept = {parted.training.image_name(i)[0] for i in range(len(parted.training))}
    assert parted.kind == "images"
    assert away
    assert not away & kept


def test_another_file_than_was_annotated_is_refused(tmp_path, rng):
    stack = rng.integers(0, 255, (2, 60, 60), dtype=np.uint8)
    base = session_of(tmp_path, stack, shape=(60, 60, 9))
    with pytest.raises(ValueError, match="2 x 60 x 60 pixels, but 'image' had 60 x 60 x 9"):
        base.read(0)


def test_what_a_training_would_replace_is_refused_before_it(tmp_path, request_of):
    labels = tmp_path / "cells.json"
    labels.write_text("{}")
    request = replace(request_of, labels=labels, output=tmp_path / "cells.safetensors")
    with pytest.raises(ValueError, match=r"report of the new model would replace .*cells.json"):
        check_output(request, tmp_path / "base.safetensors")
    request.output.mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        check_output(request, tmp_path / "base.safetensors")
    elsewhere = replace(request_of, output=tmp_path / "missing" / "new.safetensors")
    with pytest.raises(ValueError, match="there is no folder"):
        check_output(elsewhere, tmp_path / "base.safetensors")


def test_too_little_memory_is_one_sentence(request_of, monkeypatch):
    def exhausted(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    told = []
    monkeypatch.setattr(run, "_finetune", exhausted)
    with pytest.raises(ValueError, match="not enough memory to train; close other programs"):
        run.finetune(request_of, told.append)
    assert [type(event) for event in told] == [Failed]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minutes": 0}, "minutes is 0"),
        ({"level": "middle"}, "level is 'middle'"),
        ({"validation_share": 0.0}, "validation_share is 0"),
        ({"validation_share": 0.9}, "validation_share is 0.9"),
    ],
)
def test_a_request_out_of_range_is_refused(request_of, change, message):
    with pytest.raises(ValueError, match=message):
        replace(request_of, **change)


def test_a_request_survives_json(request_of):
    assert FinetuneRequest.from_json(request_of.to_json()) == request_of
    there = replace(request_of, run=request_of.images)
    assert FinetuneRequest.from_json(there.to_json()) == there


def test_only_what_decides_the_weights_is_in_the_digest(request_of):
    assert replace(request_of, device="cpu", run=request_of.labels).digest == request_of.digest
    assert replace(request_of, seed=1).digest != request_of.digest


@pytest.mark.parametrize(
    "event",
    [
        Surveyed(3, 40, 30, 10, "images", ("Image 'x' is empty.",), "Words."),
        Phase("before", "Counting.", 12.5),
        Step("coarse", 3, 0, 0.25, 100.0),
        Measured("during", "replay", replace(BEFORE, noc90=None), "fine", 40, True),
        Saved("/run", ""),
        Done(
            "Gained.",
            "m",
            "r",
            ClickComparison(BEFORE, AFTER, -3.7, -4.9, -2.5),
            None,
            stopped=False,
        ),
        Failed("Something is wrong."),
    ],
)
def test_an_event_survives_its_line(event):
    line = event_to_json(event)
    assert "\n" not in line
    assert event_from_json(line) == event


@pytest.mark.parametrize("line", ["", "hello", "[]", '{"event": "tea"}', '{"event": "step"}'])
def test_another_line_is_no_event(line):
    with pytest.raises(ValueError, match="is no event"):
        event_from_json(line)


def test_a_pause_costs_no_time():
    moments = iter([100.0, 130.0, 130.0])
    clock = Clock(60.0, earlier=5.0, now=lambda: next(moments))
    clock.leave_out(20.0)
    assert clock.used == 15.0
    assert clock.left == 45.0


def test_steps_fill_the_time_that_the_counts_leave():
    plan = LevelPlan(end=200.0, measurement=20.0, shares=(0.5, 1.0))
    assert plan.steps(step=10, pace=2.0, used=60.0, measured=0) == 60
    assert plan.steps(step=35, pace=2.0, used=140.0, measured=1) == 55
    assert plan.steps(step=55, pace=2.0, used=300.0, measured=1) == 56


@pytest.mark.parametrize(("gap", "left_out"), [(3600.0, 3599.0), (50.0, 0.0)])
def test_the_time_stands_still_while_the_computer_sleeps(gap, left_out):
    now = [0.0]
    clock = Clock(600.0, now=lambda: now[0])
    control = RunControl(lambda _: None, lambda: Command.GO, clock)
    plan = LevelPlan(end=500.0, measurement=0.0, shares=(1.0,))
    watch = TimeBudget(control, plan, 0, 1.0, lambda: None, 1000)
    for step, seconds in enumerate((1.0, 1.0, 1.0, gap, 1.0), start=1):
        now[0] += seconds
        assert watch(RunProgress("fine", step, 300, 0.5, 0.0))
    assert clock.used == 4.0 + gap - left_out


def test_the_gain_compares_the_same_objects():
    before = {f"i{n}:1": (0.5, 0.7, 0.86) for n in range(6)}
    after = {f"i{n}:1": (0.6, 0.9) for n in range(6)}
    gain = compare_clicks(before, after)
    assert (gain.before.noc85, gain.after.noc85, gain.change) == (3.0, 2.0, -1.0)
    assert (gain.low, gain.high, gain.verdict) == (-1.0, -1.0, "better")
    assert gain.before.miou1 == pytest.approx(0.5)


def test_one_image_has_an_interval_over_its_objects():
    before = {f"i:{n}": (0.9,) if n % 2 else (0.1, 0.2, 0.9) for n in range(8)}
    after = dict.fromkeys(before, (0.9,))
    gain = compare_clicks(before, after)
    assert gain.low < gain.change < gain.high <= 0


@pytest.mark.parametrize(
    ("change", "low", "high", "words"),
    [
        (-3.7, -4.9, -2.5, "9.8 -> 6.1 clicks to 85 % (95 % interval of the change -4.9 to -2.5)."),
        (0.8, 0.2, 1.5, "The new model is worse. Keep “default”."),
        (0.3, -0.2, 1.0, "rather worse than better. Keep “default”."),
        (0.0, 0.0, 0.0, "Nothing was gained"),
        (-0.4, -1.0, 0.3, "too few to tell"),
    ],
)
def test_the_gain_in_words(change, low, high, words):
    assert words in gain_sentence(ClickComparison(BEFORE, AFTER, change, low, high), "default")


def test_few_objects_tell_nothing():
    one, two = (replace(each, objects=4) for each in (BEFORE, AFTER))
    gain = ClickComparison(one, two, -3.7, -3.7, -3.7)
    assert gain.verdict == "unclear"
    said = gain_sentence(gain, "default")
    assert "interval" not in said
    assert "too few to tell" in said
    assert replace(gain, before=BEFORE).verdict == "better"


def test_forgetting_in_words():
    forgot = ClickComparison(replace(BEFORE, noc85=2.0), replace(BEFORE, noc85=3.0), 1.0, 0.5, 1.5)
    assert "forgotten" in replay_sentence(forgot)
    assert "forgotten" not in replay_sentence(replace(forgot, change=0.05))


def test_a_stop_in_words():
    assert "no model was written" in stopped_sentence(BEFORE, None)
    assert "the model is that of the stop before" in stopped_sentence(None, None, "a.safetensors")
    assert "needs fewer" in stopped_sentence(BEFORE, Moment("fine", 5, AFTER, None))
    assert "does not need fewer" in stopped_sentence(AFTER, Moment("fine", 5, BEFORE, None))


def test_the_best_state_has_fewest_clicks_and_has_not_forgotten():
    start = Moment("", 0, AFTER, AFTER)
    record = Record("d", "m").with_moment(start)
    assert record.best == 0
    record = record.with_moment(Moment("coarse", 9, BEFORE, None))
    assert record.best == 1  # worse than the start, but the best that was trained
    record = record.with_moment(Moment("coarse", 20, AFTER, AFTER, penalty=5.0))
    assert record.best == 1
    record = record.with_moment(Moment("fine", 30, AFTER, AFTER))
    assert record.best == 3


def test_forgetting_beyond_the_tolerance_is_penalised():
    assert penalty_of(AFTER, replace(AFTER, noc85=1.05 * AFTER.noc85)) == 0.0
    assert penalty_of(AFTER, replace(AFTER, noc85=2 * AFTER.noc85)) == pytest.approx(0.9 * 6.1)
    assert penalty_of(None, None) == 0.0


def test_a_record_survives_the_disk(tmp_path):
    record = Record("d", "m", 3.5, {"report": {"a:1": (0.5, 0.75)}}, {"report": 2.0}, ("coarse",))
    record = record.with_moment(Moment("", 0, BEFORE, replace(AFTER, noc90=None)))
    record.save(tmp_path)
    assert load_record(tmp_path, "d", "m") == record
    with pytest.raises(ValueError, match="other options, labels or another model"):
        load_record(tmp_path, "another", "m")
    (tmp_path / "finetune.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        load_record(tmp_path, "d", "m")


def test_the_bundled_replay_set_is_small_free_and_usable():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_500_000
    credits_text = (FOLDER / "CREDITS.md").read_text(encoding="utf-8")
    for annotated, least in ((rehearsal_training(), 30), (rehearsal_held_out(), 8)):
        assert len(annotated) >= least
        for index in range(len(annotated)):
            sample = annotated.read(index)
            assert max(sample.shape) <= 288
            assert min(sample.areas[label] for label in annotated.objects(index)) >= 24
            assert f"`{sample.name.split('_')[0]}_*`" in credits_text


@pytest.mark.parametrize(
    ("shapes", "side"),
    [([(200, 256), (240, 256)], 384), ([(700, 512)], 700), ([(9000, 9000), (8000, 500)], 1024)],
)
def test_the_fine_level_sees_the_images_as_sharp_as_they_are(shapes, side, tmp_path):
    request = FinetuneRequest(tmp_path, tmp_path, tmp_path / "x.safetensors")
    recipe = finetuning_recipe(request, PRESETS["default"], shapes)
    assert recipe.fine.source_size == side
    assert (recipe.coarse.size, recipe.fine.size) == (288, 352)  # 352 at most
    assert recipe.coarse.source_size is None


def test_interpolated_weights_lie_between_the_old_and_the_new(tiny_cascade):
    old, new = tiny_cascade, copy.deepcopy(tiny_cascade)
    with torch.no_grad():
        for value in new.state_dict().values():
            value.add_(1)
    mean = interpolated(old, new, 0.25).state_dict()
    for name, value in old.state_dict().items():
        share = 0.75 if value.is_floating_point() else 1
        assert torch.allclose(mean[name], value + share, atol=1e-6)
    assert new.state_dict().keys() == mean.keys()
