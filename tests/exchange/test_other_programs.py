"""Other programs' own readers understand what is written."""

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import roifile
import tifffile
import zarr
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as masks
from pycocotools.coco import COCO
from skimage.draw import polygon2mask

from napari_iafpn.exchange import LabelImage, write_labels
from napari_iafpn.exchange.run_lengths import column_runs, compressed, drawn, uncompressed

# pycocotools makes its arrays so.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_tifffile_reads_what_imagej_reads(tmp_path: Path, stack: LabelImage) -> None:
    with tifffile.TiffFile(write_labels(stack, tmp_path / "a.tif")) as file:
        assert file.is_imagej
        assert file.imagej_metadata["spacing"] == 2.0
        assert file.imagej_metadata["unit"] == "micron"
        assert file.imagej_metadata["slices"] == 3
        assert file.pages[0].tags["XResolution"].value == (2, 1)
        assert file.series[0].axes == "ZYX"
        assert file.series[0].dtype == np.uint16
        np.testing.assert_array_equal(file.asarray(), stack.labels)


@pytest.mark.parametrize(
    ("largest", "dtype"), [(254, "uint8"), (255, "uint16"), (65536, "float32")]
)
def test_an_imagej_tiff_is_as_small_as_its_ids_allow(
    tmp_path: Path, largest: int, dtype: str
) -> None:
    labels = LabelImage(np.array([[0, largest]]))  # 255 is "ignored" to many in 8 bits
    assert tifffile.imread(write_labels(labels, tmp_path / "a.tif")).dtype == dtype


def test_tifffile_reads_the_sizes_of_an_ome_tiff(tmp_path: Path, stack: LabelImage) -> None:
    with tifffile.TiffFile(write_labels(stack, tmp_path / "a.ome.tif")) as file:
        assert file.is_ome
        pixels = ElementTree.fromstring(file.ome_metadata).find("{*}Image/{*}Pixels")
        np.testing.assert_array_equal(file.asarray(), stack.labels)
    assert pixels is not None
    sizes = {axis: pixels.get(f"PhysicalSize{axis}") for axis in "XYZ"}
    assert sizes == {"X": "0.5", "Y": "0.5", "Z": "2.0"}
    assert {pixels.get(f"PhysicalSize{axis}Unit") for axis in "XYZ"} == {"µm"}
    assert pixels.get("Type") == "uint16"


def test_zarr_reads_a_pyramid_of_ome_zarr(tmp_path: Path) -> None:
    labels = np.zeros((2, 700, 300), np.int64)
    labels[1, 100:200, 50:90] = 70000
    written = LabelImage(labels, "big", (2, 0.5, 0.5), ("um",) * 3, classes={70000: "cell"})
    group = zarr.open_group(write_labels(written, tmp_path / "a.ome.zarr"), mode="r")
    (multiscale,) = group.attrs["multiscales"]
    assert [axis["name"] for axis in multiscale["axes"]] == ["z", "y", "x"]
    assert {axis["unit"] for axis in multiscale["axes"]} == {"micrometer"}
    for level, dataset in enumerate(multiscale["datasets"]):
        (step,) = dataset["coordinateTransformations"]
        assert step == {"type": "scale", "scale": [2, 0.5 * 2**level, 0.5 * 2**level]}
        array = group[dataset["path"]]
        assert array.dtype == np.uint32
        np.testing.assert_array_equal(array[...], labels[:, :: 2**level, :: 2**level])
    assert len(multiscale["datasets"]) == 3
    assert group.attrs["image-label"]["properties"] == [{"label-value": 70000, "class": "cell"}]
    assert (tmp_path / "a.ome.zarr" / "0" / "1" / "0" / "0").is_file()


def test_an_archive_needs_no_pickle(tmp_path: Path, hard: LabelImage) -> None:
    with np.load(write_labels(hard, tmp_path / "a.npz"), allow_pickle=False) as archive:
        known = {"labels", "name", "scale", "units", "axes", "translate", "classes", "found"}
        assert set(archive) == known
        assert json.loads(str(archive["classes"])) == {"2": "a, b", "7": "c"}


def test_pillow_reads_16_bit_planes(tmp_path: Path, stack: LabelImage) -> None:
    folder = write_labels(stack, tmp_path / "a.png")
    assert folder == tmp_path / "a"
    names = [f"stack_z00{plane}.png" for plane in range(3)]
    assert sorted(path.name for path in folder.iterdir()) == names
    for name, plane in zip(names, stack.labels, strict=True):
        with Image.open(folder / name) as picture:
            assert picture.mode.startswith("I;16")
            np.testing.assert_array_equal(np.asarray(picture), plane)


def test_pycocotools_decodes_each_object(tmp_path: Path, hard: LabelImage) -> None:
    coco = COCO(write_labels(hard, tmp_path / "a.json"))
    assert sorted(coco.anns) == [2, 7, 9, 40, 41, 300, 500]
    for label, annotation in coco.anns.items():
        mask = coco.annToMask(annotation)
        np.testing.assert_array_equal(mask, hard.labels == label)
        assert annotation["area"] == mask.sum()
        assert annotation["bbox"] == masks.toBbox(masks.encode(np.asfortranarray(mask))).tolist()
    assert isinstance(coco.anns[500]["segmentation"], list)  # in one piece: a polygon
    assert isinstance(coco.anns[2]["segmentation"], dict)
    names = {coco.cats[a["category_id"]]["name"]: label for label, a in coco.anns.items()}
    assert names["a, b"] == 2
    assert names["c"] == 7


@given(arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_polygons_and_run_lengths_mean_to_pycocotools_what_they_mean_here(
    mask: NDArray[np.bool_],
) -> None:
    from napari_iafpn.exchange import outlines

    height, width = mask.shape
    runs = column_runs((slice(0, height), slice(0, width)), mask, mask.shape)
    code = masks.frPyObjects({"counts": runs, "size": [height, width]}, height, width)
    np.testing.assert_array_equal(masks.decode(code), mask)
    assert uncompressed(compressed(runs)) == runs
    assert compressed(runs) == code["counts"].decode()
    slices, part = drawn({"counts": runs, "size": mask.shape}, mask.shape)
    whole = np.zeros_like(mask)
    whole[slices] = part
    np.testing.assert_array_equal(whole, mask)
    for pieces in outlines(mask.astype(np.uint8)).values():
        if len(pieces) == 1 and not pieces[0].holes:
            polygon = pieces[0].outer[:, ::-1].ravel().tolist()
            (code,) = masks.frPyObjects([polygon], height, width)
            np.testing.assert_array_equal(masks.decode(code), mask)


def test_roifile_reads_outlines_that_others_fill(tmp_path: Path, hard: LabelImage) -> None:
    path = write_labels(hard, tmp_path / "a.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    rois = {roi.name: roi for roi in roifile.roiread(path)}
    assert sorted(rois) == [f"0001-{label:04d}" for label in (2, 7, 9, 40, 41, 300, 500)]
    composite = {name[5:] for name, roi in rois.items() if roi.composite}
    assert composite == {"0002", "0007", "0009", "0040", "0041"}
    for name, roi in rois.items():
        expected = hard.labels == int(name[5:])
        rows, cols = np.nonzero(expected)
        assert (roi.top, roi.left) == (rows.min(), cols.min())
        assert (roi.bottom, roi.right) == (rows.max() + 1, cols.max() + 1)
        inside = np.zeros(expected.shape, bool)
        for ring in roi.coordinates(multi=True):
            inside ^= polygon2mask(expected.shape, ring[:, ::-1] - 0.5)  # corners to centres
        np.testing.assert_array_equal(inside, expected)


def test_positions_of_rois(tmp_path: Path, stack: LabelImage) -> None:
    rois = roifile.roiread(write_labels(stack, tmp_path / "a.zip"))
    assert {roi.position for roi in rois} == {1, 3}
    series = LabelImage(np.eye(4, dtype=int).reshape(2, 2, 2, 2), axes="TZYX")
    rois = roifile.roiread(write_labels(series, tmp_path / "b.zip"))
    places = [(roi.position, roi.t_position, roi.z_position) for roi in rois]
    assert places == [(0, 1, 1), (0, 1, 2), (0, 2, 1), (0, 2, 2)]


def test_features_of_geojson(tmp_path: Path, hard: LabelImage, stack: LabelImage) -> None:
    content = json.loads(write_labels(hard, tmp_path / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    features = {f["properties"]["measurements"]["id"]: f for f in content["features"]}
    assert features[2]["properties"] == {
        "objectType": "annotation",
        "name": "2",
        "classification": {"name": "a, b"},
        "measurements": {"id": 2},
    }
    assert features[2]["geometry"]["type"] == "MultiPolygon"
    assert features[41]["geometry"]["type"] == "Polygon"
    for label, feature in features.items():
        expected = hard.labels == label
        np.testing.assert_array_equal(inside_geometry(feature["geometry"], hard), expected)
    planes = [
        feature["geometry"]["plane"]
        for feature in json.loads(write_labels(stack, tmp_path / "b.geojson").read_text())[
            "features"
        ]
    ]
    assert planes == [{"c": -1, "z": z, "t": 0} for z in (0, 2) for _ in range(7)]


def inside_geometry(geometry: dict, labels: LabelImage) -> NDArray[np.bool_]:
    """Fill a geometry with matplotlib."""
    rows, cols = np.mgrid[: labels.plane_shape[0], : labels.plane_shape[1]] + 0.5
    centres = np.stack([cols.ravel(), rows.ravel()], axis=1)
    inside = np.zeros(len(centres), bool)
    one = geometry["type"] == "Polygon"
    for polygon in [geometry["coordinates"]] if one else geometry["coordinates"]:
        for ring in polygon:
            assert ring[0] == ring[-1]
            inside ^= Polygon(ring).contains_points(centres)
    return inside.reshape(labels.plane_shape)
