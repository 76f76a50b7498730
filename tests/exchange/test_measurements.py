"""The table of measurements: hand-computed objects."""

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.exchange import LabelImage, write_labels


def rows(labels: LabelImage, folder: Path) -> list[dict[str, str]]:
    with write_labels(labels, folder / "a.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_rectangle_in_physical_units(tmp_path: Path) -> None:
    ids = np.zeros((10, 12), np.int32)
    ids[2:4, 3:9] = 70000
    image = np.arange(120).reshape(10, 12)
    (row,) = rows(
        LabelImage(ids, "a", (0.5, 0.5), ("um", "um"), "", {70000: "rod"}, image), tmp_path
    )
    assert row["id"] == "70000"
    assert row["class"] == "rod"
    assert float(row["area_um2"]) == 12 * 0.25
    assert float(row["centroid_y_um"]) == 2.5 * 0.5
    assert float(row["centroid_x_um"]) == 5.5 * 0.5
    box = [row[f"bbox_{axis}_{end}_px"] for axis in "yx" for end in ("start", "stop")]
    assert box == ["2", "4", "3", "9"]
    assert float(row["perimeter_um"]) == 12 * 0.5  # through the centres of the border's pixels
    assert 0.9 < float(row["eccentricity"]) < 1
    assert float(row["major_axis_um"]) > float(row["minor_axis_um"])
    pixels = image[2:4, 3:9]
    found = [float(row[f"intensity_{kind}"]) for kind in ("mean", "min", "max")]
    assert found == [pixels.mean(), pixels.min(), pixels.max()]


def test_columns_of_every_kind_of_labels(tmp_path: Path) -> None:
    flat = rows(LabelImage(np.eye(4, dtype=int), scale=(0.5, 0.1), units=("um", "um")), tmp_path)
    assert "perimeter_um" not in flat[0]  # pixels are no squares
    assert float(flat[0]["area_um2"]) == pytest.approx(4 * 0.05)
    plain = rows(LabelImage(np.eye(4, dtype=int)), tmp_path)
    assert {"area_px2", "centroid_x_px", "perimeter_px"} <= set(plain[0])
    ids = np.zeros((3, 4, 5), int)
    ids[1:, 2, 2:4], ids[0, 0, 0] = 3, 9
    units = ("um",) * 3
    volume, single = rows(LabelImage(ids, scale=(2, 0.5, 0.5), units=units), tmp_path)
    assert float(volume["volume_um3"]) == 4 * 0.5
    assert float(volume["centroid_z_um"]) == 3
    assert "eccentricity" not in volume
    assert float(single["volume_um3"]) == 0.5


def test_frames_and_channels(tmp_path: Path) -> None:
    ids = np.zeros((3, 4, 5), int)
    ids[0, 0, 0] = ids[2, 1, 1] = 4
    image = np.stack([ids * 10, ids * 20], axis=-1)
    table = rows(LabelImage(ids, axes="TYX", image=image), tmp_path)
    assert [row["frame"] for row in table] == ["0", "2"]
    assert [row["centroid_y_px"] for row in table] == ["0.0", "1.0"]
    assert [(row["intensity_mean_0"], row["intensity_max_1"]) for row in table] == [
        ("40.0", "80.0")
    ] * 2


def test_no_objects_and_only_an_object(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    path = write_labels(LabelImage(np.zeros((3, 4), int)), empty / "a.csv")
    assert path.read_text().startswith("id,class,area_px2,centroid_y_px")
    assert path.read_text().count("\n") == 1
    (row,) = rows(LabelImage(np.full((3, 4), 5)), tmp_path)
    assert float(row["area_px2"]) == 12


def test_agrees_with_counting(tmp_path: Path, hard: LabelImage) -> None:
    table = rows(hard, tmp_path)
    assert [int(row["id"]) for row in table] == [2, 7, 9, 40, 41, 300, 500]
    for row in table:
        count = np.count_nonzero(hard.labels == int(row["id"]))
        assert float(row["area_um2"]) == pytest.approx(count * 0.125)


def test_a_column_tells_what_was_found(tmp_path: Path) -> None:
    labels = LabelImage(np.array([[1, 1, 0, 5]]), "a", proposed=frozenset({5}))
    found = [(row["id"], row["found"]) for row in rows(labels, tmp_path)]
    assert found == [("1", "0"), ("5", "1")]
