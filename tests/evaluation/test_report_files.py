"""The files of a report: complete, repeatable, readable without anything else."""

import csv
import io
import json
import os
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.evaluation import LayerSet, MaskCode, ObjectResult, Protocol, Sample, write_report
from napari_iafpn.evaluation.report.thumbnails import PREDICTED, TRUTH, draw_object
from napari_iafpn.evaluation.results import Problem, Results
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.prompts import Click

HOSTILE = '<script>alert(1)</script> & $x_1$, "_日本'
MODELS = ("default", "about")
VIEWS = (None, 8.0)
FILES = {"results.json", "objects.csv", "curves.png", "success.png", "report.html"}


def squares(name):
    """Return an image of two squares with ids 1 and 2."""
    labels = np.zeros((60, 80), np.uint8)
    labels[10:30, 10:30], labels[35:50, 45:75] = 1, 2
    return Sample(name, labels * 90 + 20, labels, (1, 2))


def result(sample, label, **names):
    truth = sample.truth(label)
    row, col = np.argwhere(truth).mean(axis=0).round()
    ious = (0.5, 0.83, 0.91) if label == 1 else (0.3,) * 20
    count = len(ious)
    return ObjectResult(
        image=sample.name,
        label=label,
        view=Box.whole(sample.shape),
        area=int(truth.sum()),
        clicks=tuple(Click(row + n % 2, col, n % 3 < 2) for n in range(count)),
        ious=ious,
        boundary_ious=tuple(iou / 2 for iou in ious),
        network_seconds=(0.1,) * count,
        user_seconds=(0.01,) * count,
        other_seconds=(1e-3,) * count,
        mask=MaskCode.encode(np.roll(truth, 2, axis=1)),
        **names,
    )


def make_results(set_name="cells", models=MODELS, protocol=None):
    samples = tuple(squares(name) for name in ("first", "second"))
    objects = tuple(
        result(sample, label, set=set_name, model=model, view_scale=view)
        for model in models
        for view in VIEWS
        for sample in samples
        for label in sample.objects
    )
    about = {
        "options": {**asdict(protocol or Protocol()), "limit": None},
        "versions": {"napari-iafpn": "0.1.0"},
        "models": dict.fromkeys(models, "0" * 64),
        "started": "2026-01-31T12:00:00+00:00",
    }
    problems = (Problem(set_name, "third", None, "the image cannot be opened; save it again"),)
    return Results(objects, problems, about), [LayerSet(set_name, samples)]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(*make_results(), folder)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    write_report(*make_results(HOSTILE, (HOSTILE, "b")), folder)
    return folder


def test_every_file_is_written(report):
    assert {path.name for path in report.iterdir()} == FILES


def test_the_json_has_the_promised_shape(report):
    written = json.loads((report / "results.json").read_text(encoding="utf-8"))
    assert set(written) == {"default", "about (model)", "about"}
    assert set(written["default"]) == {"cells", "cells@view8"}
    miou = [f"mIoU@{count}" for count in (1, 2, 3, 5, 10, 20)]
    numbers = written["default"]["cells"]
    assert list(numbers) == ["n", "NoC@80", "NoC@85", "NoC@90", "NoF@90", *miou, "SPC"]
    assert numbers["n"] == 4
    assert numbers["NoC@80"] == 11
    assert numbers["NoF@90"] == 2
    about = written["about"]
    assert about["renamed"] == {"about": "about (model)"}
    assert about["options"]["preset"] == "plugin"
    assert about["versions"]
    assert about["models"]["default"] == "0" * 64
    assert about["intervals"]["default"]["cells"]["NoC@80"] == [11, 11]
    assert [problem["image"] for problem in about["problems"]] == ["third"]
    assert {c["measure"] for c in about["comparisons"]} == {"NoC@80", "NoC@85", "NoC@90"}


def test_what_the_runs_do_not_tell_is_null(tmp_path):
    write_report(*make_results(protocol=Protocol(target=0.82, max_clicks=20)), tmp_path)
    numbers = json.loads((tmp_path / "results.json").read_text())["default"]["cells"]
    assert numbers["NoC@80"] == 11
    assert numbers["NoC@85"] is numbers["NoC@90"] is numbers["NoF@90"] is None


def test_the_table_holds_every_click(report):
    content = (report / "objects.csv").read_bytes()
    assert b"\r" not in content
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    results, _ = make_results()
    assert len(rows) == sum(len(result.clicks) for result in results.objects)
    first = results.objects[0]
    assert rows[2] == {
        "model": "default",
        "set": "cells",
        "view": "whole",
        "image": "first",
        "object": "1",
        "click": "3",
        "row": repr(first.clicks[2].row),
        "col": repr(first.clicks[2].col),
        "sign": "-",
        "iou": "0.91",
        "boundary_iou": "0.455",
        "network_seconds": "0.1",
        "user_seconds": "0.01",
        "other_seconds": "0.001",
    }
    assert rows[-1]["view"] == "8"


def test_two_reports_differ_in_seconds_only(report, tmp_path):
    results, sets = make_results()
    slower = tuple(
        replace(result, network_seconds=tuple(2 * s for s in result.network_seconds))
        for result in results.objects
    )
    write_report(replace(results, objects=slower), sets, tmp_path)
    tables = [
        [line.rsplit(",", 3)[0] for line in (folder / "objects.csv").read_text().splitlines()]
        for folder in (report, tmp_path)
    ]
    assert tables[0] == tables[1]
    for name in ("curves.png", "success.png"):
        assert (report / name).read_bytes() == (tmp_path / name).read_bytes()


def test_the_curves_are_pictures(report, hostile):
    for folder in (report, hostile):
        for name in ("curves.png", "success.png"):
            with Image.open(folder / name) as picture:
                assert picture.format == "PNG"
                assert np.asarray(picture.convert("L")).std() > 5


class Page(HTMLParser):
    """Collects what a page would load, its tags, and its text."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.tags, self.words = [], [], []
        self.feed(text)
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.words.append(data)


def read_page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_loads_nothing(report, hostile):
    for folder in (report, hostile):
        page = read_page(folder)
        assert page.loaded
        assert all(link.startswith(("data:image/", "#")) for link in page.loaded)
        style = re.search(r"<style>(.*?)</style>", (folder / "report.html").read_text(), re.S)
        assert "url(" not in style[1]
        assert "@import" not in style[1]
        assert (folder / "report.html").stat().st_size < 5e6


def test_the_page_says_it_in_plain_words(report):
    text = read_page(report).text
    assert "On average 11.5 clicks per object to reach 85 % overlap" in text
    assert "2 of 4 objects got there within 20 clicks" in text
    assert "1 image or object could not be evaluated" in text
    assert "the image cannot be opened; save it again" in text
    assert "2026-01-31 12:00 UTC" in text
    assert "first:1" in text


def test_names_are_escaped(hostile):
    page = read_page(hostile)
    assert "script" not in page.tags
    assert "<script>" in page.text
    written = json.loads((hostile / "results.json").read_text(encoding="utf-8"))
    assert HOSTILE in written[HOSTILE]
    rows = list(csv.DictReader(io.StringIO((hostile / "objects.csv").read_text("utf-8"))))
    assert rows[0]["set"] == HOSTILE


class Gone(LayerSet):
    """A set whose files have vanished."""

    def read(self, index):
        raise ValueError("first.png is missing; bring it back")


def test_names_that_are_no_utf_8_are_drawn_as_escapes(tmp_path):
    name = os.fsdecode(b"Zell\xfcl")
    results, sets = make_results(name, models=(name, "b"))
    write_report(results, sets, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= FILES


def test_a_lost_image_leaves_a_sentence(tmp_path):
    results, sets = make_results()
    write_report(results, [Gone(sets[0].name, sets[0].samples)], tmp_path)
    page = read_page(tmp_path)
    assert "cannot be read any more: first.png is missing" in page.text
    assert not any("image/jpeg" in link for link in page.loaded)
    write_report(results, [], tmp_path)
    assert "the set no longer has the image" in read_page(tmp_path).text


def test_every_object_is_shown_once(report):
    shown = [link for link in read_page(report).loaded if "image/jpeg" in link]
    assert len(shown) == len(make_results()[0].objects)


def test_a_thumbnail_shows_truth_prediction_and_clicks():
    sample = squares("first")
    found = result(sample, 1, set="s", model="m", view_scale=None)
    picture = draw_object(Plane(sample.image), sample.truth(1), replace(found, clicks=()))
    clicked = draw_object(Plane(sample.image), sample.truth(1), found)
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    for colour in (TRUTH, PREDICTED):
        near = np.abs(pixels - colour).max(axis=2) < 40
        assert near.sum() > 300
    marked = np.asarray(Image.open(io.BytesIO(clicked)).convert("RGB")).astype(int)
    marks = np.abs(marked - pixels).max(axis=2)
    assert (marks > 100).sum() > 50


def test_an_object_at_the_border_can_be_drawn():
    labels = np.zeros((40, 300), np.uint8)
    labels[0, :] = 1
    sample = Sample("thin", labels, labels, (1,))
    found = result(sample, 1, set="s", model="m", view_scale=None)
    empty = replace(found, mask=MaskCode(sample.shape, None, ""))
    with Image.open(io.BytesIO(draw_object(Plane(labels), sample.truth(1), empty))) as picture:
        assert max(picture.size) == 300


def test_no_result_is_no_report(tmp_path):
    results, sets = make_results()
    with pytest.raises(ValueError, match="evaluate at least one object"):
        write_report(replace(results, objects=()), sets, tmp_path)
