"""Files that other programs wrote, and files that are damaged."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
import zarr
from PIL import Image

from napari_iafpn.exchange import FORMATS, READERS, LabelImage, read_labels, write_labels

FIRST, SECOND = (0, 0, 4, 4), (2, 2, 6, 6)  # top, left, bottom, right


def corners(box: tuple[int, int, int, int]) -> list[list[int]]:
    top, left, bottom, right = box
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def save_rois(path: Path, *rois: roifile.ImagejRoi) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, roi in enumerate(rois):
            archive.writestr(f"{number:04d}-0003.roi", roi.tobytes())
    return path


def save_coco(path: Path, images: list[Any], annotations: list[Any]) -> Path:
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    return path


def geojson_feature(box: tuple[int, int, int, int], **properties: Any) -> dict[str, Any]:
    ring = corners(box)
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "properties": properties,
    }


def two_overlapping(name: str, folder: Path) -> Path:
    path = folder / f"two.{name}"
    if name == "zip":
        return save_rois(
            path, *(roifile.ImagejRoi.frompoints(np.array(corners(b))) for b in (FIRST, SECOND))
        )
    if name == "geojson":
        path.write_text(
            json.dumps(
                {
                    "type": "FeatureCollection",
                    "features": [geojson_feature(FIRST), geojson_feature(SECOND)],
                }
            )
        )
        return path
    annotations = [
        {"id": n, "image_id": 5, "segmentation": [np.ravel(corners(b)).tolist()]}
        for n, b in ((1, FIRST), (2, SECOND))
    ]
    return save_coco(path, [{"id": 5, "height": 6, "width": 8}], annotations)


@pytest.mark.parametrize("name", ["json", "zip", "geojson"])
def test_the_earlier_object_keeps_contested_pixels(name: str, tmp_path: Path) -> None:
    path = two_overlapping(name, tmp_path)
    read = read_labels(path, None if name == "json" else (6, 8))
    expected = np.zeros((6, 8), int)
    expected[2:6, 2:6] = 2
    expected[0:4, 0:4] = 1
    np.testing.assert_array_equal(read.labels, expected)
    (note,) = read.notes
    assert note.startswith(f"4 pixel(s) of {path.name} belong to several objects")


@pytest.mark.parametrize("name", ["zip", "geojson"])
def test_outlines_that_do_not_tell_the_shape(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not say how large its image is; give the image"):
        read_labels(two_overlapping(name, tmp_path))


def test_shapes_of_imagej(tmp_path: Path) -> None:
    kinds = roifile.ROI_TYPE
    path = save_rois(
        tmp_path / "a.zip",
        roifile.ImagejRoi(roitype=kinds.RECT, top=1, left=2, bottom=3, right=6),
        roifile.ImagejRoi(roitype=kinds.OVAL, top=4, left=0, bottom=12, right=8, position=2),
        roifile.ImagejRoi(roitype=kinds.LINE, x2=5.0, y2=5.0),
        roifile.ImagejRoi.frompoints(np.array([[9.6, 0.4], [12.4, 0.4], [12.4, 3.4], [9.6, 3.4]])),
    )
    read = read_labels(path, (2, 12, 14))
    assert read.axes == "ZYX"
    np.testing.assert_array_equal(np.argwhere(read.labels[0] == 1)[[0, -1]], [[1, 2], [2, 5]])
    assert 44 <= np.count_nonzero(read.labels[1] == 2) <= 56  # a disk of 50.3 pixels
    assert np.count_nonzero(read.labels[0] == 3) == 6  # of 2.8 x 3 pixels, by their centres
    assert read.notes == ("1 ROI(s) of a.zip are no areas and were left out",)


def test_a_qupath_export(tmp_path: Path) -> None:
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}}
    features = [
        geojson_feature(FIRST, classification={"names": ["Tumor", "Positive"]}),
        geojson_feature((4, 4, 6, 8), classification={"name": "Stroma"}, measurements=[]),
        point,
    ]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(features))
    read = read_labels(path, (6, 8))
    assert read.classes == {1: "Tumor: Positive", 2: "Stroma"}
    assert np.count_nonzero(read.labels == 2) == 8
    assert read.notes == ("1 feature(s) of a.geojson are no areas and were left out",)


def test_annotations_of_several_images(tmp_path: Path) -> None:
    images = [{"id": key, "height": 6, "width": 8} for key in (30, 10)]
    polygons = [[0, 0, 2, 0, 2, 1, 0, 1], [4, 4, 4.4, 4, 4.4, 5]]  # the second holds no centre
    annotations = [
        {"id": 8, "image_id": 10, "segmentation": {"size": [6, 8], "counts": [6, 6, 36]}},
        {"id": 9, "image_id": 30, "segmentation": polygons},
    ]
    read = read_labels(save_coco(tmp_path / "a.json", images, annotations))
    assert read.labels.shape == (2, 6, 8)
    np.testing.assert_array_equal(np.unique(np.argwhere(read.labels == 8)[:, 2]), [1])
    assert np.count_nonzero(read.labels[1] == 8) == 6
    assert np.count_nonzero(read.labels[0] == 9) == 2
    images[0]["width"] = 9
    with pytest.raises(ValueError, match="images of 2 sizes"):
        read_labels(save_coco(tmp_path / "b.json", images, annotations))


@pytest.mark.parametrize("version", [2, 3])
def test_labels_inside_an_image_of_ome_zarr(tmp_path: Path, version: int) -> None:
    labels = np.arange(24, dtype=np.int32).reshape(1, 4, 6)
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    group = root.create_group("labels/cells")
    group.create_array("full", data=labels)
    axes = [{"name": name} for name in "cyx"]
    scales = [{"type": "scale", "scale": [1, 0.5, 0.25]}]
    described = {
        "multiscales": [
            {
                "axes": axes,
                "datasets": [{"path": "full", "coordinateTransformations": scales}],
            }
        ],
        "image-label": {},
    }
    group.attrs.update(described if version == 2 else {"ome": described})
    read = read_labels(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read.labels, labels[0])
    assert read.scale == (0.5, 0.25)


def test_plain_files(tmp_path: Path) -> None:
    labels = np.arange(60, dtype=np.uint16).reshape(2, 5, 6)
    tifffile.imwrite(tmp_path / "a.tif", labels)
    np.save(tmp_path / "a.npy", labels)
    np.savez(tmp_path / "a.npz", anything=labels)
    for suffix in ("tif", "npy", "npz"):
        read = read_labels(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(read.labels, labels)
        assert (read.name, read.axes, read.scale) == ("a", "ZYX", (1, 1, 1))


def test_a_folder_of_planes_by_name(tmp_path: Path) -> None:
    for number, name in enumerate(("b", "a", "c")):
        Image.fromarray(np.full((2, 3), number, np.uint8)).save(tmp_path / f"{name}.png")
    assert read_labels(tmp_path).labels[:, 0, 0].tolist() == [1, 0, 2]


@pytest.mark.parametrize("name", sorted(READERS))
def test_damaged_files_get_a_sentence(name: str, tmp_path: Path, hard: LabelImage) -> None:
    suffix = FORMATS[name].suffixes[0]
    with pytest.raises(ValueError, match="there is no file at"):
        read_labels(tmp_path / f"absent{suffix}")
    path = tmp_path / f"bad{suffix}"
    if name == "ome.zarr":
        path.mkdir()
    else:
        path.write_bytes(b"[3, no file of labels")
    with pytest.raises(ValueError, match=r"cannot be read as|is no session"):
        read_labels(path)
    if name in ("ome.zarr", "npy", "session"):  # folders, or only read
        return
    whole = write_labels(hard, tmp_path / f"whole{suffix}").read_bytes()
    # In the middle of an OME-TIFF are its metadata, behind the pixels.
    for length in (0, 10, 250 if name == "ome.tif" else len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cannot be read as|is no session"):
            read_labels(path)


def test_an_ome_tiff_without_its_metadata(tmp_path: Path, hard: LabelImage) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", hard.labels, ome=False)
    read = read_labels(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read.labels, hard.labels)
    assert read.notes == ("a.ome.tif holds no OME metadata, so the size of its pixels is unknown",)


def test_what_holds_no_ids(tmp_path: Path) -> None:
    colours = np.zeros((4, 5, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", np.full((4, 5), 0.5, np.float32))
    np.save(tmp_path / "a.npy", np.full((4, 5), -1))
    for name, sentence in (
        ("a.png", "colour image"),
        ("a.tif", "channels or colours"),
        ("b.tif", "not whole"),
        ("a.npy", "negative id -1"),
    ):
        with pytest.raises(ValueError, match=sentence):
            read_labels(tmp_path / name)
