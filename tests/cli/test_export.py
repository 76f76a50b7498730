"""What `napari-iafpn export` writes, and what it says when it cannot."""

import csv
import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_iafpn.cli import main
from napari_iafpn.cli.export import parse_scale
from napari_iafpn.exchange import FORMATS, WRITERS, LabelImage, read_labels, write_labels


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    ids = np.zeros((3, 20, 30), np.uint16)
    ids[0, 2:8, 3:9], ids[1:, 10:15, 10:20] = 5, 700
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, ids, photometric="minisblack")
    return path


def export(labels: Path, output: Path, *more: str) -> int:
    return main(["export", str(labels), "--output", str(output), *more])


def refused(capsys: pytest.CaptureFixture[str], code: int) -> str:
    """Check that a command ended with code 2 and one sentence; return the sentence."""
    output = capsys.readouterr()
    assert code == 2
    assert output.out == ""
    assert output.err.startswith("napari-iafpn: ")
    assert output.err.count("\n") == 1
    return output.err


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_every_format(
    name: str, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder := tmp_path / "out").mkdir()
    assert export(labels, folder / f"result{FORMATS[name].suffixes[0]}") == 0
    (result,) = folder.iterdir()
    assert capsys.readouterr().out == f"{name}: {result} (2 objects)\n"
    if name != "csv":
        np.testing.assert_array_equal(read_labels(result).labels, tifffile.imread(labels))


def test_the_format_may_differ_from_the_name(tmp_path: Path, labels: Path) -> None:
    assert export(labels, tmp_path / "result.txt", "--format", "geojson") == 0
    assert (tmp_path / "result.txt").read_text().startswith('{"type": "FeatureCollection"')


def test_scale_and_unit(tmp_path: Path, labels: Path) -> None:
    output = tmp_path / "a.ome.tif"
    assert export(labels, output, "--scale", "0.5, 0.1,0.2", "--unit", "um") == 0
    read = read_labels(output)
    assert read.scale == (0.5, 0.1, 0.2)
    assert read.units == ("micrometer",) * 3


def test_a_scale_without_time_keeps_that_of_time(tmp_path: Path) -> None:
    series = LabelImage(np.ones((2, 4, 5), int), "a", (30, 1, 1), ("s", "px", "px"), "TYX")
    path = write_labels(series, tmp_path / "a.npz")
    more = ["--scale", "0.5,0.5", "--unit", "micrometer"]
    assert export(path, tmp_path / "b.npz", *more) == 0
    read = read_labels(tmp_path / "b.npz")
    assert read.scale == (30, 0.5, 0.5)
    assert read.units == ("second", "micrometer", "micrometer")


def test_intensities_of_the_image(tmp_path: Path, labels: Path) -> None:
    image = tmp_path / "image.npy"
    np.save(image, tifffile.imread(labels) * 2.0)
    assert export(labels, tmp_path / "a.csv", "--image", str(image)) == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [float(row["intensity_mean"]) for row in csv.DictReader(file)] == [10, 1400]


def test_the_image_tells_the_size_of_outlines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = [[2, 1], [6, 1], [6, 3], [2, 3], [2, 1]]
    geometry = f'{{"type": "Polygon", "coordinates": [{ring}]}}'
    outlines = tmp_path / "outlines.geojson"
    outlines.write_text(f'[{{"type": "Feature", "geometry": {geometry}}}]')
    assert "give the image" in refused(capsys, export(outlines, tmp_path / "a.tif"))
    image = tmp_path / "image.png"
    Image.fromarray(np.zeros((9, 8, 3), np.uint8)).save(image)
    assert export(outlines, tmp_path / "a.tif", "--image", str(image)) == 0
    ids = tifffile.imread(tmp_path / "a.tif")
    assert ids.shape == (9, 8)
    assert ids[1:3, 2:6].all()
    assert ids.sum() == 8


def test_what_reading_did_not_keep_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(LabelImage(np.zeros((4, 5), int)), tmp_path / "empty.tif")
    assert export(tmp_path / "empty.tif", tmp_path / "a.json") == 0
    assert "note: the labels hold no object" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.npz", "a.ome.zarr", "a.png"])
def test_an_older_result(
    name: str, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(labels, tmp_path / name) == 0
    capsys.readouterr()
    assert "exists already; give another name or add --overwrite" in refused(
        capsys, export(labels, tmp_path / name)
    )
    assert export(labels, tmp_path / name, "--overwrite") == 0


def test_the_source_is_never_replaced(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = labels.read_bytes()
    assert "is read from" in refused(capsys, export(labels, labels, "--overwrite"))
    assert labels.read_bytes() == before
    folder = write_labels(read_labels(labels), tmp_path / "a.ome.zarr")
    for source in (folder, folder / "0"):
        assert "is read from" in refused(capsys, export(source, folder, "--overwrite"))


def test_an_image_is_no_older_result(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = zarr.open_group(tmp_path / "a.ome.zarr", mode="w", zarr_format=2)
    image.create_array("0", data=np.full((3, 20, 30), 7))
    image.attrs["multiscales"] = [{"version": "0.4", "datasets": [{"path": "0"}]}]
    code = export(labels, tmp_path / "a.ome.zarr", "--overwrite")
    assert "holds other files, which are not replaced" in refused(capsys, code)
    assert (np.asarray(image["0"]) == 7).all()


def test_what_cannot_be_done(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "a.npz"
    for arguments, sentence in (
        ((tmp_path / "absent.tif", output), "there is no file at"),
        ((labels, tmp_path / "a.doc"), "is not known; end its name in"),
        ((labels, output, "--format", "doc"), "'doc' cannot be written; choose one of"),
        ((labels, output, "--scale", "1;2"), "write a number for each axis"),
        ((labels, output, "--scale", "1,2"), "3 axes, 2 scales"),
        ((labels, output, "--scale", "1,2,0"), "give numbers above 0"),
        ((labels, output, "--image", str(tmp_path / "absent.png")), "there is no file at"),
        ((labels, tmp_path / "absent" / "a.npz"), "does not exist; create it first"),
    ):
        assert sentence in refused(capsys, export(*arguments))
    assert [path.name for path in tmp_path.iterdir()] == ["cells.tif"]


def test_a_full_disk_loses_nothing(
    tmp_path: Path,
    labels: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    output = tmp_path / "a.npz"
    output.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    code = export(labels, output, "--overwrite")
    assert "No space left on device" in refused(capsys, code)
    assert output.read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"cells.tif", "a.npz"}


def test_a_scale_is_understood() -> None:
    assert parse_scale("0.5, 1e-1,2") == (0.5, 0.1, 2)
