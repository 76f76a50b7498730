"""The published numbers and what the command says beside them."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from napari_iafpn.cli import main
from napari_iafpn.evaluation import PRESETS
from napari_iafpn.evaluation.provenance import options_of
from napari_iafpn.evaluation.published import published
from napari_iafpn.evaluation.published_page import published_page
from napari_iafpn.evaluation.published_run import beside_published, match_set

PAGE = Path(__file__).parents[2] / "docs" / "published.md"


@pytest.fixture
def write_run(tmp_path):
    """Write the results of a run, as ``evaluate`` does, and return the folder."""

    def write(sets, **options):
        numbers = {"NoC@80": 3.1, "NoC@85": 4.0, "NoC@90": 5.2, "NoF@90": 40, "SPC": 0.2}
        results = {
            "mine": {name: {"n": n, **numbers} for name, n in sets.items()},
            "about": {"options": {**options_of(PRESETS["paper"]), **options}},
        }
        (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
        return tmp_path

    return write


def value(method, backbone, training, set_name, metric):
    (entry,) = (
        entry
        for entry in published().entries
        if (entry.method, entry.backbone, entry.training) == (method, backbone, training)
        and (entry.set, entry.metric) == (set_name, metric)
    )
    return entry.value


def test_the_page_shows_the_file():
    assert PAGE.read_text(encoding="utf-8") == published_page(published())


def test_the_papers_main_numbers():
    assert value("IA-FPN", "ResNet-50", "SBD", "DAVIS", "NoC@90") == 5.83
    assert value("IA-FPN", "HRNet-18", "COCO+LVIS", "DAVIS", "NoC@85") == 4.03
    assert value("RITM", "HRNet-18", "COCO+LVIS", "VOC", "NoC@85") == 2.28


def test_every_entry_has_source_and_set():
    data = published()
    for entry in data.entries:
        assert set(entry.source.split(", ")) <= set(data.sources), entry
        assert not entry.set or entry.set in data.sets, entry
        assert entry.table in {table.number for table in data.tables}, entry
        assert entry.value > 0


def test_the_misprints_are_told():
    told = {table.number: table.misprint for table in published().tables if table.misprint}
    assert set(told) == {"1", "2", "6"}
    doubtful = {(e.set, e.metric) for e in published().entries if not e.certain}
    assert doubtful == {("GrabCut", "NoC@90"), ("Berkeley", "NoC@90"), ("", "parameters (M)")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DAVIS", "DAVIS"),
        ("davis16_val141", "DAVIS"),
        ("GrabCut-test", "GrabCut"),
        ("PascalVOC", "VOC"),
        ("VOC2012", "VOC"),
        ("COCO_MVal", "COCO_MVal"),
        ("coco_train340", None),
        ("my_vocabulary", None),
        ("bsds_regions200", None),
    ],
)
def test_folder_names_are_recognised(name, expected):
    assert match_set(name) == expected


def test_the_published_protocol_on_all_objects_is_comparable(write_run, capsys):
    assert main(["published", str(write_run({"DAVIS": 345, "cells": 9}))]) == 0
    output = capsys.readouterr().out
    assert "\ncomparable" in output
    assert "NOT comparable" not in output
    for number in ("5.20", "5.83", "6.74"):
        assert number in output
    assert "cells" not in output


def test_every_difference_from_the_published_protocol_is_told(write_run, capsys):
    run = write_run({"davis16_val141@view8": 141}, **asdict(PRESETS["plugin"]))
    assert main(["published", str(run)]) == 0
    output = capsys.readouterr().out
    assert "NOT comparable" in output
    assert "the preset is plugin" in output
    assert "threshold 0.5 (published: 0.49)" in output
    assert "a part of the image" in output
    assert "141 objects instead of 345" in output


def test_a_changed_option_of_the_right_preset_is_told(write_run):
    (beside,) = beside_published(write_run({"SBD": 6671}, user="jittered", max_clicks=10))
    (difference,) = beside.differences
    assert "max_clicks 10 (published: 20)" in difference
    assert "user jittered (published: centre)" in difference


def test_miou_of_runs_that_stop_is_not_the_published_one(write_run):
    (beside,) = beside_published(write_run({"ssTEM": 100}), ["PiClick"])
    assert any("target above 1" in difference for difference in beside.differences)


def test_a_method_can_be_chosen(write_run):
    run = write_run({"GrabCut": 50})
    (beside,) = beside_published(run, ["sam"])
    assert {entry.method for entry in beside.entries} == {"SAM"}
    (beside,) = beside_published(run, ["all"])
    assert len({entry.method for entry in beside.entries}) > 10


@pytest.mark.parametrize(
    ("sets", "arguments", "sentence"),
    [
        ({"GrabCut": 50}, ["--against", "abacus"], "nothing is published here for method 'abacus'"),
        ({"cells": 50}, [], "no set of the run (cells) is a published one"),
    ],
)
def test_what_is_not_published(write_run, capsys, sets, arguments, sentence):
    assert main(["published", str(write_run(sets)), *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no results.json"),
        ("{", "is no valid JSON"),
        ('{"a": 1}', "is no result of an evaluation"),
    ],
)
def test_folders_without_results(tmp_path, capsys, content, sentence):
    if content is not None:
        (tmp_path / "results.json").write_text(content, encoding="utf-8")
    assert main(["published", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err
