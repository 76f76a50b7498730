"""zarr folders of other programs: the image in them is found, or a sentence says where it lies."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_iafpn.images.files import open_levels, open_picture, picture_shape, read_picture
from napari_iafpn.images.opening import UnreadableError

zarr = pytest.importorskip("zarr")

PIXELS = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)


def add_image(group: Any, levels: int = 1) -> None:
    for level in range(levels):
        step = 2**level
        values = PIXELS[::step, ::step][None, None, None]
        group.create_array(str(level), data=values, chunks=(1, 1, 1, 16, 16))
    datasets = [{"path": str(level)} for level in range(levels)]
    describe(group, {"multiscales": [{"datasets": datasets}]})


def describe(group: Any, content: dict[str, Any]) -> None:
    new = group.metadata.zarr_format == 3
    group.attrs.update({"ome": content} if new else content)


def write_bioformats2raw(path: Path, version: int, images: int) -> None:
    root = zarr.open_group(path, mode="w", zarr_format=version)
    describe(root, {"bioformats2raw.layout": 3})
    describe(root.create_group("OME"), {"series": [str(n) for n in range(images)]})
    for number in range(images):
        add_image(root.create_group(str(number)), levels=2)


@pytest.mark.parametrize("version", [2, 3])
def test_the_only_image_of_bioformats2raw(tmp_path: Path, version: int) -> None:
    path = tmp_path / "a.zarr"
    write_bioformats2raw(path, version, images=1)
    np.testing.assert_array_equal(read_picture(path), PIXELS)
    assert [level.shape for level in open_picture(path)] == [(48, 64), (24, 32)]
    assert picture_shape(path) == (48, 64)


@pytest.mark.parametrize("version", [2, 3])
def test_several_images_of_bioformats2raw(tmp_path: Path, version: int) -> None:
    path = tmp_path / "a.zarr"
    write_bioformats2raw(path, version, images=3)
    sentence = r"a\.zarr cannot be read as an image \(it holds 3 images; .* such as 0, 1, 2\)"
    for read in (read_picture, open_picture, open_levels, picture_shape):
        with pytest.raises(UnreadableError, match=sentence):
            read(path)
        read(path / "1")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}}, "plate of wells; .* A/1/0, B"),
        ({"well": {"images": [{"path": "0"}]}}, "it is a well; .* such as 0"),
        ({"labels": ["cells", "nuclei"]}, "folder of labels; .* such as cells, nuclei"),
        ({}, "a group that is no image itself; .* such as cells"),
        ({"multiscales": [{"datasets": [{"path": "7"}]}]}, "'7', which belongs to it, is not"),
        ({"multiscales": "nonsense"}, "its content is damaged"),
        ({"plate": None}, "its content is damaged"),
        ({"bioformats2raw.layout": 3}, "it holds 0 images"),
    ],
)
@pytest.mark.parametrize("version", [2, 3])
def test_groups_that_are_no_image(
    tmp_path: Path, version: int, content: dict[str, Any], sentence: str
) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    root.create_group("cells")
    describe(root, content)
    for read in (read_picture, open_levels, picture_shape):
        with pytest.raises(UnreadableError, match=sentence):
            read(tmp_path / "a.zarr")


def test_folders_that_are_no_zarr(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="it is no zarr folder"):
        read_picture(tmp_path)
    (tmp_path / "a.zarr").write_text("a file")
    with pytest.raises(UnreadableError, match="it is no zarr folder"):
        read_picture(tmp_path / "a.zarr")


def test_a_level_or_a_chunk_of_absurd_size(tmp_path: Path) -> None:
    for name, shape, chunks in (
        ("image.zarr", (10**9, 10**9), (512, 512)),
        ("chunk.zarr", (10**7, 10**7), (10**7, 10**7)),
    ):
        zarr.create_array(tmp_path / name, shape=shape, chunks=chunks, dtype="u2")
        for read in (read_picture, open_picture):
            with pytest.raises(UnreadableError, match=r"it claims .* are read at once"):
                read(tmp_path / name)
