"""Axes that a file states are those of the labels, whoever wrote them and whatever lies beside."""

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
import zarr
from numpy.typing import NDArray

from napari_iafpn.cli import main
from napari_iafpn.exchange import LabelImage, LabelMetadata, read_labels, write_labels
from napari_iafpn.exchange.axes import letters_of
from napari_iafpn.exchange.beside import in_all_channels, on_image, read_image, with_intensities

SIZE = {"T": 3, "C": 2, "Z": 4, "Y": 20, "X": 30}


def pixels(axes: str) -> NDArray[np.uint16]:
    shape = [SIZE[axis] for axis in axes]
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


def movie(folder: Path, axes: str, **more: Any) -> Path:
    path = folder / f"movie{axes}.ome.tif"
    tifffile.imwrite(path, pixels(axes), metadata={"axes": axes, **more}, photometric="minisblack")
    return path


def rois(folder: Path, **positions: list[int]) -> Path:
    """A square per position, as Fiji's ROI manager has them."""
    path = folder / "RoiSet.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(len(next(iter(positions.values())))):
            roi = roifile.ImagejRoi(
                roitype=roifile.ROI_TYPE.RECT, left=4, top=2, right=8, bottom=6, name=str(number)
            )
            for name, values in positions.items():
                setattr(roi, name, values[number])
            archive.writestr(f"{number}.roi", roi.tobytes())
    return path


def features(folder: Path, planes: list[dict[str, int]]) -> Path:
    ring = [[4, 2], [8, 2], [8, 6], [4, 6], [4, 2]]
    path = folder / "objects.geojson"
    geometries = [{"type": "Polygon", "coordinates": [ring], "plane": plane} for plane in planes]
    path.write_text(json.dumps([{"type": "Feature", "geometry": each} for each in geometries]))
    return path


def planes_of(labels: LabelImage) -> dict[tuple[int, ...], int]:
    """Return the id in each plane that has one."""
    return {index: int(plane.max()) for index, plane in labels.planes() if plane.any()}


@pytest.mark.parametrize(
    ("image", "axes", "order"),
    [("TYX", "TYX", "T"), ("TCYX", "TYX", "T"), ("TZYX", "TZYX", "TZ"), ("ZTYX", "ZTYX", "ZT")],
)
def test_outlines_lie_in_their_frame(image: str, axes: str, order: str, tmp_path: Path) -> None:
    times, depths = [1, 2, 3], [1, 2, 2] if "Z" in image else [1, 1, 1]
    places = list(zip(depths, times, strict=True))
    expected = {
        tuple({"T": t - 1, "Z": z - 1}[axis] for axis in order): number
        for number, (z, t) in enumerate(places, 1)
    }
    _, metadata = read_image(movie(tmp_path, image))
    for path in (
        rois(tmp_path, c_position=[1] * 3, z_position=depths, t_position=times),
        features(tmp_path, [{"c": -1, "z": z - 1, "t": t - 1} for z, t in places]),
    ):
        read = read_labels(path, image=metadata)
        assert (read.axes, read.stated, read.notes) == (axes, True, ())
        assert planes_of(read) == expected


def test_one_number_counts_channels_first_then_z_then_frames(tmp_path: Path) -> None:
    _, metadata = read_image(movie(tmp_path, "TZCYX"))
    numbers = [1, 2, 3, 8, 9, 24]
    read = read_labels(rois(tmp_path, position=numbers[2:]), image=metadata)
    assert read.axes == "TZYX"
    assert planes_of(read) == {(0, 1): 1, (0, 3): 2, (1, 0): 3, (2, 3): 4}
    both = read_labels(rois(tmp_path, position=numbers[:2]), image=metadata)
    assert planes_of(both) == {(0, 0): 1}
    assert "16 pixel(s) of RoiSet.zip belong to several objects" in both.notes[0]


def test_positions_name_the_axis_of_an_image_that_does_not(tmp_path: Path) -> None:
    timed = rois(tmp_path, t_position=[1, 2])
    assert read_labels(timed, (3, 20, 30)).axes == "TYX"
    deep = read_labels(rois(tmp_path, z_position=[1, 2]), (3, 20, 30))
    assert (deep.axes, deep.stated) == ("ZYX", False)
    assert planes_of(deep) == {(0,): 1, (1,): 2}


def test_an_object_of_a_plane_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for image, place in (("ZYX", "frame 1, counted from 0"), ("YX", "frame 1"), ("TZYX", "")):
        _, metadata = read_image(movie(tmp_path, image))
        for path in (
            rois(tmp_path, t_position=[1, 2 if place else 9]),
            features(tmp_path, [{"t": 1 if place else 8, "z": 0, "c": -1}]),
        ):
            with pytest.raises(ValueError, match=place or "the plane .* of an image of") as told:
                read_labels(path, image=metadata)
            assert "give the image that it was drawn on" in str(told.value)


@pytest.mark.parametrize("axes", ["YXZ", "XYZ", "XZY", "ZXY", "YX", "XY", "YXC", "XCYZ"])
def test_rows_and_columns_need_not_be_the_last_axes(axes: str, tmp_path: Path) -> None:
    shape = tuple(SIZE[axis] for axis in axes)
    image = LabelMetadata(shape, axes, tuple(float(size) for size in shape), ("um",) * len(axes))
    depth = 1 if "Z" in axes else 0
    for path in (
        rois(tmp_path, z_position=[depth + 1]),
        features(tmp_path, [{"c": -1, "z": depth, "t": 0}]),
    ):
        read = read_labels(path, image=image)
        assert read.axes == ("ZYX" if depth else "YX")
        assert read.scale == read.labels.shape
        assert planes_of(read) == {(depth,) * (read.labels.ndim - 2): 1}
        assert np.argwhere(read.labels)[[0, -1], -2:].tolist() == [[2, 4], [5, 7]]
        assert in_all_channels(read, image).labels.size == np.prod(shape)


def test_outlines_take_the_place_of_their_image(tmp_path: Path) -> None:
    image = LabelMetadata(
        (3, 2, 20, 30), "TCYX", (5, 1, 0.5, 0.25), ("second", "pixel", "um", "um"), (0, 0, 7, -8)
    )
    read = read_labels(rois(tmp_path, t_position=[1, 2]), image=image)
    assert read.scale == (5, 0.5, 0.25)
    assert read.units == ("second", "micrometer", "micrometer")
    assert read.translate == (0, 7, -8)
    spread = in_all_channels(read, image)
    assert (spread.axes, spread.labels.shape) == ("TCYX", image.shape)
    assert (spread.scale, spread.translate) == (image.scale, image.translate)
    for channel in range(2):
        np.testing.assert_array_equal(spread.labels[:, channel], read.labels)


@pytest.mark.parametrize("axes", ["TZCYX", "ZCYX", "TCYX"])
def test_a_hyperstack_of_fiji(axes: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    about = {"axes": axes, "unit": "micron", "finterval": 4.0, "spacing": 2.0, "xorigin": 10}
    tifffile.imwrite(path, pixels(axes), imagej=True, resolution=(4, 2), metadata=about)
    read = read_labels(path)
    assert (read.axes, read.stated) == (axes, True)
    np.testing.assert_array_equal(read.labels, pixels(axes))
    size = {"T": 4, "C": 1, "Z": 2, "Y": 0.5, "X": 0.25}
    assert read.scale == pytest.approx([size[axis] for axis in axes])
    assert read.translate == pytest.approx([0] * (len(axes) - 1) + [-2.5])
    assert read.notes == ("a.tif holds 2 channels; each was read as labels of its own",)


@pytest.mark.parametrize("axes", ["TZCYX", "ZCTYX", "CTZYX", "ZTYX", "TZYX"])
def test_every_order_of_ome(axes: str, tmp_path: Path) -> None:
    path = movie(tmp_path, axes, PhysicalSizeZ=3, PhysicalSizeX=0.5, TimeIncrement=7)
    read = read_labels(path)
    assert (read.axes, read.stated) == (axes, True)
    np.testing.assert_array_equal(read.labels, pixels(axes))
    size, unit = {"T": 7, "Z": 3, "X": 0.5}, {"T": "second", "Z": "micrometer", "X": "micrometer"}
    assert read.scale == tuple(size.get(axis, 1) for axis in axes)
    assert read.units == tuple(unit.get(axis, "pixel") for axis in axes)


def test_axes_of_a_plain_tiff(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", pixels("TYX"), metadata={"axes": "TYX"}, **plain)
    assert read_labels(tmp_path / "a.tif").axes == "TYX"
    tifffile.imwrite(tmp_path / "b.tif", pixels("TYX"), metadata=None, **plain)
    assert not read_labels(tmp_path / "b.tif").stated


def test_planes_of_a_tiff_are_no_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    narrow = np.zeros((5, 20, 4), np.uint16)
    tifffile.imwrite(path, narrow, metadata=None, photometric="minisblack")
    image, metadata = read_image(path)
    assert image.shape == metadata.shape == narrow.shape
    assert metadata.axes == ""
    tifffile.imwrite(path, np.zeros((5, 20, 3), np.uint8), photometric="rgb")
    _, metadata = read_image(path)
    assert metadata.axes == "YXS"
    assert read_labels(rois(tmp_path, position=[1]), image=metadata).labels.shape == (5, 20)


def test_what_another_program_changed_in_our_file_is_believed(tmp_path: Path) -> None:
    written = LabelImage(pixels("ZYX"), "a", (2, 0.5, 0.5), ("um",) * 3, translate=(0, 3, 4))
    path = write_labels(written, tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        said = dict(file.imagej_metadata)
    # Fiji: Image > Properties, four frames instead of slices.
    about = {"axes": "TYX", "unit": "micron", "finterval": 9.0, "Info": said["Info"]}
    tifffile.imwrite(path, pixels("ZYX"), imagej=True, resolution=(2, 2), metadata=about)
    read = read_labels(path)
    assert (read.axes, read.stated) == ("TYX", True)
    assert read.scale == (9, 0.5, 0.5)
    assert read.units == ("second", "micrometer", "micrometer")


def test_axes_and_place_of_ngff(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=pixels("TZYX"))
    axes = [
        {"name": "frame", "type": "time", "unit": "second"},
        *({"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"),
    ]
    inner = [
        {"type": "scale", "scale": [1, 2, 0.5, 0.5]},
        {"type": "translation", "translation": [0, 1, 10, 20]},
    ]
    outer = [{"type": "scale", "scale": [3, 1, 2, 2]}]
    datasets = [{"path": "0", "coordinateTransformations": inner}]
    group.attrs["multiscales"] = [
        {"axes": axes, "datasets": datasets, "coordinateTransformations": outer}
    ]
    read = read_labels(tmp_path / "a.zarr")
    assert (read.axes, read.stated) == ("TZYX", True)
    assert read.scale == (3, 2, 1, 1)
    assert read.translate == (0, 1, 20, 40)
    assert read.units == ("second", "micrometer", "micrometer", "micrometer")
    _, metadata = read_image(tmp_path / "a.zarr")
    assert metadata == LabelMetadata(read.labels.shape, read.axes, *metadata_of(read))


def metadata_of(labels: LabelImage) -> tuple[Any, Any, Any]:
    return labels.scale, labels.units, labels.translate


def test_our_ome_zarr_is_valid_for_others(tmp_path: Path) -> None:
    written = LabelImage(pixels("ZTYX"), "a", axes="ZTYX", translate=(1, 2, 3, 4))
    group = zarr.open_group(write_labels(written, tmp_path / "a.ome.zarr"), mode="r")
    (multiscale,) = group.attrs["multiscales"]
    assert [axis["name"] for axis in multiscale["axes"]] == ["t", "z", "y", "x"]
    steps = multiscale["datasets"][0]["coordinateTransformations"]
    assert steps[1] == {"type": "translation", "translation": [2, 1, 3, 4]}
    np.testing.assert_array_equal(group["0"][...], np.moveaxis(written.labels, 0, 1))


def test_labels_without_axes_take_those_of_their_image(tmp_path: Path) -> None:
    ids = np.zeros((3, 20, 30), np.uint8)
    ids[:, 2:5, 3:9] = 4
    np.save(tmp_path / "ids.npy", ids)
    image = movie(tmp_path, "TCYX", PhysicalSizeY=0.5, PhysicalSizeX=0.5)
    more = ["--output", str(tmp_path / "a.csv"), "--image", str(image)]
    assert main(["export", str(tmp_path / "ids.npy"), *more]) == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0", "1", "2"]
    for frame, row in enumerate(rows):
        assert float(row["area_um2"]) == 18 * 0.25
        for channel in range(2):
            inside = pixels("TCYX")[frame, channel][2:5, 3:9]
            assert float(row[f"intensity_mean_{channel}"]) == inside.mean()
            assert float(row[f"intensity_max_{channel}"]) == inside.max()


@pytest.mark.parametrize("image", ["TZYX", "ZTYX", "TZCYX", "CZTYX", "ZTCYX"])
@pytest.mark.parametrize("labels", ["TZYX", "ZTYX"])
def test_intensities_of_an_image_of_another_order(labels: str, image: str) -> None:
    own = LabelImage(np.ones([SIZE[axis] for axis in labels], int), axes=labels)
    values = pixels(image)
    found = with_intensities(own, values, LabelMetadata(values.shape, image)).image
    assert found is not None
    wanted = labels + ("C" if "C" in image else "")
    np.testing.assert_array_equal(found, np.transpose(values, [image.index(a) for a in wanted]))


def test_an_image_of_more_planes_than_the_labels() -> None:
    own = LabelImage(np.ones((20, 30), int), "cells", axes="YX")
    with pytest.raises(ValueError, match=r"the image has the axes ZYX .*'cells' YX; give an image"):
        with_intensities(own, pixels("ZYX"), LabelMetadata((4, 20, 30), "ZYX"))
    single = with_intensities(own, pixels("ZYX")[:1], LabelMetadata((1, 20, 30), "ZYX"))
    assert single.image is not None
    assert single.image.shape == (20, 30)


def test_names_that_contradict_each_other_are_told() -> None:
    own = LabelImage(pixels("ZYX"), "cells", axes="ZYX")
    read = on_image(own, LabelMetadata((4, 20, 30), "TYX", (9, 1, 1)))
    assert (read.axes, read.scale) == ("ZYX", (1, 1, 1))
    assert read.notes == (
        "the axes of the labels 'cells' are called ZYX, those of their image TYX; the names of the "
        "labels were kept",
    )


def test_letters_of_names() -> None:
    assert letters_of(["Time", "Z", "rows", "columns"]) == "TZYX"
    assert letters_of(["a", "b"]) == letters_of(["", ""]) == letters_of(list("abcdefg")) == ""
    assert letters_of(["t", "t", "y", "x"]) == "TZYX"
    assert letters_of(["x", "y"]) == "XY"
    swapped = LabelImage.of(pixels("YX").T, "a", LabelMetadata(axes="XY", scale=(2, 3)))
    assert swapped.scale == (3, 2)
    np.testing.assert_array_equal(swapped.labels, pixels("YX"))
