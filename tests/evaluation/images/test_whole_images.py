"""Whole images: what is counted, what is kept, what is reported."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.evaluation import LayerSet, Sample
from napari_iafpn.evaluation.images import (
    ImageEvaluation,
    ImageProtocol,
    ImageResult,
    annotate_image,
    evaluate_images,
    write_image_report,
)
from napari_iafpn.evaluation.images.annotating import objects_in_order
from napari_iafpn.evaluation.images.report import draw_image, image_numbers
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.masks import BoxedMask
from napari_iafpn.networks.tables import plain, read_table

PLACES = [(row, col) for row in (30, 70, 110) for col in (30, 70, 110, 150)]


def sample_of(places: Sequence[tuple[int, int]], *, bright_only: int = 0) -> Sample:
    """Return disks; ``bright_only`` more are bright but no objects."""
    rows, cols = np.ogrid[:140, :180]
    labels = np.zeros((140, 180), np.int32)
    for number, (row, col) in enumerate(places, 1):
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= 81] = number
    image = np.where(labels > 0, 200, 40).astype(np.uint8)
    ids = tuple(range(1, len(places) + 1 - bright_only))
    return Sample("disks", image, np.where(labels <= len(ids), labels, 0), ids)


@pytest.fixture
def annotated(drawer):
    """Return a function that annotates an image."""

    def annotated(sample: Sample, assist: str, **options: float) -> ImageResult:
        plane, protocol = Plane(sample.image), ImageProtocol(assist, **options)
        return annotate_image(drawer, plane, sample, protocol)

    return annotated


def test_the_order_goes_from_the_centre_to_the_nearest() -> None:
    sample = sample_of([(70, 90), (70, 20), (70, 120), (70, 160)])
    assert objects_in_order(sample) == [1, 3, 4, 2]


def test_alone_each_object_costs_its_clicks_and_a_commit(annotated) -> None:
    result = annotated(sample_of(PLACES), "none")
    assert result.clicks == 12
    assert result.actions == result.actions_accept_all == 24
    assert all(cost.first_iou == 1 for cost in result.objects)


def test_found_objects_cost_one_action_or_none(annotated) -> None:
    result = annotated(sample_of(PLACES), "find")
    assert [each.verdict for each in result.proposals] == ["accepted"] * 9
    assert result.clicks == 3
    assert result.actions == 3 * 2 + 9
    assert result.actions_accept_all == 3 * 2 + 1
    assert result.found(0.85) == 9
    assert {cost.label for cost in result.objects} == set(range(1, 13))


def test_a_wrong_proposal_costs_a_rejection(annotated) -> None:
    result = annotated(sample_of(PLACES, bright_only=2), "find")
    verdicts = [each.verdict for each in result.proposals]
    assert verdicts.count("rejected") == 2
    assert verdicts.count("accepted") == 7
    assert result.actions == 3 * 2 + 7 + 2
    assert result.actions_accept_all == 3 * 2 + 1 + 2


def test_exemplars_that_tell_nothing_leave_everything_to_clicks(annotated) -> None:
    sample = sample_of(PLACES)
    sample = Sample("noise", np.full(sample.shape, 7, np.uint8), sample.instances, sample.objects)
    result = annotated(sample, "find", max_clicks=1)
    assert not result.proposals
    assert len(result.objects) == 12


def test_a_result_comes_back_from_json(annotated) -> None:
    result = annotated(sample_of(PLACES, bright_only=1), "find")
    again = read_table(ImageResult, json.loads(json.dumps(plain(result))), "it")
    assert plain(again) == plain(result)
    assert again.objects == result.objects


def test_the_picture_shows_what_was_accepted(annotated) -> None:
    sample = sample_of(PLACES)
    result = annotated(sample, "find")
    import io

    pixels = np.array(Image.open(io.BytesIO(draw_image(sample, result))))
    assert pixels.shape == (*sample.shape, 3)
    assert (pixels == (0, 200, 255)).all(-1).any()
    assert (pixels == (255, 214, 0)).all(-1).any()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"assist": "all"}, "assist"),
        ({"exemplars": 0}, "exemplars is 0; give at least 1"),
        ({"target": 0.3}, "target is 0.3; give an IoU above 0.5"),
        ({"view_scale": 0.5}, "view_scale is 0.5; give at least 1"),
        ({"max_clicks": 0}, "max_clicks is 0"),
    ],
)
def test_absurd_options(options: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ImageProtocol(**options)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, drawer) -> list[int]:
    """Let models be what needs no network; return how often one was loaded."""
    loaded: list[int] = []

    def load(*_: object, **__: object) -> object:
        loaded.append(1)
        return drawer

    monkeypatch.setattr(Predictor, "load", load)
    return loaded


def evaluation_of(*samples: Sample, assists: Sequence[str] = ("none", "find")) -> ImageEvaluation:
    protocols = tuple(map(ImageProtocol, assists))
    return ImageEvaluation((LayerSet("disks", samples),), protocols=protocols)


def test_the_numbers_of_a_report(no_network: list[int], tmp_path: Path) -> None:
    evaluation = evaluation_of(sample_of(PLACES, bright_only=2))
    results = evaluate_images(evaluation, tmp_path / "run")
    write_image_report(results, evaluation.sets, tmp_path / "run")
    written = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    (model,) = set(written) - {"about"}
    none, find = written[model]["disks"]["none"], written[model]["disks"]["find"]
    assert none["objects"] == find["objects"] == 10
    assert none["actions"] == 2
    assert none["recall@50"] is None
    assert find["precision@50"] == pytest.approx(7 / 9)
    assert find["recall@50"] == find["found@target"] == 1
    assert find["actions"] == pytest.approx(15 / 10)
    assert find["actions_accept_all"] == pytest.approx(9 / 10)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 2


def test_a_stopped_run_goes_on(no_network: list[int], tmp_path: Path) -> None:
    sample = sample_of(PLACES)
    evaluate_images(evaluation_of(sample, assists=["none"]), tmp_path)
    told: list[tuple[int, int]] = []
    results = evaluate_images(
        evaluation_of(sample), tmp_path, report=lambda done, total, _: told.append((done, total))
    )
    assert told == [(1, 2), (2, 2)]
    assert [result.assist for result in results.images] == ["none", "find"]
    evaluate_images(evaluation_of(sample), tmp_path)
    assert len(no_network) == 2  # nothing was left to do


def test_an_image_that_cannot_be_annotated_costs_itself(
    no_network: list[int], tmp_path: Path
) -> None:
    good = sample_of(PLACES)
    bad = replace(good, name="complex", image=good.image.astype(np.complex64))
    for _ in range(2):  # and again where it goes on
        results = evaluate_images(evaluation_of(bad, good), tmp_path)
        assert [(each.image, each.assist) for each in results.images] == [
            ("disks", "none"),
            ("disks", "find"),
        ]
        assert [problem.image for problem in results.problems] == ["complex"]
    with pytest.raises(ValueError, match="no image could be annotated; of the first one, set"):
        evaluate_images(evaluation_of(bad))


def test_images_of_few_objects(no_network: list[int]) -> None:
    with pytest.raises(ValueError, match="no image of disks has 8 objects"):
        evaluate_images(evaluation_of(sample_of(PLACES[:5])))


class Pupil:
    """Learns nothing, and notes what it was shown."""

    def __init__(self, predictor: object) -> None:
        self.predictor = predictor
        self.seen: list[tuple[str, int, int]] = []

    def see(self, name: str, plane: Plane, mask: BoxedMask, ids_in) -> None:
        around = ids_in(Box.whole(plane.shape))
        self.seen.append((name, mask.area, int(around.max())))


def test_a_learner_sees_each_object_once_it_is_counted(drawer) -> None:
    sample, pupil = sample_of(PLACES), Pupil(drawer)
    protocol = ImageProtocol("context", adapt=10)
    result = annotate_image(
        None, Plane(sample.image), sample, protocol, learner=pupil
    )  # the model itself is not asked
    assert result.assist == "context+adapt10"
    assert [name for name, *_ in pupil.seen] == [
        f"disks {label}" for label in objects_in_order(sample)
    ]
    assert [count for *_, count in pupil.seen] == list(range(1, 13))


def test_objects_that_were_only_accepted_teach_nothing(drawer) -> None:
    sample, pupil = sample_of(PLACES), Pupil(drawer)
    protocol = ImageProtocol("find", adapt=10)
    annotate_image(drawer, Plane(sample.image), sample, protocol, learner=pupil)
    assert len(pupil.seen) == 3


def test_one_learner_goes_through_all_images_of_a_set(
    no_network: list[int], drawer, tmp_path: Path
) -> None:
    samples = [replace(sample_of(PLACES), name=name) for name in "ab"]
    evaluation = ImageEvaluation(
        (LayerSet("disks", tuple(samples)),),
        protocols=(ImageProtocol(), ImageProtocol(adapt=5)),
    )
    pupils: list[Pupil] = []

    def learner_of(_: Path, every: int) -> Pupil:
        assert every == 5
        pupils.append(Pupil(drawer))
        return pupils[-1]

    results = evaluate_images(evaluation, tmp_path, learner_of=learner_of)
    assert [len(pupil.seen) for pupil in pupils] == [24]
    (numbers,) = image_numbers(results).values()
    assert numbers["disks"]["none+adapt5"]["curve"] == [1] * 24
    # With an image lost, what it had learned is lost: its whole set is done again.
    journal = tmp_path / "results.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    evaluate_images(evaluation, tmp_path, learner_of=learner_of)
    assert [len(pupil.seen) for pupil in pupils] == [24, 24]


def test_a_seed_draws_where_to_begin() -> None:
    sample = sample_of(PLACES)
    firsts = {objects_in_order(sample, seed)[0] for seed in range(1, 9)}
    assert len(firsts) > 1
    assert objects_in_order(sample, 3) == objects_in_order(sample, 3)
