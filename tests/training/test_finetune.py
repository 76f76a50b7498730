"""Fine-tuning as a whole, with a tiny model on objects of an unusual look."""

import itertools
import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from napari_iafpn.networks import ModelCard, load_cascade, read_card, save_cascade
from napari_iafpn.training.finetuning import (
    Command,
    Done,
    Failed,
    FinetuneRequest,
    Measured,
    Phase,
    Saved,
    Step,
    Surveyed,
    control,
    finetune,
    levels,
    run,
    state,
)

MINUTES = 0.12
LOOK = 0.06
"""Seconds that pass at each look at the clock: the same steps on any machine, busy or not."""


class KilledError(Exception):
    """Stands for a killed process."""


def draw_stripes(rng, side=72, count=3):
    """Return striped disks on noise of the same mean: no intensity tells them from the ground."""
    rows, cols = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.uint8)
    for number in range(count):
        row, col = rng.integers(14, side - 14), 14 + number * (side - 28) / (count - 1)
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= rng.integers(8, 12) ** 2] = number + 1
    stripes = np.where(cols % 4 < 2, 200, 40)
    grey = np.where(labels > 0, stripes, 120) + rng.normal(0, 6, labels.shape)
    return grey.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``images`` and ``labels`` of six pairs."""
    folder = tmp_path_factory.mktemp("stripes")
    rng = np.random.default_rng(5)
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for number in range(6):
        for part, values in zip(("images", "labels"), draw_stripes(rng), strict=True):
            Image.fromarray(values).save(folder / part / f"p{number}.png")
    return folder


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Fewer counted objects, and steps for a network that begins with random weights."""
    with pytest.MonkeyPatch.context() as patch:
        few = {"selection": (2, 3), "replay": (2, 2), "report": (4, 6)}
        patch.setattr(state, "LIMITS", few)
        quick = replace(state.QUICK, max_clicks=3)
        for module in (state, run):
            patch.setattr(module, "QUICK", quick)
        patch.setattr(run, "RESERVE", 0.2)
        stage = replace(
            levels.STAGE, learning_rate=5e-3, backbone_factor=1.0, batch=6, freeze_norm=False
        )
        patch.setattr(levels, "STAGE", stage)
        patch.setattr(levels, "OLD_SHARE", 0.0)  # the old weights here are random ones
        looks = itertools.count()
        patch.setattr(run, "Clock", partial(run.Clock, now=lambda: LOOK * next(looks)))
        yield patch


@pytest.fixture(scope="module")
def base(tiny_cascade, tmp_path_factory):
    path = tmp_path_factory.mktemp("base") / "tiny.safetensors"
    card = ModelCard(name="tiny", licence="CC0", training_data=({"name": "nothing"},))
    save_cascade(tiny_cascade, path, card)
    return path


@pytest.fixture
def request_of(folder, base, tmp_path):
    def make(**values):
        given = {"model": str(base), "minutes": MINUTES, "device": "cpu", "replay": False}
        output = tmp_path / "new.safetensors"
        return FinetuneRequest(folder / "images", folder / "labels", output, **given | values)

    return make


@pytest.fixture(scope="module")
def improved(folder, base, tmp_path_factory):
    """A finished run with replay: its request, its events, and what was returned."""
    output = tmp_path_factory.mktemp("improved") / "stripes.safetensors"
    request = FinetuneRequest(
        folder / "images", folder / "labels", output, str(base), minutes=0.4, device="cpu"
    )
    events = []
    return request, events, finetune(request, events.append)


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_first_click_gives_a_better_mask_and_the_report_says_what_was_gained(improved):
    request, _, done = improved
    assert done.yours.after.miou1 > done.yours.before.miou1
    assert f"{done.yours.before.noc85:.1f} -> {done.yours.after.noc85:.1f} clicks" in done.sentence
    report = json.loads(request.output.with_suffix(".json").read_text())
    assert report["sentence"] == done.sentence
    assert report["yours"]["change"] == done.yours.change
    assert len(report["objects"]) == done.yours.before.objects
    page = request.output.with_suffix(".html").read_text(encoding="utf-8")
    assert f"<td>{done.yours.after.noc85:.2f}</td>" in page


def test_the_stream_of_events(improved):
    _, events, done = improved
    assert isinstance(events[0], Phase)
    (surveyed,) = of_kind(events, Surveyed)
    assert (surveyed.images, surveyed.objects, surveyed.split) == (6, 18, "images")
    assert events[-1] == done
    assert [step.level for step in of_kind(events, Step)] == sorted(
        step.level for step in of_kind(events, Step)
    )  # coarse, then fine
    measured = of_kind(events, Measured)
    assert {(m.moment, m.set) for m in measured} == {
        (moment, name) for moment in ("before", "during", "after") for name in ("yours", "replay")
    }
    last = {step.level: step for step in of_kind(events, Step)}
    # Half a step may be missing to the end of the time.
    assert all(0 <= step.steps - step.step <= 1 for step in last.values())
    left = [step.seconds_left for step in of_kind(events, Step)]
    assert left == sorted(left, reverse=True)


def test_both_levels_changed_and_the_card_tells_their_story(improved, base):
    request, _, done = improved
    old, new = load_cascade(base), load_cascade(request.output)
    for level in ("coarse", "fine"):
        pairs = zip(getattr(old, level).parameters(), getattr(new, level).parameters(), strict=True)
        assert any(not one.equal(two) for one, two in pairs)
    card = read_card(request.output)
    assert card.name == "stripes"
    assert "CC0" in card.licence
    assert card.training_data[0]["name"] == "nothing"
    assert "18 objects in 6 own images" in [data["name"] for data in card.training_data]
    assert card.scores["held-out objects"]["NoC@85"] == round(done.yours.after.noc85, 3)
    assert str(request.images) not in repr(card)


def test_the_run_folder_is_gone_at_the_end(improved):
    assert not improved[0].folder.exists()


def test_a_model_that_needs_more_clicks_is_called_worse(request_of, base, monkeypatch):
    """The old model is made to look perfect; whatever is trained needs more clicks than that."""
    counted = []
    real = state.measure

    def measure(predictor, targets, protocol, go_on):
        runs = real(predictor, targets, protocol, go_on)
        before = len(counted) < 2  # the objects of the report and of the selection
        counted.append(runs)
        return dict.fromkeys(runs, (0.95,)) if before else runs

    monkeypatch.setattr(state, "measure", measure)
    request, kept = request_of(level="coarse"), base.read_bytes()
    monkeypatch.setattr("napari_iafpn.training.finetuning.data.ENOUGH", 4)
    done = finetune(request)
    assert done.yours.before.noc85 == 1.0 < done.yours.after.noc85
    assert f"rather worse than better. Keep “{base.stem}”." in done.sentence  # of three objects
    assert done.sentence in " ".join(read_card(request.output).notes)
    assert base.read_bytes() == kept


def kill_at(level, step, events):
    def report(event):
        events.append(event)
        if isinstance(event, Step) and (event.level, event.step) == (level, step):
            raise KilledError

    return report


def test_a_killed_run_goes_on_from_its_last_state(request_of, monkeypatch):
    monkeypatch.setattr(run, "SAVE_EVERY", 5)
    request = request_of(level="coarse", minutes=0.15)
    first, second = [], []
    with pytest.raises(KilledError):
        finetune(request, kill_at("coarse", 13, first))
    done = finetune(request, second.append)
    assert of_kind(second, Step)[0].step == 11  # 10 steps were saved
    assert isinstance(done, Done)
    assert not done.stopped
    again = [event for event in of_kind(second, Measured) if event.moment == "before"]
    assert again == [event for event in of_kind(first, Measured) if event.moment == "before"]
    assert sum(isinstance(e, Phase) and e.name == "before" for e in second) == 0


def test_a_run_is_not_continued_with_other_options(request_of):
    request = request_of()
    with pytest.raises(KilledError):
        finetune(request, kill_at("coarse", 1, []))
    with pytest.raises(ValueError, match="other options"):
        finetune(replace(request, seed=4))


class Remote:
    """Commands that depend on what was told."""

    def __init__(self):
        self.events, self.command, self.asked = [], Command.GO, 0

    def report(self, event):
        self.events.append(event)

    def control(self):
        self.asked += 1
        return self.command


def test_a_pause_stands_still_and_goes_on(request_of):
    class Pausing(Remote):
        def report(self, event):
            super().report(event)
            if isinstance(event, Step) and event.step == 3 and not self.asked_before:
                self.command, self.asked_before, self.asked = Command.PAUSE, True, 0
            if isinstance(event, Phase) and event.name == "paused":
                self.asked = 0

        asked_before = False

        def control(self):
            command = super().control()
            if command is Command.PAUSE and self.asked > 5:
                self.command = Command.STOP
            return self.command

    remote = Pausing()
    done = finetune(request_of(minutes=0.2), remote.report, remote.control)
    names = [event.name for event in of_kind(remote.events, Phase)]
    assert "paused" in names
    assert names[names.index("paused") + 1] == "coarse"
    assert done.stopped
    assert of_kind(remote.events, Step)[-1].step == 3


def test_a_stop_keeps_the_best_so_far_and_the_run(request_of):
    class Stopping(Remote):
        def report(self, event):
            super().report(event)
            if isinstance(event, Measured) and event.moment == "during":
                self.command = Command.STOP

    remote = Stopping()
    request = request_of()
    done = finetune(request, remote.report, remote.control)
    assert done.stopped
    assert done.model == str(request.output)
    assert "Stopped; the best model so far was written" in done.sentence
    assert load_cascade(request.output).config == load_cascade(request.model).config
    assert of_kind(remote.events, Saved)[-1].model
    assert request.begun


@pytest.mark.parametrize("moment", ["reading", "before"])
def test_a_stop_before_anything_was_trained_writes_nothing(request_of, moment):
    class Stopping(Remote):
        def report(self, event):
            super().report(event)
            if isinstance(event, Phase) and event.name == moment:
                self.command = Command.STOP

    remote = Stopping()
    request = request_of()
    done = finetune(request, remote.report, remote.control)
    assert done.stopped
    assert not done.model
    assert not request.output.exists()


def test_one_image_is_enough(request_of, folder, tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    image, labels = draw_stripes(np.random.default_rng(1), side=160, count=8)
    Image.fromarray(image).save(tmp_path / "images" / "only.png")
    Image.fromarray(labels.astype(np.uint16)).save(tmp_path / "labels" / "only_mask.tif")
    request = request_of(level="fine", minutes=0.06)
    request = replace(request, images=tmp_path / "images", labels=tmp_path / "labels")
    events = []
    done = finetune(request, events.append)
    assert of_kind(events, Surveyed)[0].split == "objects"
    assert {event.level for event in of_kind(events, Step)} == {"fine"}
    assert done.yours.before.objects == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "nobody"}, "there is no model 'nobody'"),
        ({"device": "abacus"}, "device 'abacus'"),
    ],
)
def test_what_is_wrong_is_told_before_it_is_raised(request_of, change, message):
    events = []
    with pytest.raises(ValueError, match=message):
        finetune(request_of(**change), events.append)
    assert message in events[-1].sentence
    assert isinstance(events[-1], Failed)


def test_labels_that_were_too_few_may_be_corrected(request_of, tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    image, labels = draw_stripes(np.random.default_rng(1), side=160, count=8)
    Image.fromarray(image).save(tmp_path / "images" / "only.png")
    request = replace(request_of(), images=tmp_path / "images", labels=tmp_path / "labels")
    events, stop = [], lambda: Command.STOP if of_kind(events, Surveyed) else Command.GO
    Image.fromarray(labels * (labels < 3)).save(tmp_path / "labels" / "only.png")
    with pytest.raises(ValueError, match=r"there are 2 usable object\(s\)"):
        finetune(request, events.append, stop)
    Image.fromarray(labels).save(tmp_path / "labels" / "only.png")
    assert finetune(request, events.append, stop).stopped
    assert of_kind(events, Surveyed)[0].objects == 8


def test_the_model_itself_is_never_replaced(request_of, base, tmp_path):
    copy = tmp_path / "copy.safetensors"
    shutil.copy(base, copy)
    with pytest.raises(ValueError, match="give the new one another name"):
        finetune(replace(request_of(model=str(copy)), output=copy))
    assert copy.read_bytes() == base.read_bytes()


def test_the_number_of_steps_follows_the_speed(improved):
    steps = of_kind(improved[1], Step)
    unknown = [step for step in steps if step.steps == 0]
    assert len(unknown) == 2 * control.TIMED
    assert levels.SHARES[-1] == 1.0


@pytest.mark.parametrize("replay", [True, False])
def test_old_weights_are_mixed_in_against_forgetting(request_of, base, monkeypatch, replay):
    monkeypatch.setattr(levels, "OLD_SHARE", 1.0)
    done = finetune(request_of(replay=replay))
    old, new = load_cascade(base).state_dict(), load_cascade(done.model).state_dict()
    same = [
        torch.equal(old[name].half(), value.half())
        for name, value in new.items()
        if value.is_floating_point()
    ]
    assert all(same) if replay else not all(same)
    assert any("against forgetting" in note for note in read_card(done.model).notes) == replay
