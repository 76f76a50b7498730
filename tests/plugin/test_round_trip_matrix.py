"""Axes, ids, pixels, scale, translation and units through every format and every way to read it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from PIL import Image

from napari_iafpn.cli import main
from napari_iafpn.evaluation.readers.formats import open_set
from napari_iafpn.evaluation.readers.sample import Sample
from napari_iafpn.exchange import FORMATS, READERS, WRITERS, LabelImage, read_labels, write_labels
from napari_iafpn.exchange.session import labels_of
from napari_iafpn.plugin import writers
from napari_iafpn.plugin.layers import fits
from napari_iafpn.plugin.readers import read_layers
from napari_iafpn.sessions.provenance import LabelsProvenance
from napari_iafpn.sessions.reading import Session

AXES = ["YX", "ZYX", "TYX", "CYX", "TZYX", "ZTYX"]
BOTH = sorted(set(READERS) & set(WRITERS))
SIZE = {"T": 3, "C": 2, "Z": 4, "Y": 12, "X": 15}
SCALE = {"T": 2.0, "C": 1.0, "Z": 1.5, "Y": 0.5, "X": 0.25}
UNIT = {"T": "second", "C": "pixel"}
START = {"T": 10.0, "C": 0.0, "Z": -4.5, "Y": 1000.0, "X": -300.5}


def made(axes: str) -> LabelImage:
    """An object per plane, with an id and a place of its own, up to the largest of 16 bit."""
    ids = np.zeros([SIZE[axis] for axis in axes], np.uint16)
    for number, index in enumerate(np.ndindex(ids.shape[:-2])):
        ids[index][number % 9 : number % 9 + 3, 1 : 4 + number % 9] = 65535 - number
    return LabelImage(
        ids,
        "cells",
        tuple(SCALE[axis] for axis in axes),
        tuple(UNIT.get(axis, "micrometer") for axis in axes),
        axes,
        {65535: "nucleus"},
        translate=tuple(START[axis] for axis in axes),
    )


def layer_of(labels: LabelImage, **more: Any) -> Labels:
    return Labels(
        labels.labels,
        name=labels.name,
        **{
            "scale": labels.scale,
            "units": labels.units,
            "translate": labels.translate,
            "axis_labels": tuple(labels.axes.lower()),
        }
        | more,
    )


def save(layer: Labels, name: str, path: Path) -> str:
    data, attributes, _ = layer.as_layer_data_tuple()
    return getattr(writers, f"write_{name.replace('.', '_')}")(str(path), data, attributes)[0]


def check_same(found: LabelImage, expected: LabelImage) -> None:
    assert (found.axes, found.stated) == (expected.axes, expected.stated)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.scale == pytest.approx(expected.scale)
    assert found.translate == pytest.approx(expected.translate)
    assert found.units == expected.units


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("name", BOTH)
def test_read_by_the_command_line(name: str, axes: str, tmp_path: Path) -> None:
    written = made(axes)
    place = write_labels(written, tmp_path / f"cells{FORMATS[name].suffixes[0]}")
    assert main(["export", str(place), "--output", str(tmp_path / "again.npz")]) == 0
    read = read_labels(tmp_path / "again.npz")
    check_same(read, written)
    assert read.classes == written.classes


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("name", BOTH)
def test_opened_in_napari(name: str, axes: str, tmp_path: Path) -> None:
    before = layer_of(made(axes))
    ((data, attributes, kind),) = read_layers(save(before, name, tmp_path / "cells"))
    after = Labels(data, **attributes)
    assert kind == "labels"
    np.testing.assert_array_equal(after.data, before.data)
    assert after.axis_labels == before.axis_labels
    assert after.units == before.units
    np.testing.assert_allclose(after.scale, before.scale)
    np.testing.assert_allclose(after.translate, before.translate)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("name", BOTH)
def test_a_guess_never_becomes_a_statement(name: str, axes: str, tmp_path: Path) -> None:
    before = Labels(made(axes).labels, name="cells")
    ((data, attributes, _),) = read_layers(save(before, name, tmp_path / "cells"))
    np.testing.assert_array_equal(data, before.data)
    assert "axis_labels" not in attributes


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("name", BOTH)
def test_read_by_finetune_or_refused(name: str, axes: str, tmp_path: Path) -> None:
    """Training reads planes: each object is whole, or one sentence says why a file is not read."""
    written = made(axes)
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    if name == "json":  # lists an image per plane
        spec, place = f"coco:{tmp_path / 'cells.json'}", tmp_path / "cells.json"
        for index, plane in written.planes():
            picture = Image.fromarray((plane > 0).astype(np.uint8))
            picture.save(tmp_path / "images" / f"{written.plane_name(index)}.png")
    else:
        spec, place = str(tmp_path), tmp_path / "labels" / f"cells{FORMATS[name].suffixes[0]}"
        np.save(tmp_path / "images" / "cells.npy", (written.labels > 0).astype(np.uint8))
    write_labels(written, place)
    found, refusal = samples_of(spec)
    if refusal:
        assert name != "json"
        assert len(axes) > 2 or name in ("npz", "zip", "geojson")
        assert "; " in refusal  # what it expects
        return
    areas = [sample.truth(label).sum() for sample in found for label in sample.objects]
    assert sorted(areas) == sorted(np.unique(written.labels, return_counts=True)[1][1:])
    if axes == "YX":
        # The largest value of 16 bits alone is a mask, where nothing says that it is an id.
        np.testing.assert_array_equal(found[0].instances > 0, written.labels > 0)
    if name == "json":
        planes = {written.plane_name(index): plane > 0 for index, plane in written.planes()}
        for sample in found:
            np.testing.assert_array_equal(sample.instances > 0, planes[sample.name])


def samples_of(spec: str) -> tuple[list[Sample], str]:
    """Return what training reads, or why it reads nothing."""
    try:
        opened = open_set(spec)
        return [opened.read(index) for index in range(len(opened))], ""
    except ValueError as error:
        return [], str(error)


@pytest.mark.parametrize("axes", AXES)
def test_measured(axes: str, tmp_path: Path) -> None:
    written = made(axes)
    with write_labels(written, tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    apart = {"T": "frame", "C": "channel"}
    columns = [apart[axis] for axis in axes if axis in apart]
    assert list(rows[0])[2 : 2 + len(columns)] == columns
    for row in rows:
        places = np.argwhere(written.labels == int(row["id"]))
        centre = dict(
            zip(axes, places.mean(axis=0) * written.scale + written.translate, strict=True)
        )
        for axis in axes:
            if axis in apart:
                assert int(row[apart[axis]]) == places[0][axes.index(axis)]
            else:
                assert float(row[f"centroid_{axis.lower()}_um"]) == pytest.approx(centre[axis])


@pytest.mark.parametrize("label", [65536, 2**24, 2**31, 2**32 + 1, 2**63 + 1])
@pytest.mark.parametrize("name", BOTH)
def test_large_ids_come_back_or_are_refused(name: str, label: int, tmp_path: Path) -> None:
    largest = {"png": 2**16 - 1, "tif": 2**24, "ome.tif": 2**32 - 1}.get(name, 2**64 - 1)
    ids = np.zeros((2, 5, 6), np.uint64)
    ids[0, 1:3, 1:4], ids[1, 2:4, 2:5] = label, 7
    before = LabelImage(ids, "cells", axes="TYX", translate=(0, 5, 6))
    if label > largest:
        with pytest.raises(ValueError, match=f"holds up to {largest}; choose"):
            write_labels(before, tmp_path / f"a{FORMATS[name].suffixes[0]}")
        return
    check_same(
        read_labels(write_labels(before, tmp_path / f"a{FORMATS[name].suffixes[0]}")), before
    )


@pytest.mark.parametrize(
    ("words", "units", "axes"),
    [
        (("time", "row", "col"), None, "TYX"),
        (("Frame", "Y", "X"), None, "TYX"),
        (("plane", "-2", "-1"), None, "ZYX"),
        (("channel", "y", "x"), None, "CYX"),
        (("-3", "-2", "-1"), ("second", "micrometer", "micrometer"), "TYX"),
        (("-4", "t", "y", "x"), None, "ZTYX"),
        (("slice", "timepoint", "height", "width"), None, "ZTYX"),
        (("y", "x", "t"), None, "YXT"),
        (("-3", "-2", "-1"), None, ""),
        (("position", "y", "x"), None, ""),
    ],
)
def test_words_for_axes(words: tuple[str, ...], units: Any, axes: str, tmp_path: Path) -> None:
    shape = (3, 4, 5, 6)[: len(words)]
    ids = np.arange(np.prod(shape)).reshape(shape)
    layer = Labels(ids, axis_labels=words, units=units)
    read = read_labels(Path(save(layer, "npz", tmp_path / "a.npz")))
    assert (read.axes if read.stated else "") == (axes if axes != "YXT" else "TYX")
    moved = np.moveaxis(ids, 2, 0) if axes == "YXT" else ids
    np.testing.assert_array_equal(read.labels, moved)


def test_what_no_file_holds_is_told() -> None:
    def notes(**more: Any) -> str:
        data, attributes, _ = layer_of(made("TYX"), **more).as_layer_data_tuple()
        return " ".join(writers.label_image(data, attributes).notes)

    assert notes() == ""
    assert "rotation and shear of 'cells' are not saved" in notes(rotate=30)
    assert "rotation and shear of 'cells' are not saved" in notes(rotate=30, scale=[1e-10] * 3)
    assert "mirrored" in notes(scale=(2, -0.5, 0.5))
    assert "position of 'cells' have names that no file" in notes(
        axis_labels=("position", "y", "x")
    )


def test_an_affine_that_scales_and_moves_is_saved(tmp_path: Path) -> None:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = 0, 100, 200
    before = layer_of(made("TYX"), affine=affine)
    ((data, attributes, _),) = read_layers(save(before, "npz", tmp_path / "a.npz"))
    after = Labels(data, **attributes)
    for corner in ([0, 0, 0], [2, 11, 14]):
        np.testing.assert_allclose(after.data_to_world(corner), before.data_to_world(corner))


def test_units_that_napari_does_not_have(tmp_path: Path) -> None:
    path = write_labels(replace(made("YX"), units=("furlong_", "1+")), tmp_path / "a.npz")
    ((data, attributes, _),) = read_layers(str(path))
    assert [str(unit) for unit in Labels(data, **attributes).units] == ["pixel", "pixel"]


def test_outlines_opened_over_a_movie_of_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = [[1, 1], [4, 1], [4, 4], [1, 4], [1, 1]]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring], "plane": {"t": t, "z": 0}},
        }
        for t in (0, 2)
    ]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(features))
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    place = {"scale": (2, 1, 0.5, 0.5), "translate": (0, 0, 5, 6), "rotate": 20}
    image = viewer.add_image(
        np.zeros((3, 2, 8, 9)), axis_labels=("time", "channel", "row", "col"), **place
    )
    ((data, attributes, _),) = read_layers(str(path))
    labels = Labels(data, **attributes)
    assert fits(labels, image)
    assert labels.axis_labels == image.axis_labels
    assert [[int((plane > 0).sum()) for plane in frame] for frame in data] == [
        [9, 9],
        [0, 0],
        [9, 9],
    ]


def test_a_session_keeps_the_place_of_its_labels() -> None:
    written = made("TYX")
    layer = layer_of(written)
    place = writers.place_of_layer(layer).holder()
    session = Session(Path("a.jsonl"))
    about = LabelsProvenance.of("id", "cells", "image", layer.data, place)
    session.take_head({"entry": "labels", **json.loads(json.dumps(vars(about)))})
    check_same(labels_of(session, "id"), written)
    without = {key: value for key, value in vars(about).items() if key != "place"}
    session.take_head({"entry": "labels", **without})  # as older versions wrote it
    assert not labels_of(session, "id").stated
