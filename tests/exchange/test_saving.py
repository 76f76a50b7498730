"""Results are whole or absent, and what cannot be written gets a sentence."""

import errno
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_iafpn.exchange import (
    FORMATS,
    WRITERS,
    LabelImage,
    format_of,
    read_labels,
    write_labels,
)


@pytest.mark.parametrize("name", sorted(WRITERS))
@pytest.mark.parametrize("flat", [True, False], ids=["plane", "stack"])
def test_a_full_disk_loses_nothing(
    name: str,
    flat: bool,
    tmp_path: Path,
    hard: LabelImage,
    stack: LabelImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = hard if flat else stack
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    place = write_labels(labels, path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    replace = os.replace

    def full(source: Any, target: Any = None) -> None:
        if target is not None and Path(target) != place:
            return replace(source, target)  # of an older folder, which makes room
        if Path(source).name.startswith("."):
            monkeypatch.setattr(os, "replace", replace)  # the older folder comes back
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match=r"No space left on device.*; nothing was saved"):
        write_labels(labels, path)
    after = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert after == before


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_folder_that_is_not_there(name: str, tmp_path: Path, hard: LabelImage) -> None:
    path = tmp_path / "absent" / f"a{FORMATS[name].suffixes[0]}"
    with pytest.raises(ValueError, match=r"cannot write .*; nothing was saved"):
        write_labels(hard, path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_an_older_result_is_replaced(name: str, tmp_path: Path, stack: LabelImage) -> None:
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    write_labels(LabelImage(np.ones((4, 5, 6), int), "older"), path)
    older = sorted(tmp_path.iterdir())
    place = write_labels(stack, path)
    assert sorted(tmp_path.iterdir()) == older == [place]
    if name != "csv":
        np.testing.assert_array_equal(read_labels(place).labels, stack.labels)


def test_other_files_are_never_replaced(
    tmp_path: Path, hard: LabelImage, stack: LabelImage
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.png").write_bytes(b"mine")
    with pytest.raises(ValueError, match="holds other files, which are not replaced"):
        write_labels(stack, tmp_path / "photos.png")
    with pytest.raises(ValueError, match="holds other files, which are not replaced"):
        write_labels(stack, folder, "ome.zarr")
    with pytest.raises(ValueError, match="is a folder; give the name of a file"):
        write_labels(hard, folder, "npz")
    (tmp_path / "a").write_bytes(b"mine")
    with pytest.raises(ValueError, match="is a file, and the result is a folder"):
        write_labels(stack, tmp_path / "a.png")
    assert (folder / "holiday.png").read_bytes() == (tmp_path / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("what", ["image", "plate", "more", "damaged"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_that_holds_more_than_labels_is_never_replaced(
    what: str, version: int, tmp_path: Path, hard: LabelImage
) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    group.create_array("0", data=np.full((12, 15), 7))
    said: dict[str, Any] = {"multiscales": [{"datasets": [{"path": "0"}]}], "image-label": {}}
    if what == "more":
        group.create_group("labels")
    said = {"plate": {"wells": []}} if what == "plate" else said
    said.pop("image-label" if what == "image" else "", None)
    group.attrs.update(said if version == 2 else {"ome": said})
    if what == "damaged":
        (tmp_path / "a.zarr" / (".zattrs" if version == 2 else "zarr.json")).write_text("{")
    with pytest.raises(ValueError, match=r"which are not replaced|cannot be read as"):
        write_labels(hard, tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr/0").is_dir()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("package", "name"), [("zarr", "ome.zarr"), ("roifile", "zip")], ids=["zarr", "roifile"]
)
def test_a_missing_package(
    package: str, name: str, tmp_path: Path, hard: LabelImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_labels(hard, tmp_path / f"a{FORMATS[name].suffixes[0]}")
    monkeypatch.setitem(sys.modules, package, None)
    sentence = f"need {package}, which is not installed; run: pip install 'napari-iafpn"
    with pytest.raises(ValueError, match=sentence.replace("[", r"\[")):
        write_labels(hard, path)
    with pytest.raises(ValueError, match=sentence):
        read_labels(path)


@pytest.mark.parametrize("name", sorted(WRITERS))
@pytest.mark.parametrize("text", ["caf\udce9", "a\x0bb", "\ufffe"])
def test_a_name_that_is_no_text(name: str, text: str, tmp_path: Path, hard: LabelImage) -> None:
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    write_labels(LabelImage(hard.labels, text), path)
    if name != "csv":
        np.testing.assert_array_equal(read_labels(path).labels, hard.labels)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.tif", "tif"), ("a.OME.TIFF", "ome.tif"), ("a.zarr", "ome.zarr"), ("b.x.json", "json")],
)
def test_a_name_tells_the_format(name: str, expected: str) -> None:
    assert format_of(Path(name)) == expected


def test_formats_that_are_not_there(tmp_path: Path, hard: LabelImage) -> None:
    with pytest.raises(ValueError, match=r"not known; end its name in \.tif or"):
        write_labels(hard, tmp_path / "a.doc")
    with pytest.raises(ValueError, match="'npy' cannot be written; choose one of tif,"):
        write_labels(hard, tmp_path / "a.npy")
    (tmp_path / "a.csv").write_text("id\n")
    with pytest.raises(ValueError, match="'csv' cannot be read; choose one of"):
        read_labels(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"labels": np.full((3, 4), 0.5)}, "of type float64 and hold numbers that are not whole"),
        ({"labels": np.full((3, 4), -2)}, "the negative id -2"),
        ({"labels": np.zeros(3, int)}, "give pixels along YX, ZYX, TYX or TZYX"),
        ({"labels": np.zeros((0, 3), int)}, "give pixels along"),
        ({"axes": "CYX"}, "give pixels along"),
        ({"scale": (1, 1, 1)}, "2 axes, 3 scales and 2 units"),
        ({"scale": (0, 1)}, "give numbers above 0"),
        ({"scale": (float("nan"), 1)}, "give numbers above 0"),
        ({"image": np.zeros((4, 3))}, "give an image of the size of the labels"),
    ],
)
def test_parts_that_do_not_fit(parts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LabelImage(**{"labels": np.zeros((3, 4), int), **parts})
