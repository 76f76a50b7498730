"""Whole evaluations, in real processes, of a tiny model."""

import math
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from napari_iafpn.evaluation import (
    Evaluation,
    EvaluationProgress,
    LayerSet,
    ObjectResult,
    Problem,
    Protocol,
    Sample,
    evaluate,
    evaluate_set,
)
from napari_iafpn.evaluation.plan import ChosenImage, Plan, make_plan
from napari_iafpn.evaluation.provenance import _checksum, make_header
from napari_iafpn.evaluation.readers import FolderSet
from napari_iafpn.evaluation.result_collector import ResultCollector
from napari_iafpn.inference import Cancelled, Predictor

Make = Callable[..., Evaluation]


@pytest.fixture
def make(disks_folder: Path, tiny_model: Path) -> Make:
    """Return evaluations of nine objects with few clicks; keywords change them."""
    usual = Evaluation(
        sets=(FolderSet.open(disks_folder),),
        models=(str(tiny_model),),
        protocol=Protocol(max_clicks=3, target=1.01),
        device="cpu",
    )
    return lambda **changes: replace(usual, **changes)


def untimed(objects: Iterable[ObjectResult]) -> list[ObjectResult]:
    seconds = dict.fromkeys(("network_seconds", "user_seconds", "other_seconds"), ())
    return [replace(result, **seconds) for result in objects]


def in_this_process(evaluation: Evaluation) -> list[ObjectResult]:
    """Return what the evaluation has to give, by the protocol alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    predictor = Predictor.load(evaluation.models[0], "cpu")
    objects = [
        result
        for annotated in evaluation.sets
        for scale in evaluation.view_scales
        for result in evaluate_set(
            predictor,
            map(annotated.read, range(len(annotated))),
            evaluation.protocol,
            set_name=annotated.name,
            model="tiny",
            view_scale=scale,
        )
    ]
    torch.set_num_threads(threads)
    return untimed(objects)


def test_jobs_and_interruptions_change_nothing(make: Make, tmp_path: Path) -> None:
    evaluation = make(view_scales=(8.0, None, 1.0), jobs=2)
    threads, out = torch.get_num_threads(), tmp_path / "out"
    first: list[EvaluationProgress] = []
    with pytest.raises(Cancelled):
        evaluate(evaluation, out, report=first.append, cancelled=lambda: len(first) > 1)
    assert not workers_of(psutil.Process())
    assert first[0] == EvaluationProgress(0, 27, math.inf, None)
    kept = first[-1].done
    assert 0 < kept < 27

    again: list[EvaluationProgress] = []
    results = evaluate(evaluation, out, report=again.append)
    assert torch.get_num_threads() == threads
    assert [progress.done for progress in again] == list(range(kept, 28))
    assert again[-1].seconds_left == 0
    assert untimed(results.objects) == in_this_process(evaluation)

    finished: list[EvaluationProgress] = []
    one_job = replace(evaluation, jobs=1)
    assert evaluate(one_job, out, report=finished.append).objects == results.objects
    assert len(finished) == 1
    with pytest.raises(ValueError, match="begun with option threads = 1, now it is 2"):
        evaluate(replace(evaluation, threads=2), out)


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if "spawn_main" in " ".join(child.cmdline())]


def test_processes_that_die_cost_one_image(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly.py").write_text(
        textwrap.dedent("""
            import os
            from dataclasses import dataclass
            from napari_iafpn.evaluation.readers import FolderSet

            @dataclass(frozen=True)
            class DeadlySet(FolderSet):
                def read(self, index):
                    once = self.labels.parent / "died"
                    if index == 1 or (index == 0 and not once.exists()):
                        once.touch()
                        os.kill(os.getpid(), 9)
                    return super().read(index)
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    from deadly import DeadlySet  # type: ignore[import-not-found]

    disks = DeadlySet.open(make().sets[0].images.parent)
    two_images = replace(disks, pairs=disks.pairs[:2])
    results = evaluate(make(sets=(two_images,), jobs=2), tmp_path / "out")
    assert [(result.image, result.label) for result in results.objects] == [
        ("0", label) for label in (1, 2, 3)
    ]
    lost = [("1", 1), ("1", 2), ("1", 3)]  # by objects: others of an image may be finished
    assert [(problem.image, problem.label) for problem in results.problems] == lost
    assert "ended twice" in results.problems[0].sentence


def test_the_limit_chooses_by_the_seed(make: Make) -> None:
    sets = make().sets

    def choice(limit: int, seed: int) -> list[tuple[str, int]]:
        plan = make_plan(sets, limit, seed, lambda: False)
        assert plan.counts == {"disks": 9}
        assert plan.chosen("disks") == min(limit, 9)
        return [(image.name, label) for image in plan.images for label in image.labels]

    assert choice(4, 0) == choice(4, 0) == sorted(choice(4, 0))
    assert len({tuple(choice(4, seed)) for seed in range(9)}) > 5
    assert choice(9, 0) == choice(99, 1)


def test_where_nothing_can_be_evaluated_the_first_problem_says_why(
    make: Make, disks_folder: Path
) -> None:
    (disks_folder / "labels" / "2.png").write_bytes(b"no picture")
    (disks_folder / "images" / "0.png").write_bytes(b"no picture")
    Image.fromarray(np.zeros((70, 90), np.uint16)).save(disks_folder / "labels" / "1.png")
    with pytest.raises(ValueError, match=r"none of 3 object\(s\) could be evaluated; .*image '1'"):
        evaluate(make())
    with pytest.raises(ValueError, match="set 'disks', image '1': the labels"):
        evaluate(make(strict=True))


def test_problems_are_told_once_in_the_order_of_the_images() -> None:
    images = tuple(ChosenImage("cells", n, name, (5, 7)) for n, name in enumerate("ba"))
    key = ("tiny", "cells", None, "b", 5)
    collector = ResultCollector([key], None, lambda _: None, strict=False)
    collector.results[key] = None  # type: ignore[assignment]
    given = [("a", 7), ("b", 7), ("a", None), ("b", 5), ("gone", None), ("b", 7)]
    collector.note(Problem("cells", image, label, "broken") for image, label in given)
    found = collector.finish(Plan(images, (), {}), {}).problems
    assert [(problem.image, problem.label) for problem in found] == [
        ("gone", None),
        ("b", 5),
        ("b", 7),
        ("a", None),
        ("a", 7),
    ]


def test_what_makes_no_evaluation_is_refused(make: Make) -> None:
    for changes, sentence in [
        ({"sets": ()}, "nothing to evaluate"),
        ({"sets": make().sets * 2}, "the set 'disks' is given twice"),
        ({"view_scales": (8.0, 8.0)}, "the view scale 8.0 is given twice"),
        ({"view_scales": (0.5,)}, "view scale 0.5 does not show the whole object"),
        ({"jobs": 0}, "jobs is 0; give at least 1"),
        ({"limit": 0}, "limit is 0"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            make(**changes)
    with pytest.raises(ValueError, match="there is no model 'mine'"):
        evaluate(make(models=("mine",)))
    with pytest.raises(ValueError, match="device 'abacus' is not available"):
        evaluate(make(device="abacus"))


def test_a_cluster_gives_the_same(make: Make) -> None:
    distributed = pytest.importorskip("distributed")
    labels = np.zeros((64, 64), np.uint8)
    labels[20:40, 20:40] = 1
    layers = LayerSet(
        "layers",
        tuple(
            Sample(str(n), np.random.default_rng(n).random((64, 64)), labels, (1,)) for n in (0, 1)
        ),
    )
    both = make(sets=(*make().sets, layers))
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        results = evaluate(replace(both, scheduler=cluster.scheduler_address))
    assert untimed(results.objects) == in_this_process(both)


def test_no_scheduler_is_a_sentence(make: Make) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ValueError, match="no Dask scheduler answers at 'nonsense://here'"):
        evaluate(make(scheduler="nonsense://here"))


def test_results_of_labels_that_were_corrected_since_are_not_gone_on_with(
    make: Make, disks_folder: Path, tmp_path: Path
) -> None:
    evaluate(make(limit=1), tmp_path / "scores")
    path = disks_folder / "labels" / "1.png"
    labels = np.array(Image.open(path))
    labels[:5, :5] = 1
    Image.fromarray(labels).save(path)
    with pytest.raises(ValueError, match=r"begun with set disks = 3 image\(s\) "):
        evaluate(make(limit=1), tmp_path / "scores")


def test_every_change_of_a_set_is_told(make: Make, disks_folder: Path) -> None:
    def told(**options: bool) -> str:
        return make_header(make(sets=(FolderSet.open(disks_folder, **options),)), [])["set"][
            "disks"
        ]

    seen = [told(), told(keep_255=True), told(annotators=True)]
    path = disks_folder / "images" / "1.png"
    Image.fromarray(255 - np.array(Image.open(path))).save(path)
    seen.append(told())
    (disks_folder / "labels" / "1.png").unlink()
    (disks_folder / "labels" / "1.zarr").mkdir()
    (disks_folder / "labels" / "1.zarr" / "zarr.json").write_text("{}")
    seen.append(told())
    (disks_folder / "labels" / "1.zarr" / "zarr.json").write_text("[]")
    seen.append(told())
    assert len(set(seen)) == 6
    assert all(text.startswith("3 image(s) ") for text in seen)
    assert told() == seen[-1]


def test_labels_that_are_masks_are_told(make: Make, disks_folder: Path, tmp_path: Path) -> None:
    for path in (disks_folder / "labels").iterdir():
        Image.fromarray((np.array(Image.open(path)) > 0).astype(np.uint8) * 255).save(path)
    results = evaluate(make(sets=(FolderSet.open(disks_folder),), limit=1), tmp_path / "scores")
    (note,) = results.notes
    assert note.startswith("The labels are masks or classes: each piece")


@pytest.mark.parametrize("size", [1, 10, 31, 2000])
def test_the_checksum_of_a_file_sees_its_beginning_and_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    monkeypatch.setattr("napari_iafpn.evaluation.provenance.PART", 8)
    path = tmp_path / "a"
    path.write_bytes(bytes(size))
    before = _checksum([path])
    path.write_bytes(bytes(size) + b"a")
    assert _checksum([path]) != before
    with path.open("r+b") as file:
        file.write(b"b")
    assert len({before, _checksum([path]), _checksum([tmp_path / "nothing"])}) == 3
