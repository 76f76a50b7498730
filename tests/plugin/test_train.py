"""The training without a window: a scripted process, real folders."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_iafpn.evaluation.readers import FolderSet
from napari_iafpn.plugin.training.controller import State, TrainingController, Wish
from napari_iafpn.plugin.training.history import TrainingHistory
from napari_iafpn.plugin.training.offers import offered_pairs
from napari_iafpn.plugin.training.sources import FoldersSource, LayerPair, LayersSource
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.training.finetuning import (
    ClickComparison,
    Clicks,
    Done,
    Failed,
    Measured,
    Phase,
    Saved,
    Step,
    event_to_json,
)
from napari_iafpn.training.finetuning.data import stacks_of


def clicks(noc85, objects=8):
    return Clicks(objects, noc85 - 1, noc85, None, 0.6)


BEFORE = [
    Phase("before", "Counting.", 55.0),
    Measured("before", "yours", clicks(9.8)),
    Measured("before", "replay", clicks(4.0)),
]
COARSE = [Step("coarse", n, 4 if n > 2 else 0, 1.0 / n, 50.0 - n) for n in range(1, 5)]
DURING = [
    Measured("during", "yours", clicks(7.0), "coarse", 4, best=True),
    Measured("during", "replay", clicks(4.1), "coarse", 4, best=True),
]
FINE = [Step("fine", n, 2, 0.2, 20.0 - n) for n in (1, 2)]
GAIN = ClickComparison(clicks(9.8), clicks(6.1), -3.7, -5.0, -2.0)


class ScriptedProcess:
    """Remembers what it was told."""

    def __init__(self):
        self.arguments, self.words, self.closed = None, [], False

    def start(self, arguments, folder):
        self.arguments = list(arguments)

    def send(self, word):
        self.words.append(word)

    def close(self):
        self.closed = True


@pytest.fixture
def paths(tmp_path):
    return UserPaths(tmp_path / "home")


@pytest.fixture
def window(paths):
    """Return a function that opens the plugin, as after a start of napari."""

    def open_window():
        def aside(work, then):
            try:
                result = work()
            except (ValueError, OSError) as error:
                result = error
            then(result)

        controller = TrainingController(paths, aside)
        controller.process = ScriptedProcess()
        controller.messages = []
        controller.said.connect(controller.messages.append)
        return controller

    return open_window


@pytest.fixture
def source(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / "cells" / name).mkdir(parents=True)
    return FoldersSource(tmp_path / "cells" / "images", tmp_path / "cells" / "labels")


@pytest.fixture
def wish(source, paths):
    return Wish(source, paths.models / "mine.safetensors", minutes=1.0, device="cpu")


def tell(controller, *events):
    for event in events:
        controller.receive(event_to_json(event))


def stack_pair(dtype=np.int32):
    image = np.arange(4 * 20 * 30, dtype=np.uint16).reshape(4, 20, 30)
    labels = np.zeros(image.shape, dtype)
    labels[1, 2:9, 3:9], labels[3, 2:9, 3:9] = 255, 7
    return LayerPair("time lapse: 1/2", "Objects", image, labels, (1, 2))


# What is trained on


def test_each_plane_with_labels_becomes_a_pair_that_the_training_reads(tmp_path):
    pair = stack_pair()
    images, labels = LayersSource((pair,)).prepare(tmp_path)
    found = FolderSet.of(images, labels, "mine")
    assert [found.image_name(k) for k in range(len(found))] == [
        "time_lapse_1_2-0001",
        "time_lapse_1_2-0003",
    ]
    assert stacks_of(found, (0, 1)) == {1: 0}
    for k, plane in enumerate((1, 3)):
        sample = found.read(k)
        assert np.array_equal(sample.image, pair.image[plane])
        assert np.array_equal(sample.instances, pair.labels[plane])
        assert sample.ignore is None  # 255 is an object here, as the user painted it


def test_labels_go_with_the_image_that_they_are_called_after():
    viewer = ViewerModel()
    for name in ("cell1", "cell10", "cell", "image", "image [1]"):
        viewer.add_image(np.zeros((20, 30), np.uint8), name=name)
    for name in ("Objects of cell1", "cell_masks", "Objects of cell10", "Objects of image [1]"):
        viewer.add_labels(np.zeros((20, 30), np.int32), name=name)
    offers = {offer.name: offer for offer in offered_pairs(viewer.layers)}
    first = {name: offer.labels[0][1] for name, offer in offers.items() if offer.related}
    assert first == {
        "cell1": "Objects of cell1",
        "cell10": "Objects of cell10",
        "image [1]": "Objects of image [1]",
    }


def test_planes_are_those_that_were_annotated(tmp_path):
    pair = replace(stack_pair(), axes=(0, 2))
    images, _ = LayersSource((pair,)).prepare(tmp_path)
    first = sorted(images.rglob("*.tif"))[0]
    assert np.array_equal(tifffile.imread(first), pair.image[:, 2])


def test_colours_and_layers_of_the_same_name_are_kept_apart(tmp_path, rng):
    colour = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
    ids = np.zeros((20, 30), np.uint8)
    ids[3:9, 3:9] = 1
    pairs = tuple(LayerPair("a", "b", array, ids, (0, 1)) for array in (colour, colour[..., 0] > 9))
    images, labels = LayersSource(pairs).prepare(tmp_path)
    found = FolderSet.of(images, labels, "mine")
    assert np.array_equal(found.read(0).image, colour)
    assert np.array_equal(found.read(1).image, colour[..., 0] > 9)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.zeros((4, 20, 30), int), "hold no object"),
        (np.ones((4, 20, 31), int), "not of the size of the image"),
        (np.full((4, 20, 30), -1), "negative id -1"),
    ],
)
def test_labels_that_cannot_be_used_get_a_sentence_and_leave_nothing(
    window, wish, paths, labels, sentence
):
    pair = replace(stack_pair(), labels=labels)
    controller = window()
    controller.start(replace(wish, source=LayersSource((pair,))))
    assert sentence in controller.messages[-1].text
    assert controller.messages[-1].error
    assert controller.state is State.IDLE
    assert controller.process.arguments is None
    assert not list(paths.trainings.iterdir())


def test_a_model_is_called_after_its_images(tmp_path):
    assert FoldersSource(tmp_path / "axons" / "images", tmp_path).name == "axons"
    assert FoldersSource(tmp_path / "axons", tmp_path).name == "axons"
    assert LayersSource((stack_pair(),)).name == "time lapse: 1/2"


def test_a_name_is_free_of_models_and_of_unfinished_trainings(window, wish, paths):
    assert paths.free_name("a b") == "a_b"
    controller = window()
    controller.start(wish)
    assert paths.free_name("mine") == "mine-2"
    (paths.models / "mine-2.safetensors").touch()
    (paths.models / "elsewhere.safetensors").symlink_to(paths.home / "a drive that is not there")
    assert paths.free_name("mine") == "mine-3"
    assert paths.own_models() == [str(paths.models / "mine-2.safetensors")]


# Its course


def test_a_training_from_start_to_end(window, wish, paths):
    controller = window()
    controller.start(wish)
    given = controller.process.arguments
    assert given[0] == "finetune"
    assert "--events" in given
    options = dict(zip(given[1:-1:2], given[2:-1:2], strict=True))
    assert options["--minutes"] == "1.0"
    assert options["--output"] == str(wish.output)
    assert Path(options["--images"]).is_absolute()
    tell(controller, *BEFORE, *COARSE, *DURING, *FINE)
    assert controller.history.losses == [
        (1, 1.0),
        (2, 0.5),
        (3, 1 / 3),
        (4, 0.25),
        (5, 0.2),
        (6, 0.2),
    ]
    assert controller.history.share == pytest.approx(1 - 18 / 60)
    (yours, replay) = controller.history.rows()
    assert (yours.before.noc85, yours.now.noc85, replay.now.noc85) == (9.8, 7.0, 4.1)
    tell(controller, Done("It was 9.8 -> 6.1.", str(wish.output), "", GAIN, None))
    controller.receive_end(0, "")
    assert controller.messages[-1].text == "It was 9.8 -> 6.1."
    assert controller.history.rows()[0].now.noc85 == 6.1
    assert controller.model == str(wish.output)
    assert controller.history.share == 1.0
    assert not controller.can_go_on
    assert not paths.unfinished()


def test_pause_and_stop_are_sent_and_the_best_so_far_can_be_used(window, wish):
    controller = window()
    controller.start(wish)
    tell(controller, *BEFORE, *COARSE)
    controller.pause()
    tell(controller, Phase("paused", "Paused.", 46.0))
    assert controller.history.paused
    controller.pause(on=False)
    controller.stop()
    controller.pause()  # too late
    assert controller.process.words == ["pause", "resume", "stop"]
    tell(controller, Done("Stopped.", str(wish.output), "", stopped=True))
    controller.receive_end(0, "")
    assert controller.can_go_on
    assert controller.model == str(wish.output)


def test_a_training_goes_on_after_napari_was_closed(window, wish, paths):
    first = window()
    first.start(wish)
    tell(first, *BEFORE, *COARSE, *DURING, Saved("folder", ""))
    first.close()
    assert first.process.closed
    tell(first, FINE[0], Done("Stopped.", "", "", stopped=True))
    first.receive_end(0, "")

    second = window()
    (job,) = paths.unfinished()
    assert job.name == "mine"
    second.go_on_with(job)
    assert second.process.arguments == first.process.arguments
    assert second.history.rows()[0].before.noc85 == 9.8
    assert second.history.end is None
    assert len(second.history.losses) == 5
    tell(second, FINE[0], FINE[1])  # the step after the saved one is done again
    assert [step for step, _ in second.history.losses] == [1, 2, 3, 4, 5, 6]


def test_two_windows_do_not_train_the_same(window, wish, paths):
    first, second = window(), window()
    first.start(wish)
    (job,) = paths.unfinished()
    second.go_on_with(job)
    assert second.process.arguments is None
    assert "another window" in second.messages[-1].text
    second.delete(job)
    assert paths.unfinished()


def test_a_process_that_breaks_off_gets_a_sentence_and_can_go_on(window, wish, caplog):
    controller = window()
    controller.start(wish)
    tell(controller, *BEFORE, *COARSE)
    controller.receive('{"event": "st')
    controller.receive_end(-1, "MemoryError: no room")
    assert "ended unexpectedly" in controller.messages[-1].text
    assert "MemoryError" not in controller.messages[-1].text
    assert "MemoryError: no room" in caplog.text
    assert controller.can_go_on
    job = controller.job
    controller.go_on_with(job)
    assert controller.state is State.RUNNING


@pytest.mark.parametrize("begun", [False, True])
def test_an_error_of_the_training_is_its_sentence(window, wish, paths, begun):
    controller = window()
    controller.start(wish)
    tell(controller, *(BEFORE if begun else []), Failed("there are no pairs"))
    controller.receive_end(2, "napari-iafpn: there are no pairs")
    assert controller.messages[-1].text == "There are no pairs."
    assert controller.messages[-1].error
    assert bool(paths.unfinished()) == begun  # what was trained is never thrown away
    assert controller.state is (State.ENDED if begun else State.IDLE)


@pytest.mark.parametrize("suffix", [".safetensors", ".json", ".html"])
def test_nothing_is_ever_overwritten(window, wish, suffix):
    wish.output.parent.mkdir(parents=True)
    wish.output.with_suffix(suffix).write_text("precious")
    controller = window()
    controller.start(wish)
    assert f"{suffix} exists already" in controller.messages[-1].text
    assert controller.process.arguments is None
    assert wish.output.with_suffix(suffix).read_text() == "precious"


def test_two_trainings_do_not_make_the_same_model(window, wish):
    controller = window()
    controller.start(wish)
    tell(controller, *BEFORE)
    controller.receive_end(-1, "killed")
    controller.leave()
    controller.start(wish)
    assert "An unfinished training makes" in controller.messages[-1].text
    assert not controller.busy


def test_a_folder_that_is_missing(window, wish, tmp_path):
    controller = window()
    controller.start(replace(wish, source=FoldersSource(tmp_path / "no", tmp_path)))
    assert "there is no folder" in controller.messages[-1].text.lower()


def test_damaged_requests_are_no_jobs(paths):
    for name, text in (("a", "{"), ("b", json.dumps({"minutes": 3})), ("c", "[]")):
        (paths.new_folder(name) / "request.json").write_text(text)
    paths.new_folder("d")
    assert paths.unfinished() == []


def test_an_empty_story_shows_nothing():
    history = TrainingHistory(20.0)
    assert (history.share, history.rows(), history.losses) == (0.0, [], [])
