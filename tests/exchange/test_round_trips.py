"""What is written is read back: ids exactly, and what the format can say about them."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from napari_iafpn.exchange import FORMATS, READERS, WRITERS, LabelImage, read_labels, write_labels

BOTH = sorted(set(READERS) & set(WRITERS))
SCALED = [name for name in BOTH if name != "png"]
ANY_SHAPE = arrays(
    np.int64,
    st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple),
    elements=st.sampled_from([0, 0, 1, 3, 256, 65535]),
)


def back(labels: LabelImage, folder: Path, name: str) -> LabelImage:
    path = write_labels(labels, folder / f"file{FORMATS[name].suffixes[0]}")
    return read_labels(path)


def check_same(read: LabelImage, written: LabelImage) -> None:
    assert read.labels.dtype.kind in "iu"
    np.testing.assert_array_equal(read.labels, written.labels)
    assert read.axes == written.axes
    assert read.notes == ()


@pytest.mark.parametrize("name", BOTH)
@given(labels=ANY_SHAPE)
@settings(max_examples=25)
def test_ids_of_any_shape(name: str, labels: NDArray[np.int64]) -> None:
    with TemporaryDirectory() as folder:
        written = LabelImage(labels, "any")
        check_same(back(written, Path(folder), name), written)


@pytest.mark.parametrize("name", BOTH)
def test_a_plane_and_a_stack(
    name: str, tmp_path: Path, hard: LabelImage, stack: LabelImage
) -> None:
    for number, written in enumerate((hard, stack)):
        (folder := tmp_path / str(number)).mkdir()
        check_same(back(written, folder, name), written)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize(
    ("axes", "scale", "units"),
    [
        ("YX", (0.5, 0.1), ("micrometer", "micrometer")),
        ("ZYX", (2.0, 0.3, 0.3), ("nanometer",) * 3),
        ("TYX", (30.0, 0.3, 0.3), ("second", "micrometer", "micrometer")),
        ("TZYX", (0.5, 2.0, 0.3, 0.4), ("second", *["millimeter"] * 3)),
        ("ZYX", (1.0, 1.0, 1.0), ("pixel",) * 3),
        ("TYX", (1.0, 1.0, 1.0), ("pixel",) * 3),
    ],
)
def test_scale_and_units(
    name: str, tmp_path: Path, axes: str, scale: tuple[float, ...], units: tuple[str, ...]
) -> None:
    labels = np.arange(2 ** len(axes)).reshape((2,) * len(axes)) % 3
    read = back(LabelImage(labels, "scaled", scale, units, axes), tmp_path, name)
    assert read.axes == axes
    assert read.scale == pytest.approx(scale, rel=1e-6)
    assert read.units == units


@pytest.mark.parametrize("name", SCALED)
def test_classes_of_the_objects_that_are_there(name: str, tmp_path: Path, hard: LabelImage) -> None:
    assert back(hard, tmp_path, name).classes == hard.classes


@pytest.mark.parametrize("name", SCALED)
def test_objects_that_were_proposed(name: str, tmp_path: Path, hard: LabelImage) -> None:
    proposed = frozenset(np.unique(hard.labels)[-2:].tolist())
    assert back(replace(hard, proposed=proposed), tmp_path, name).proposed == proposed


@pytest.mark.parametrize("name", BOTH)
def test_names_of_any_letters(name: str, tmp_path: Path, stack: LabelImage) -> None:
    classes = {2: 'Zelle <ä & "ö">: β', 9: "細胞"}
    units = ("µfoo",) * 3
    written = replace(stack, name='a<b>/"µ"', classes=classes, units=units)
    read = back(written, tmp_path, name)
    check_same(read, written)
    if name != "png":
        assert read.classes == classes


@pytest.mark.parametrize("name", BOTH)
def test_no_objects(name: str, tmp_path: Path) -> None:
    written = LabelImage(np.zeros((3, 4, 5), np.int32), "empty")
    check_same(back(written, tmp_path, name), written)


@pytest.mark.parametrize("name", sorted(set(BOTH) - {"png"}))
def test_ids_above_16_bit(name: str, tmp_path: Path) -> None:
    labels = np.zeros((6, 7), np.int64)
    labels[1:3, 1:3], labels[4, 5] = 65536, 1_000_001
    written = LabelImage(labels, "large")
    check_same(back(written, tmp_path, name), written)


@pytest.mark.parametrize("name", ["npz", "ome.zarr", "json", "geojson", "zip"])
def test_ids_above_32_bit(name: str, tmp_path: Path) -> None:
    written = LabelImage(np.array([[0, 2**40]]), "huge")
    check_same(back(written, tmp_path, name), written)


@pytest.mark.parametrize(
    ("name", "largest", "sentence"),
    [
        ("png", 65535, "16-bit PNG holds up to 65535; choose ome.tif"),
        ("tif", 2**24, "ImageJ TIFF holds up to 16777216; choose ome.tif"),
        ("ome.tif", 2**32 - 1, "OME-TIFF holds up to 4294967295; choose npz"),
    ],
)
def test_ids_that_a_format_cannot_hold(
    name: str, largest: int, sentence: str, tmp_path: Path
) -> None:
    written = LabelImage(np.array([[0, 1], [2, largest]]), "large")
    check_same(back(written, tmp_path, name), written)
    older = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=sentence):
        back(replace(written, labels=written.labels + 1), tmp_path, name)
    assert sorted(tmp_path.rglob("*")) == older


def test_the_name_and_the_type_in_an_archive(tmp_path: Path, hard: LabelImage) -> None:
    read = back(hard, tmp_path, "npz")
    assert read.name == "hard"
    assert read.labels.dtype == np.uint16
