"""What one job gives, in this process."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.evaluation.models import ModelFile, find_models
from napari_iafpn.evaluation.plan import ChosenImage, Unit
from napari_iafpn.evaluation.protocol import Protocol
from napari_iafpn.evaluation.readers import FolderSet, LayerSet, Sample, Selection
from napari_iafpn.evaluation.workers import Machine, make_job, work

PROTOCOL = Protocol(max_clicks=2)
MACHINE = Machine(threads=1, device="cpu")


@pytest.fixture
def model(tiny_model: Path) -> ModelFile:
    return find_models([str(tiny_model)])[0]


def unit(model: ModelFile, *labels: int, scales: tuple[float | None, ...] = (None,)) -> Unit:
    return Unit(model, ChosenImage("disks", 0, "0", labels), tuple((n, scales) for n in labels))


def test_a_missing_object_costs_only_itself(model: ModelFile, disks_folder: Path) -> None:
    job = make_job(unit(model, 1, 77, 3), FolderSet.open(disks_folder), PROTOCOL, MACHINE)
    outcome = work(job)
    assert [result.label for result in outcome.objects] == [1, 3]
    assert [(problem.image, problem.label) for problem in outcome.problems] == [("0", 77)]
    assert "no pixel of id 77" in outcome.problems[0].sentence


def test_an_unreadable_image_is_one_problem(model: ModelFile, disks_folder: Path) -> None:
    annotated = FolderSet.open(disks_folder)
    (disks_folder / "images" / "0.png").write_bytes(b"\x89PNG but no more")
    outcome = work(make_job(unit(model, 1, 2), annotated, PROTOCOL, MACHINE))
    assert outcome.objects == ()
    assert [(problem.image, problem.label) for problem in outcome.problems] == [("0", None)]
    assert "0.png" in outcome.problems[0].sentence


def test_a_view_that_shows_the_whole_image_is_not_annotated_again(
    model: ModelFile, disks_folder: Path
) -> None:
    scales = (None, 8.0, 9.0)
    job = make_job(unit(model, 3, scales=scales), FolderSet.open(disks_folder), PROTOCOL, MACHINE)
    whole, *others = work(job).objects
    assert [result.view_scale for result in others] == [8.0, 9.0]
    for result in others:  # the very same run: even the seconds are equal
        assert replace(result, view_scale=None) == whole


def test_of_layers_only_the_image_at_hand_travels(model: ModelFile) -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[20:40, 20:40] = 1
    samples = tuple(
        Sample(str(n), np.random.default_rng(n).random((64, 64)), labels, (1,)) for n in range(9)
    )
    chosen = Selection(LayerSet("disks", samples), (4, 0), (None, (1,)))
    job = make_job(unit(model, 1), chosen, PROTOCOL, MACHINE)
    assert len(job.images) < 2 * len(pickle.dumps(samples[4]))
    assert work(job).objects[0].image == "4"


def test_a_model_that_changes_meanwhile_ends_the_run(model: ModelFile, disks_folder: Path) -> None:
    changed = replace(model, sha256="0" * 64)
    job = make_job(unit(changed, 1), FolderSet.open(disks_folder), PROTOCOL, MACHINE)
    with pytest.raises(ValueError, match="changed during the evaluation"):
        work(job)


def test_models_are_called_by_what_tells_them_apart(tiny_model: Path, tmp_path: Path) -> None:
    paths = [tmp_path / "first" / "model.safetensors", tmp_path / "second" / "model.safetensors"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(tiny_model.read_bytes())
    names = [model.name for model in find_models([str(tiny_model), *map(str, paths)])]
    assert names == [f"{tiny_model.parent.name}/tiny", "first/model", "second/model"]
    assert find_models([str(tiny_model)])[0].name == "tiny"
    with pytest.raises(ValueError, match="is given twice"):
        find_models([str(tiny_model), str(tiny_model)])
    paths[0].write_bytes(b"no model")
    with pytest.raises(ValueError, match="no safetensors file"):
        find_models([str(paths[0])])
