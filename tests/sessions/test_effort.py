"""What a session's objects cost, as the tables and the page of the report tell it."""

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_iafpn.cli.report import report_work
from napari_iafpn.sessions import StatsChange, Step
from napari_iafpn.sessions.blocks import SparseArray
from napari_iafpn.sessions.codec import step_to_json
from napari_iafpn.sessions.effort import effort_of, image_efforts
from napari_iafpn.sessions.lines import sealed
from napari_iafpn.sessions.reading import read_session


def square(start: int) -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[start : start + 8, start : start + 8] = True
    return mask


@pytest.fixture
def worked(sitting):
    """Two objects, the second one kept twice, and a third that was undone."""
    sitting.click(12, 12)
    sitting.commit(square(10), 1)
    sitting.click(32, 32)
    sitting.click(40, 40, positive=False)
    sitting.commit(square(30), 2)
    sitting.click(33, 33)
    sitting.commit(square(31), 2)
    sitting.click(50, 50)
    sitting.commit(square(50), 3)
    sitting.document.undo()
    sitting.writer.close()
    return sitting


def test_clicks_corrections_and_areas_are_those_of_the_objects_that_are_there(worked):
    objects = effort_of(read_session(worked.path))
    told = [(each.id, each.clicks, each.corrections, each.area) for each in objects]
    assert told == [(1, 1, 0, 64), (2, 3, 1, 79)]
    (image,) = image_efforts(objects)
    assert (image.image, image.objects, image.clicks, image.corrections) == ("cells", 2, 4, 1)
    assert image.clicks_per_object == 2.0


def test_images_of_one_name_are_told_apart(worked):
    one = effort_of(read_session(worked.path))
    other = [replace(each, path="w2/cells.tif") for each in one]
    images = image_efforts([*one, *other])
    assert [(each.path, each.objects) for each in images] == [("", 2), ("w2/cells.tif", 2)]


def test_areas_in_large_labels_are_counted_where_something_is(worked, monkeypatch):
    session = read_session(worked.path)
    large = SparseArray((500, 20000, 20000), np.int32)
    large[3:4, 10:18, 10:18] = 1
    large[7:8, 15000:15009, 19990:20000] = 1
    large[7:8, 30:38, 30:38] = 2
    monkeypatch.setattr(type(session), "labels_of", lambda *_: SimpleNamespace(data=large))
    assert [each.area for each in effort_of(session)] == [64 + 90, 64]


def test_a_session_that_lost_its_image_and_labels_gets_a_sentence(worked, tmp_path: Path, capsys):
    facts = worked.document.facts["labels", 1]
    change = StatsChange("labels", 1, facts, replace(facts, reviewed=True))
    step = Step("review", worked.plane, facts=(change,))
    lines = worked.path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"entry":"image"' not in line[:40]]
    kept = [line for line in kept if b'"entry":"labels"' not in line[:40]]
    review = sealed({"entry": "do", "kind": "review", **step_to_json(step)})
    worked.path.write_bytes(b"".join([*kept, review]))
    with pytest.raises(ValueError, match="hold no object that was kept"):
        report_work([worked.path], tmp_path / "report", overwrite=False)
    assert "nothing is known of its image and its labels" in capsys.readouterr().out


def test_the_report_has_two_tables_and_a_page(worked, tmp_path: Path, capsys):
    folder = tmp_path / "report"
    report_work([worked.path.parent], folder, overwrite=False)
    with open(folder / "objects.csv", encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["1", "2"]
    with open(folder / "images.csv", encoding="utf-8", newline="") as file:
        assert [row["clicks_per_object"] for row in csv.DictReader(file)] == ["2.0"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "cells, object 2: 3 clicks" in page
    assert "http" not in page
    assert "objects: 2, images: 1, found by themselves: 0; 2.0 clicks" in " ".join(
        capsys.readouterr().out.split()
    )
    with pytest.raises(ValueError, match=r"holds objects\.csv already"):
        report_work([worked.path], folder, overwrite=False)
    (folder / "objects.csv").unlink()
    with pytest.raises(ValueError, match=r"holds images\.csv already"):
        report_work([worked.path], folder, overwrite=False)
    assert not (folder / "objects.csv").exists()


def test_without_objects_there_is_nothing_to_report(sitting, tmp_path: Path):
    sitting.click(12, 12)
    sitting.writer.close()
    with pytest.raises(ValueError, match="no object that was kept"):
        report_work([sitting.path], tmp_path / "report", overwrite=False)
    with pytest.raises(ValueError, match="holds no session"):
        report_work([tmp_path], tmp_path / "report", overwrite=False)
