"""A session computed again from its clicks, and used as training data."""

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_iafpn.cli import main
from napari_iafpn.evaluation.models import file_sha256
from napari_iafpn.evaluation.readers import SessionSet, open_set, survey
from napari_iafpn.evaluation.readers.session import names_of
from napari_iafpn.exchange import read_labels
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Prediction, Predictor
from napari_iafpn.masks import BoxedMask
from napari_iafpn.networks import ModelCard, find_model, save_cascade
from napari_iafpn.prompts import BoxPrompt, Click, Prompts, Stroke
from napari_iafpn.sessions import Commit, DisplaySettings, HandEdits, PlaneKey, Propagation
from napari_iafpn.sessions.actions import edit_step, propagate_step
from napari_iafpn.sessions.lines import lines_of, sealed
from napari_iafpn.sessions.pixels import PixelChange
from napari_iafpn.sessions.provenance import LabelsProvenance
from napari_iafpn.sessions.reading import read_session
from napari_iafpn.sessions.replay import propagate_planes, replay
from napari_iafpn.sessions.steps import LabelsChange, Step
from napari_iafpn.training.finetuning import FinetuneRequest
from napari_iafpn.training.finetuning.data import look_through

PLANE = PlaneKey("image", (0, 1))
LIMITS = (20.0, 230.0)


@pytest.fixture
def annotated(new_annotated):
    """A sitting of three commits, one of which corrects the first, and the model's file."""
    sitting, model, commit = new_annotated
    sitting.click(38, 52)
    commit(1)
    sitting.click(10, 12)
    sitting.click(70, 80, positive=False)
    sitting.change("threshold", threshold=0.4)
    commit(2)
    fresh = sitting.document.next_object()
    sitting.document.do(edit_step(PLANE, sitting.current, fresh, sitting.target, 1))
    sitting.click(60, 52)
    commit(1)
    sitting.writer.close(20)
    return sitting, model


@pytest.fixture
def new_annotated(new_sitting, tmp_path, disk_image, tiny_cascade):
    """A sitting, the model's file, and what commits the current object as a label."""
    image, _ = disk_image
    tifffile.imwrite(tmp_path / "cells.tif", image)
    model = tmp_path / "tiny.safetensors"
    save_cascade(tiny_cascade, model, ModelCard(name="tiny"))
    sitting = new_sitting(tmp_path / "s.iafpn.jsonl", image, str(tmp_path / "cells.tif"))
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    sitting.writer.append(lambda: {"entry": "model", "name": str(model), "sha256": digest})
    predictor = Predictor.load(model, "cpu")

    def commit(label):
        current = sitting.current
        start = current.start and Prediction.from_mask(current.start, image.shape)
        plane, around = Plane(image, limits=LIMITS), current.neighbours
        clicks = ClickReplay(predictor, plane, initial=start, neighbours=around)
        mask = current.mask(clicks.predict(current.clicks))
        dense = np.zeros(image.shape, bool)
        dense[mask.box.slices] = mask.mask
        sitting.commit(dense, label, str(model), LIMITS)

    return sitting, model, commit


def test_a_replay_gives_the_very_pixels(annotated, disk_image):
    sitting, model = annotated
    session = read_session(sitting.path)
    found = replay(session, {"image": disk_image[0]}, lambda _: Predictor.load(model, "cpu"))
    assert (found.commits, found.differing) == (3, [])
    assert np.array_equal(found.labels["labels"], sitting.target.data)
    assert np.unique(sitting.target.data).tolist() == [0, 1, 2]


@pytest.mark.parametrize("gamma", [1.0, 0.4])
def test_gamma_and_levels_count_in_a_replay(new_sitting, tmp_path, tiny_cascade, rng, gamma):
    image = rng.integers(0, 255, (400, 600), dtype=np.uint8)
    image[150:260, 200:320] //= 3
    levels = [image, image[::2, ::2]]
    predictor = Predictor(tiny_cascade, "cpu")
    sitting = new_sitting(tmp_path / "s.iafpn.jsonl", image)
    sitting.click(200, 260)
    plane = Plane(image, coarser=levels[1:], limits=LIMITS, gamma=gamma)
    found = ClickReplay(predictor, plane).predict(sitting.current.clicks)
    sitting.commit(found.mask(), 1, "tiny", LIMITS, gamma=gamma)
    sitting.writer.close(20)
    assert ("gamma" in sitting.path.read_text(encoding="utf-8")) == (gamma != 1)

    session = read_session(sitting.path)
    assert session.document.steps[-1].commit.display.gamma == gamma
    assert replay(session, {"image": levels}, lambda _: predictor).differing == []
    assert replay(read_session(sitting.path), {"image": image}, lambda _: predictor).differing
    if gamma != 1:
        linear = tmp_path / "linear.iafpn.jsonl"
        entries = [line.entry for line in lines_of(sitting.path)]
        del entries[-1]["commit"]["gamma"]
        linear.write_bytes(b"".join(map(sealed, entries)))
        found = replay(read_session(linear), {"image": levels}, lambda _: predictor)
        assert found.differing == [1]


def test_neighbours_are_replayed(new_annotated, disk_image):
    sitting, model, commit = new_annotated
    predictor = Predictor.load(model, "cpu")
    sitting.click(38, 52)
    alone = ClickReplay(predictor, Plane(disk_image[0], limits=LIMITS))
    rows, cols = np.nonzero(alone.predict(sitting.current.clicks).mask())
    neighbour = Click(int(rows[0]), int(cols[0]), False)
    assert neighbour.pixel != (38, 52)
    sitting.change(neighbours=Prompts.of([neighbour]))
    commit(1)
    sitting.writer.close(20)
    assert sitting.target.data[38, 52] == 1
    assert sitting.target.data[neighbour.pixel] == 0
    session = read_session(sitting.path)
    assert session.document.steps[-1].objects[0].before.neighbours.clicks == (neighbour,)
    assert replay(session, {"image": disk_image[0]}, lambda _: predictor).differing == []


def test_boxes_and_strokes_are_replayed(new_annotated, tmp_path, capsys):
    sitting, _, commit = new_annotated

    def give(prompt):
        sitting.change(prompt.kind, clicks=sitting.current.clicks.add(prompt))

    give(BoxPrompt(Box(25, 52, 40, 66)))
    sitting.click(30, 52)
    give(Stroke(((40, 45), (44.5, 60.25)), positive=False))
    commit(1)
    give(Stroke(((5, 5), (5, 20), (18, 20), (5, 5))))
    give(Stroke(((8, 15), (10, 18))))
    commit(2)
    fresh = sitting.document.next_object()
    sitting.document.do(edit_step(PLANE, sitting.current, fresh, sitting.target, 1))
    give(Stroke(((36, 42), (38, 60))))
    commit(1)
    give(BoxPrompt(Box(60, 75, 60, 80)))
    assert sitting.writer.close(20)
    session = read_session(sitting.path)
    assert not session.damage
    before = [step.objects[0].before for step in session.document.steps if step.commit]
    recorded = [step.objects[0].before for step in sitting.document.steps if step.commit]
    assert [now.clicks for now in before] == [now.clicks for now in recorded]
    assert session.document[PLANE].clicks == sitting.current.clicks
    output = tmp_path / "masks.tif"
    assert main(["replay", str(sitting.path), "--output", str(output), "--device", "cpu"]) == 0
    assert "all 3 objects have the very pixels that were recorded" in capsys.readouterr().out
    assert np.array_equal(tifffile.imread(output), sitting.target.data)


def test_a_replay_tells_what_differs(annotated, disk_image):
    sitting, model = annotated
    brighter = np.minimum(disk_image[0].astype(int) + 60, 255).astype(np.uint8)
    predictor = Predictor.load(model, "cpu")
    found = replay(read_session(sitting.path), {"image": brighter}, lambda _: predictor)
    assert found.differing


def test_the_command_replays(annotated, tmp_path, capsys):
    sitting, _ = annotated
    output = tmp_path / "masks.tif"
    assert main(["replay", str(sitting.path), "--output", str(output), "--device", "cpu"]) == 0
    assert "all 3 objects have the very pixels that were recorded" in capsys.readouterr().out
    assert np.array_equal(tifffile.imread(output), sitting.target.data)


def test_the_command_tells_of_another_model_and_another_image(annotated, tmp_path, capsys):
    sitting, model = annotated
    command = ["replay", str(sitting.path), "--output", str(tmp_path / "masks.npz")]
    model.write_bytes(model.read_bytes().replace(b"tiny", b"Tiny", 1))
    assert main([*command, "--device", "cpu"]) == 0
    assert "is not the one of the session" in capsys.readouterr().out
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros((80, 96), np.uint8))
    assert main([*command, "--overwrite"]) == 2
    assert "is not the image of this session" in capsys.readouterr().err
    (tmp_path / "cells.tif").unlink()
    assert main([*command, "--overwrite"]) == 2
    assert "give it with --image" in capsys.readouterr().err


def test_labels_of_one_name_are_told_apart(annotated, tmp_path, capsys):
    sitting, _ = annotated
    about = LabelsProvenance.of("more", "Objects", "image", np.zeros_like(sitting.target.data))
    with sitting.path.open("ab") as file:
        file.write(sealed({"entry": "labels", **vars(about)}))
    command = ["replay", str(sitting.path), "--device", "cpu", "--output"]
    assert main([*command, str(tmp_path / "masks.tif")]) == 2
    sentence = capsys.readouterr().err
    assert "has several labels; choose with --labels: Objects, Objects 2" in sentence
    for name, expected in (("Objects", "all 3 objects have"), ("Objects 2", "no object was kept")):
        output = tmp_path / f"{name}.npz"
        assert main([*command, str(output), "--labels", name]) == 0
        assert expected in capsys.readouterr().out
        assert read_labels(output).labels.any() == (name == "Objects")


def test_a_session_without_labels_has_nothing_to_replay(tmp_path, capsys):
    path = tmp_path / "s.iafpn.jsonl"
    path.write_bytes(sealed({"entry": "session", "format": 1, "created": ""}))
    assert main(["replay", str(path), "--output", str(tmp_path / "a.tif")]) == 2
    assert "s.iafpn.jsonl has no labels, as no object was kept" in capsys.readouterr().err


def test_a_replay_replaces_no_image(annotated, tmp_path, capsys):
    sitting, _ = annotated
    image, copy = tmp_path / "cells.tif", tmp_path / "copy.tif"
    copy.write_bytes(image.read_bytes())
    command = ["replay", str(sitting.path), "--overwrite", "--device", "cpu", "--output"]
    for arguments in ([str(image)], [str(copy), "--image", str(copy)]):
        assert main([*command, *arguments]) == 2
        assert "is read from; give the result another name" in capsys.readouterr().err
    assert image.read_bytes() == copy.read_bytes()
    assert np.array_equal(tifffile.imread(image), sitting.image)


@pytest.mark.parametrize("name", ["masks.ome.zarr", "masks.png"])
def test_a_replay_replaces_its_own_folder(propagated, tmp_path, capsys, name):
    if name.endswith(".zarr"):
        pytest.importorskip("zarr")
    sitting, _ = propagated
    output = tmp_path / name
    command = ["replay", str(sitting.path), "--output", str(output), "--device", "cpu"]
    assert main(command) == 0
    assert main(command) == 2
    assert "exists already; give another name or add --overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    result = output if output.exists() else output.with_suffix("")
    assert np.array_equal(read_labels(result).labels, sitting.target.data)


def test_a_model_that_is_gone_is_that_of_the_session(annotated, tmp_path, capsys):
    sitting, model = annotated
    model.unlink()
    command = ["replay", str(sitting.path), "--output", str(tmp_path / "masks.tif")]
    assert main(command) == 2
    sentence = capsys.readouterr().err
    assert f"the model of this session is not at {model}; give it or another one" in sentence
    assert "with the command export" in sentence
    assert main([*command, "--model", "absent"]) == 2
    assert "there is no model 'absent'" in capsys.readouterr().err


def test_what_was_recorded_can_be_exported_without_image_and_model(annotated, tmp_path):
    sitting, model = annotated
    model.unlink()
    (tmp_path / "cells.tif").unlink()
    output = tmp_path / "rois.zip"
    pytest.importorskip("roifile")
    assert main(["export", str(sitting.path), "--output", str(output)]) == 0
    again = read_labels(output, sitting.target.data.shape)
    assert np.array_equal(again.labels, sitting.target.data)


def test_a_session_is_a_set_to_train_and_evaluate_on(annotated):
    sitting, _ = annotated
    images = open_set(f"session:{sitting.path}")
    assert isinstance(images, SessionSet)
    assert (len(images), images.name, images.image_name(0)) == (1, "s", "cells")
    sample = images.read(0)
    assert np.array_equal(sample.image, sitting.image)
    assert np.array_equal(sample.instances, sitting.target.data)
    assert sample.objects == images.objects(0) == (1, 2)
    assert images.image_shape(0) == sitting.image.shape


def test_a_session_is_looked_through_before_a_retraining(annotated, tmp_path):
    sitting, _ = annotated
    request = FinetuneRequest(sitting.path, sitting.path, tmp_path / "new.safetensors")
    found = look_through(request, lambda: None)
    assert (len(found.usable), found.count) == (1, 2)


def test_the_recipe_in_the_docs_reads_a_session(annotated):
    sitting, _ = annotated
    text = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text(encoding="utf-8")
    code = text[text.index("    import json") :].replace("\n    ", "\n").removeprefix("    ")
    names = {"path": sitting.path}
    exec(code, names)  # the page's own code
    assert np.array_equal(names["labels"], sitting.target.data)


def test_a_session_without_its_image_or_objects_is_no_set(annotated, new_sitting, tmp_path):
    sitting, _ = annotated
    (tmp_path / "cells.tif").unlink()
    with pytest.raises(ValueError, match="the image 'cells' of the session"):
        SessionSet.open(sitting.path)
    empty = new_sitting(tmp_path / "empty.iafpn.jsonl", sitting.image)
    empty.writer.close(20)
    with pytest.raises(ValueError, match="no object was committed in the session"):
        SessionSet.open(empty.path)


def test_planes_of_a_stack_are_images_of_their_own(new_sitting, tmp_path, rng):
    stack = rng.integers(0, 255, (5, 60, 80), np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    sitting = new_sitting(tmp_path / "s.iafpn.jsonl", stack, str(tmp_path / "stack.tif"))
    for z in (3, 1):
        sitting.plane = PlaneKey("image", (1, 2), (z,))
        sitting.square(20, 30, z)
    sitting.writer.close(20)
    images = SessionSet.open(sitting.path)
    assert [images.image_name(i) for i in range(len(images))] == ["stack_3", "stack_1"]
    for place, z in enumerate((3, 1)):
        sample = images.read(place)
        assert np.array_equal(sample.image, stack[z])
        assert sample.objects == (z,)
        assert images.image_shape(place) == (60, 80)
    assert survey(images).used_objects == 2, "planes of one file are no duplicates"


def test_an_object_that_was_being_edited_is_in_the_set_as_it_was(new_sitting, tmp_path, rng):
    image = rng.integers(0, 255, (60, 80), np.uint8)
    tifffile.imwrite(tmp_path / "cells.tif", image)
    sitting = new_sitting(tmp_path / "s.iafpn.jsonl", image, str(tmp_path / "cells.tif"))
    sitting.square(20, 30, 1)
    sitting.square(40, 30, 2)
    before = sitting.target.data.copy()
    fresh = sitting.document.next_object()
    sitting.document.do(edit_step(PLANE, sitting.current, fresh, sitting.target, 1))
    sitting.writer.close(20)
    assert not (sitting.target.data == 1).any()
    assert np.array_equal(SessionSet.open(sitting.path).read(0).instances, before)


def test_planes_of_one_place_have_names_of_their_own():
    files = {"a": "w1/field.tif", "b": "w2/field.tif", "c": "w2/field.tif", "d": "other.tif"}
    images = {id_: SimpleNamespace(path=path, name="") for id_, path in files.items()}
    labels = {"1": "nuclei", "2": "cells", "3": "nuclei", "4": "nuclei", "5": "nuclei"}
    session = SimpleNamespace(
        images=images, labels={id_: SimpleNamespace(name=name) for id_, name in labels.items()}
    )
    planes = [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c"), ("5", "d")]
    places = [(id_, PlaneKey(image, (0, 1))) for id_, image in planes]
    assert list(names_of(session, places).values()) == [
        "field_nuclei_w1_1_a",
        "field_cells",
        "field_nuclei_w2_3_b",
        "field_nuclei_w2_4_c",
        "other",
    ]


@pytest.fixture(params=[False, True], ids=["object", "of a class"])
def propagated(request, new_sitting, tmp_path, disk_image):
    """A sitting in a stack: an object is committed, propagated, and once more from its middle.

    There is another one of its number, which stays where that is the number of a class.
    """
    image, truth = disk_image
    stack = np.stack([np.roll(image, 2 * z, axis=1) for z in range(5)])
    tifffile.imwrite(tmp_path / "stack.tif", stack)
    sitting = new_sitting(
        tmp_path / "s.iafpn.jsonl",
        stack,
        str(tmp_path / "stack.tif"),
        PlaneKey("image", (1, 2), (1,)),
    )
    digest = file_sha256(find_model("default"))
    sitting.writer.append(lambda: {"entry": "model", "name": "default", "sha256": digest})
    other = np.zeros((5, 6, 7), sitting.target.data.dtype)
    painted = PixelChange.of((slice(0, 5), slice(0, 6), slice(0, 7)), other, other + 1)
    if request.param:
        step = Step("paint", sitting.plane, labels=(LabelsChange("labels", (painted,)),))
        sitting.document.do(step)
    sitting.change(hand=HandEdits(drawn=BoxedMask.of(truth)))
    sitting.commit(truth, 1)
    predictor = Predictor.load("default", "cpu")
    for routes in (((2, 3, 4), (0,)), ((2, 3),)):
        start = BoxedMask.of(truth)
        going = Propagation(0, routes, 0.4, joins=request.param)
        visited = propagate_planes(
            predictor,
            lambda key: Plane(stack[key.indices], limits=LIMITS),
            sitting.plane,
            Prediction.from_mask(start, truth.shape),
            going,
        )
        masks = {key: mask for _, key, mask, _ in visited if mask is not None}
        assert len(masks) > 1
        reached = tuple(
            tuple(z for z in route if sitting.plane.moved_to(0, z) in masks) for route in routes
        )
        commit = Commit("labels", 1, "keep", "default", DisplaySettings(LIMITS))
        done = replace(going, routes=tuple(filter(None, reached)))
        sitting.document.do(propagate_step(sitting.plane, sitting.target, masks, commit, done))
    assert (sitting.target.data[painted.region] == request.param).all()
    sitting.writer.close(20)
    return sitting, predictor


def test_propagated_planes_are_predicted_again(propagated):
    sitting, predictor = propagated
    session = read_session(sitting.path)
    steps = [step.kind for step in session.document.steps]
    found = replay(session, {"image": sitting.image}, lambda _: predictor)
    assert steps.count("propagate") == 2
    assert (found.commits, found.differing) == (3, [])
    assert np.array_equal(found.labels["labels"], sitting.target.data)
    darker = replay(session, {"image": sitting.image // 2}, lambda _: predictor)
    assert darker.differing == [1]


def test_the_command_replays_a_propagation(propagated, tmp_path, capsys):
    sitting, _ = propagated
    output = tmp_path / "masks.tif"
    assert main(["replay", str(sitting.path), "--output", str(output), "--device", "cpu"]) == 0
    assert "the very pixels that were recorded" in capsys.readouterr().out
    assert np.array_equal(tifffile.imread(output), sitting.target.data)
    sheet = tmp_path / "again.npz"
    assert main(["export", str(sitting.path), "--output", str(sheet)]) == 0
    assert np.array_equal(read_labels(sheet, sitting.target.data.shape).labels, sitting.target.data)
