"""File > Open: labels of other programs through napari's own opening."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager

from napari_iafpn.exchange import LabelImage, write_labels
from napari_iafpn.plugin.readers import reader_of

IDS = np.zeros((2, 8, 9), np.int64)
IDS[0, 1:4, 1:4], IDS[1, 5, 2:7] = 3, 300


@pytest.fixture(autouse=True)
def manifests() -> None:
    PluginManager.instance().discover()


@pytest.mark.parametrize("suffix", [".json", ".zip", ".geojson", ".npz"])
def test_what_was_saved_is_opened(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cells{suffix}"
    about = {"scale": (2.0, 0.5, 0.5), "units": ("micrometer",) * 3, "classes": {3: "nucleus"}}
    write_labels(LabelImage(IDS, "cells", **about), path)
    (layer,) = ViewerModel().open(str(path), plugin="napari-iafpn")
    np.testing.assert_array_equal(layer.data, IDS)
    assert layer.name == "cells"
    assert tuple(layer.scale) == (2.0, 0.5, 0.5)
    assert layer.metadata["classes"] == {3: "nucleus"}


def test_outlines_without_a_size_are_drawn_in_that_of_the_open_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    square = [[[1, 1], [4, 1], [4, 4], [1, 4], [1, 1]]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": square}}
    path = tmp_path / "qupath.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    with pytest.raises(ValueError, match="does not say how large its image is"):
        viewer.open(str(path), plugin="napari-iafpn")
    viewer.add_image(np.zeros((8, 9)))
    (layer,) = viewer.open(str(path), plugin="napari-iafpn")
    assert layer.data.shape == (8, 9)
    assert (layer.data > 0).sum() == 9
    assert layer.name == "qupath"


@pytest.mark.parametrize("axes", ["zyx", "yxz", "xzy", "yxc", "xy"])
def test_outlines_lie_along_the_axes_of_the_open_image(
    axes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = {"z": 3, "c": 2, "y": 8, "x": 9}
    ring = [[4, 1], [7, 1], [7, 3], [4, 3], [4, 1]]
    geometry = {"type": "Polygon", "coordinates": [ring], "plane": {"z": 1 if "z" in axes else 0}}
    path = tmp_path / "qupath.geojson"
    path.write_text(json.dumps([{"type": "Feature", "geometry": geometry}]))
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    image = np.zeros([size[axis] for axis in axes])
    viewer.add_image(image, axis_labels=tuple(axes), scale=[size[axis] for axis in axes])
    (layer,) = viewer.open(str(path), plugin="napari-iafpn")
    assert layer.data.shape == image.shape
    assert layer.axis_labels == tuple(axes)
    assert layer.scale.tolist() == list(image.shape)
    lies = {"z": {1}, "c": {0, 1}, "y": {1, 2}, "x": {4, 5, 6}}
    found = dict(zip(axes, map(set, np.argwhere(layer.data).T.tolist()), strict=True))
    assert found == {axis: lies[axis] for axis in axes}


def test_files_of_others_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"colour": "blue"}')
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "broken.json").write_text("{")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.jpg", b"")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    assert [reader_of(str(path)) for path in tmp_path.iterdir()] == [None] * 5
    assert reader_of([str(tmp_path)]) is None
