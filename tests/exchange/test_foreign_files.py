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
from napari_iafpn.exchange.beside import same_place
from napari_iafpn.exchange.metadata import LabelMetadata

FIRST, SECOND = (0, 0, 4, 4), (2, 2, 6, 6)  # top, left, bottom, right


def corners(box: tuple[float, ...]) -> list[list[float]]:
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


def geojson_feature(box: tuple[float, ...], **properties: Any) -> dict[str, Any]:
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


def test_an_oval_has_the_pixels_of_an_ellipse(tmp_path: Path) -> None:
    oval = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.OVAL, top=10, left=20, bottom=610, right=320)
    path = save_rois(tmp_path / "a.zip", oval)
    rows, cols = np.mgrid[:640, :340] + 0.5
    truth = ((rows - 310) / 300) ** 2 + ((cols - 170) / 150) ** 2 <= 1
    found = read_labels(path, truth.shape).labels > 0
    assert np.count_nonzero(found != truth) < 0.001 * np.count_nonzero(truth)


@pytest.mark.parametrize("size", ["-0.5", "0", "nan", "inf"])
def test_a_size_that_is_none_does_not_stand_in_the_way(size: str, tmp_path: Path) -> None:
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    expected = 0.5 if size == "-0.5" else 1.0
    options = {"imagej": True, "metadata": {"axes": "ZYX", "spacing": float(size)}}
    tifffile.imwrite(tmp_path / "a.tif", labels, **options)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", labels, ome=True, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        told = file.ome_metadata.replace("<Pixels ", f'<Pixels PhysicalSizeZ="{size}" ')
    tifffile.tiffcomment(tmp_path / "a.ome.tif", told)
    for name in ("a.tif", "a.ome.tif"):
        read = read_labels(tmp_path / name)
        np.testing.assert_array_equal(read.labels, labels)
        assert read.scale[0] == expected


SHAPES = {
    "inside": (10, 10, 30, 30),
    "outside": (300, 500, 320, 520),
    "above": (-50, 10, -20, 30),
    "thin": (10, 60.1, 80, 60.4),
    "cut": (-10, 90, 10, 110),
    "at the border": (0, 0, 5, 5),
    "hidden": (12, 12, 28, 28),
}
"""Boxes in an image of 100 x 120 pixels."""


def save_outlines(path: Path, boxes: list[tuple[float, ...]]) -> Path:
    if path.suffix == ".zip":
        return save_rois(
            path, *(roifile.ImagejRoi.frompoints(np.array(corners(box), float)) for box in boxes)
        )
    if path.suffix == ".geojson":
        path.write_text(json.dumps({"features": [geojson_feature(box) for box in boxes]}))
        return path
    annotations = [
        {"id": n, "image_id": 1, "segmentation": [np.ravel(corners(box)).tolist()]}
        for n, box in enumerate(boxes, 1)
    ]
    return save_coco(path, [{"id": 1, "height": 100, "width": 120}], annotations)


@pytest.mark.parametrize("name", ["json", "zip", "geojson"])
def test_objects_without_a_pixel_are_counted(name: str, tmp_path: Path) -> None:
    path = save_outlines(tmp_path / f"a.{name}", list(SHAPES.values()))
    read = read_labels(path, (100, 120))
    assert np.unique(read.labels).tolist() == [0, 1, 5, 6]
    assert np.count_nonzero(read.labels == 5) == 10 * 20
    assert read.notes == (
        f"2 object(s) of {path.name} (ids 2, 3) lie outside the image and were left out",
        f"1 object(s) of {path.name} (ids 4) lie between the centres of pixels and were left out",
        f"1 object(s) of {path.name} (ids 5) lie partly outside the image and were cut off at its "
        "border",
        f"256 pixel(s) of {path.name} belong to several objects; each stays with the first of "
        "them in the file",
        f"1 object(s) of {path.name} (ids 7) lie wholly under others and were left out",
    )
    whole = save_outlines(tmp_path / f"b.{name}", [SHAPES["inside"], SHAPES["at the border"]])
    assert read_labels(whole, (100, 120)).notes == ()


@pytest.mark.parametrize("name", ["json", "geojson"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_corners_that_are_nowhere(name: str, value: float, tmp_path: Path) -> None:
    path = save_outlines(tmp_path / f"a.{name}", [(0, 0, 5, 5), (2, 2, value, 9)])
    if value == 1e300:
        assert "partly outside the image" in read_labels(path, (100, 120)).notes[0]
        return
    with pytest.raises(ValueError, match="object 2 has a corner that is no number"):
        read_labels(path, (100, 120))


def test_texts_arrows_and_pictures_of_imagej_are_no_objects(tmp_path: Path) -> None:
    kinds, more = roifile.ROI_TYPE, roifile.ROI_SUBTYPE
    box = {"left": 5, "top": 15, "right": 60, "bottom": 30}
    cell = roifile.ImagejRoi(roitype=kinds.RECT, left=10, top=20, right=40, bottom=50)
    path = save_rois(
        tmp_path / "a.zip",
        roifile.ImagejRoi(roitype=kinds.RECT, subtype=more.TEXT, text="scale bar", **box),
        roifile.ImagejRoi(roitype=kinds.RECT, subtype=more.IMAGE, **box),
        cell,
    )
    read = read_labels(path, (100, 120))
    assert np.unique(read.labels, return_counts=True)[1].tolist() == [100 * 120 - 900, 900]
    assert read.notes == ("2 ROI(s) of a.zip are no areas and were left out",)


def test_archives_as_people_pack_them(tmp_path: Path) -> None:
    roi = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=1, top=2, right=5, bottom=6)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("RoiSet/", b"")
        archive.writestr("RoiSet/0.ROI", roi.tobytes())
        archive.writestr("__MACOSX/RoiSet/._0.ROI", b"\0\5\x16\7" + bytes(40))
        archive.writestr("RoiSet/.DS_Store", b"Bud1")
        archive.writestr("RoiSet/Results.csv", b"1,2")
    assert np.count_nonzero(read_labels(path, (9, 9)).labels) == 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Results.csv", b"1,2")
    with pytest.raises(ValueError, match=r"it holds no \.roi file"):
        read_labels(path, (9, 9))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.roi", bytes(2**26 + 1))
    with pytest.raises(ValueError, match=r"its ROI '0\.roi' claims 67108865 bytes"):
        read_labels(path, (9, 9))


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        ((0, 1, 3), "its plane _z002 is not there"),
        ((0, 1, 2), r"it was written with 4 x 12 x 15 pixels and has not all planes"),
        ((), "it holds no PNG file"),
    ],
)
def test_a_plane_whose_file_is_absent(
    kept: tuple[int, ...], sentence: str, tmp_path: Path, hard: LabelImage
) -> None:
    folder = write_labels(LabelImage(np.stack([hard.labels] * 4), "a"), tmp_path / "a.png")
    for number, file in enumerate(sorted(folder.iterdir())):
        if number not in kept:
            file.unlink()
    (folder / "._a_z000.png").write_bytes(b"of a Mac")
    with pytest.raises(ValueError, match=sentence):
        read_labels(folder)


def test_planes_that_are_numbered_from_one(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        values = np.full((2, 3), number, np.uint8)
        Image.fromarray(values).save(tmp_path / f"a_z{number:03d}.png")
    read = read_labels(tmp_path)
    assert read.labels[:, 0, 0].tolist() == [1, 2, 3]
    assert read.notes == (
        f"the numbers of the planes in {tmp_path.name} begin at _z001, which is now the first "
        "plane",
    )


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_folders_of_other_programs(tmp_path: Path, version: int) -> None:
    labels = np.arange(24, dtype=np.uint16).reshape(4, 6)
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)

    def describe(group: Any, content: dict[str, Any]) -> None:
        group.attrs.update(content if version == 2 else {"ome": content})

    def add(group: Any, **content: Any) -> None:
        group.create_array("0", data=labels)
        axes = [{"name": "y"}, {"name": "x"}]
        described = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}], **content}
        describe(group, described)

    describe(root, {"bioformats2raw.layout": 3})
    image = root.create_group("0")
    add(image, omero={"channels": []})
    with pytest.raises(ValueError, match="it is an image without labels"):
        read_labels(tmp_path / "a.zarr")
    folder = image.create_group("labels")
    describe(folder, {"labels": ["cells", "nuclei"]})
    with pytest.raises(ValueError, match="'cells', which belongs to it, is not there"):
        read_labels(tmp_path / "a.zarr")
    add(folder.create_group("cells"), **{"image-label": {}})
    for path in (tmp_path / "a.zarr", tmp_path / "a.zarr/0", tmp_path / "a.zarr/0/labels"):
        read = read_labels(path)
        np.testing.assert_array_equal(read.labels, labels)
        (note,) = read.notes
        assert "holds more labels, nuclei, which were not read" in note
    assert read_labels(tmp_path / "a.zarr/0/labels/cells").notes == ()


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
    read = read_labels(tmp_path)
    assert read.labels[:, 0, 0].tolist() == [1, 0, 2]
    assert read.notes == (
        f"not all names of the planes in {tmp_path.name} hold a number; they are in alphabetical "
        "order",
    )


@pytest.mark.parametrize("name", ["mask{}", "{}", "exp3_{}_mask", "a_z{:02d}"])
def test_a_folder_of_planes_by_number(name: str, tmp_path: Path) -> None:
    for number in range(1, 13):
        plane = np.full((2, 3), number, np.uint8)
        Image.fromarray(plane).save(tmp_path / f"{name.format(number)}.png")
    read = read_labels(tmp_path)
    assert read.labels[:, 0, 0].tolist() == list(range(1, 13))
    assert read.notes == (
        f"the numbers of the planes in {tmp_path.name} begin at 1, which is now the first plane",
    )


def test_a_gap_in_the_numbers_is_told(tmp_path: Path) -> None:
    for number in (0, 1, 5, 20):
        Image.fromarray(np.full((2, 3), number, np.uint8)).save(tmp_path / f"mask{number}.png")
    read = read_labels(tmp_path)
    assert read.labels[:, 0, 0].tolist() == [0, 1, 5, 20]
    assert read.notes == (
        f"the numbers of the planes in {tmp_path.name} have gaps, the first one after 1; the "
        "planes follow each other without any",
    )


def test_a_folder_of_planes_by_two_numbers(tmp_path: Path) -> None:
    for place, name in enumerate(("t2p3", "t2p11", "t10p4")):
        Image.fromarray(np.full((2, 3), place, np.uint8)).save(tmp_path / f"{name}.png")
    assert read_labels(tmp_path).labels[:, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", sorted(READERS))
def test_damaged_files_get_a_sentence(name: str, tmp_path: Path, hard: LabelImage) -> None:
    if name == "h5":
        pytest.importorskip("h5py")
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
    if name in ("ome.zarr", "npy", "session", "picture", "h5"):  # folders, or only read
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
    colours = np.random.default_rng(1).integers(0, 255, (4, 5, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", np.full((4, 5), 0.5, np.float32))
    np.save(tmp_path / "a.npy", np.full((4, 5), -1))
    for name, sentence in (
        ("a.png", "colour image"),
        ("a.tif", "colour image"),
        ("b.tif", "not whole"),
        ("a.npy", "negative id -1"),
    ):
        with pytest.raises(ValueError, match=sentence):
            read_labels(tmp_path / name)


def test_a_colour_is_one_object_in_all_planes(tmp_path: Path) -> None:
    planes = np.zeros((2, 6, 8, 3), np.uint8)
    planes[0, :3] = 255, 0, 0
    planes[1, :3], planes[1, 3:, :4] = (0, 255, 0), (255, 0, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", metadata={"axes": "ZYXS"})
    (tmp_path / "planes").mkdir()
    for number, plane in enumerate(planes):
        Image.fromarray(plane).save(tmp_path / f"planes/a_z{number:03d}.png")
    for name in ("a.tif", "planes"):
        labels = read_labels(tmp_path / name)
        assert labels.axes == "ZYX"
        assert labels.labels[0, 0, 0] == labels.labels[1, 5, 0] == 1
        assert labels.labels[1, 0, 0] == 2
        assert labels.labels[1, 5, 7] == 0


def test_hdf5_with_axes(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    ids = np.arange(24).reshape(2, 3, 4)
    for keys, stored, axes in (
        ("tzyxc", ids[:, None, ..., None], "TYX"),
        ("xyz", ids.T, "ZYX"),
        ("cyx", ids, "CYX"),
        ("", ids[None], "ZYX"),
    ):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["exported_data"] = stored
            if keys:
                tags = json.dumps({"axes": [{"key": key} for key in keys]})
                file["exported_data"].attrs["axistags"] = tags
        labels = read_labels(tmp_path / "a.h5")
        assert (labels.axes, labels.stated) == (axes, bool(keys))
        assert np.array_equal(labels.labels, ids)
        assert len(labels.notes) == ("c" in keys and stored.shape[keys.index("c")] > 1)


def test_an_hdf5_that_is_none_or_claims_too_much(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("exported_data", (10**7, 10**7), np.uint32, chunks=(10, 10))
    with pytest.raises(ValueError, match=r"a\.h5 .*it claims 10000000 x 10000000 values"):
        read_labels(tmp_path / "a.h5")
    for content in (b"", b"no HDF5", (tmp_path / "a.h5").read_bytes()[:300]):
        (tmp_path / "a.h5").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.h5 cannot be read as an HDF5 file of labels"):
            read_labels(tmp_path / "a.h5")


@pytest.mark.parametrize(("pixel", "stage"), [(0.1, 120_000.0), (2e-10, 0.0), (1.0, 0.0)])
def test_places_are_compared_in_pixels(pixel: float, stage: float) -> None:
    units = ("micrometer", "micrometer")
    image = LabelMetadata((120, 160), "YX", (pixel, pixel), units, (stage, stage))
    for shift, stretch, same in (
        (0, 1, True),
        (10, 1, False),
        (0, 1.00003, True),
        (0, 1.01, False),
    ):
        labels = LabelMetadata(
            (120, 160), "YX", (pixel, pixel * stretch), units, (stage + shift * pixel, stage)
        )
        assert same_place(labels, image) == same
