"""File > Save Selected Layers: a Labels layer through napari's own saving."""

from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from npe2 import PluginManager, PluginManifest
from packaging.version import Version

import napari_iafpn
from napari_iafpn.exchange import WRITERS, read_labels
from napari_iafpn.plugin.writers import NotSavedError, label_image, said_of_objects

FILE = Path(napari_iafpn.__file__).parent / "napari.yaml"
SUFFIXES = {
    writer.command.split(".write_")[1].replace("_", "."): writer.filename_extensions
    for writer in PluginManifest.from_file(FILE).contributions.writers or []
}
IDS = np.zeros((2, 8, 9), np.int64)
IDS[0, 1:4, 1:4], IDS[1, 5, 2:7] = 3, 300


def layer(**more: Any) -> Labels:
    attributes: dict[str, Any] = {
        "name": "cells",
        "scale": (2, 0.5, 0.5),
        "units": ("um", "um", "um"),
        "metadata": {"classes": {3: "nucleus"}},
    }
    return Labels(IDS, **attributes | more)


@pytest.fixture(autouse=True)
def manifests() -> None:
    PluginManager.instance().discover()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The warnings that the user sees."""
    sentences: list[str] = []
    monkeypatch.setattr("napari_iafpn.plugin.writers.show_warning", sentences.append)
    return sentences


def test_every_writer_is_in_the_menu() -> None:
    assert set(SUFFIXES) == set(WRITERS)


@pytest.mark.parametrize(
    "suffix", [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]
)
def test_saving_a_layer(suffix: str, tmp_path: Path) -> None:
    (written,) = layer().save(str(tmp_path / f"a{suffix}"), plugin="napari-iafpn")
    assert [tmp_path / written] == list(tmp_path.iterdir())
    if suffix == ".csv":
        first = pd.read_csv(written).iloc[0]
        assert first["class"] == "nucleus"
        assert first["volume_um3"] == 9 * 0.5
        return
    read = read_labels(Path(written))
    np.testing.assert_array_equal(read.labels, IDS)
    if suffix != ".png":
        assert read.scale == (2, 0.5, 0.5)
        assert read.units == ("micrometer",) * 3
        assert read.classes == {3: "nucleus"}


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".ome.zarr", ".npz"])
@pytest.mark.parametrize("names", [(), ("t", "z", "c", "y", "x"), ("z", "t", "c", "y", "x")])
def test_labels_of_five_axes(suffix: str, names: tuple[str, ...], tmp_path: Path) -> None:
    ids = np.zeros((2, 3, 4, 20, 30), np.int32)
    ids[1, 2, 3, 4:8, 5:9] = 7
    labels = Labels(ids, axis_labels=names or None)
    (written,) = labels.save(str(tmp_path / f"a{suffix}"), plugin="napari-iafpn")
    np.testing.assert_array_equal(read_labels(Path(written)).labels, ids)


def test_saving_the_selected_layer_of_a_viewer(tmp_path: Path) -> None:
    viewer = ViewerModel()
    viewer.layers.append(layer())
    path = tmp_path / "a.geojson"
    assert viewer.layers.save(str(path), selected=True, plugin="napari-iafpn") == [str(path)]
    # without naming a plugin: what only this one writes
    assert viewer.layers.save(str(tmp_path / "b.ome.zarr")) == [str(tmp_path / "b.ome.zarr")]


@pytest.mark.skipif(
    Version(napari.__version__) < Version("0.8"), reason="before, napari gave way to plugins"
)
def test_formats_of_napari_stay_those_of_napari(tmp_path: Path) -> None:
    for suffix in (".tif", ".npz", ""):
        writer, _ = PluginManager.instance().get_writer(str(tmp_path / f"a{suffix}"), ["labels"])
        assert writer is not None
        assert writer.command.startswith("napari.")


def test_a_sentence_reaches_the_user(tmp_path: Path) -> None:
    too_large = Labels(np.array([[0, 70000]]))
    with pytest.raises(NotSavedError, match="16-bit PNG holds up to 65535"):
        too_large.save(str(tmp_path / "a.png"), plugin="napari-iafpn")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, {}),
        ({"metadata": {"classes": {"4": "a"}}}, {4: "a"}),
        ({"features": pd.DataFrame({"class": ["", "a", None, "b"]})}, {1: "a", 3: "b"}),
        ({"features": pd.DataFrame({"index": [0, 70], "category": ["x", "y"]})}, {70: "y"}),
        ({"features": pd.DataFrame({"area": [1, 2]})}, {}),
        ({"features": pd.DataFrame({"index": [3.0, np.nan], "class": ["a", "b"]})}, {3: "a"}),
        (
            {"metadata": {"classes": {"nucleus": 1, 2.5: "b", True: "c", np.int64(7): "a"}}},
            {7: "a"},
        ),
    ],
)
def test_classes_of_a_layer(attributes: dict[str, Any], expected: dict[int, str]) -> None:
    assert said_of_objects(attributes)[0] == expected


@pytest.mark.parametrize("suffix", [".tif", ".npz", ".json", ".csv"])
@pytest.mark.parametrize(
    "found", [True, 7, "yes", {"n": 1}, np.ones((2, 3)), [[1]], [-1, 10**9, 3]]
)
def test_what_other_programs_say_of_a_layer_keeps_no_pixels_from_being_saved(
    suffix: str, found: Any, tmp_path: Path, told: list[str]
) -> None:
    small = IDS.astype(np.uint16)
    labels = Labels(small, name="cells", metadata={"found": found, "classes": {"rod": 1, 3: "a"}})
    (written,) = labels.save(str(tmp_path / f"a{suffix}"), plugin="napari-iafpn")
    assert told == [
        "the classes of rod in 'cells' are not saved; the id of an object is a whole number"
    ]
    if suffix != ".csv":
        np.testing.assert_array_equal(read_labels(Path(written)).labels, IDS)
        assert read_labels(Path(written)).classes == {3: "a"}


def test_a_row_of_features_without_an_id_keeps_no_pixels_from_being_saved(
    tmp_path: Path, told: list[str]
) -> None:
    features = pd.DataFrame({"label": [3, np.nan], "class": ["a", "b"]})
    labels = Labels(IDS, name="cells", features=features)
    (written,) = labels.save(str(tmp_path / "a.npz"), plugin="napari-iafpn")
    np.testing.assert_array_equal(read_labels(Path(written)).labels, IDS)
    assert "the classes of nan in 'cells' are not saved" in told[0]


def test_layers_of_other_kinds() -> None:
    time = layer(axis_labels=("time", "y", "x")).as_layer_data_tuple()
    assert label_image(*time[:2]).axes == "TYX"
    flipped = layer(scale=(1, -0.5, 0.5)).as_layer_data_tuple()
    assert label_image(*flipped[:2]).scale == (1, 0.5, 0.5)
    pyramid = Labels([IDS, IDS[:, ::2, ::2]], multiscale=True).as_layer_data_tuple()
    np.testing.assert_array_equal(label_image(*pyramid[:2]).labels, IDS)
