"""TIFF files of other programs; what is not there is never read as background."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_iafpn.images import opening as module
from napari_iafpn.images.files import open_levels, picture_shape, read_array, read_picture
from napari_iafpn.images.opening import UnreadableError

STACK = np.random.default_rng(0).integers(1, 999, (5, 20, 30)).astype(np.uint16)

OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}"><Image
 ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20"
 SizeZ="5" SizeC="1" SizeT="1">{planes}</Pixels></Image></OME>"""
PLANE = """<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="p{z}.ome.tif">urn:uuid:{z}
</UUID></TiffData>""".replace("\n", "")


def write_planes(folder: Path) -> list[Path]:
    """Write an OME-TIFF of five files, a plane each."""
    planes = "".join(PLANE.format(z=z) for z in range(5))
    paths = [folder / f"p{z}.ome.tif" for z in range(5)]
    for z, path in enumerate(paths):
        text = OME.format(own=z, planes=planes)
        tifffile.imwrite(path, STACK[z], description=text, metadata=None)
    return paths


def test_an_image_of_several_files(tmp_path: Path) -> None:
    first, second, *_ = write_planes(tmp_path)
    np.testing.assert_array_equal(read_array(first), STACK)
    second.unlink()
    sentence = r"1 of its 5 planes are not there; p1\.ome\.tif should lie beside it"
    for read in (read_array, open_levels, picture_shape):
        with pytest.raises(UnreadableError, match=sentence):
            read(first)


def write_pages(path: Path, **options: object) -> None:
    with tifffile.TiffWriter(path) as file:
        for plane in STACK:
            file.write(plane, metadata=None, **options)  # type: ignore[arg-type]


WRITERS = {
    "imagej": lambda path: tifffile.imwrite(path, STACK, imagej=True),
    "imagej-zlib": lambda path: tifffile.imwrite(path, STACK, imagej=True, compression="zlib"),
    "tifffile": lambda path: tifffile.imwrite(path, STACK, photometric="minisblack"),
    "ome": lambda path: tifffile.imwrite(path, STACK, ome=True, compression="zlib"),
    "pages": write_pages,
    "pages-zlib": lambda path: write_pages(path, compression="zlib"),
    "big": lambda path: tifffile.imwrite(path, STACK, bigtiff=True, photometric="minisblack"),
}


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
@pytest.mark.parametrize("name", WRITERS)
def test_a_stack_that_was_cut_short(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / "a.tif"
    WRITERS[name](path)
    np.testing.assert_array_equal(read_array(path), STACK)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    if name == "ome" and share >= 0.9:  # only the description lies so far behind
        np.testing.assert_array_equal(read_array(path), STACK)
        return
    with pytest.raises(UnreadableError, match=r"a\.tif cannot be read as an image"):
        read_array(path)


@pytest.mark.parametrize(
    ("compression", "dtype", "channels"),
    [("tiff_lzw", "uint8", 3), ("tiff_lzw", "uint16", 0), ("jpeg", "uint8", 3)],
)
def test_compressed_by_other_programs(
    tmp_path: Path, compression: str, dtype: str, channels: int
) -> None:
    pytest.importorskip("imagecodecs")
    pixels = np.full((60, 80, channels) if channels else (60, 80), 99, dtype)
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif"), pixels, atol=2)


def test_the_package_that_decompresses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(STACK[0]).save(tmp_path / "a.tif", compression="tiff_lzw")

    def no_codec(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", no_codec)
    with pytest.raises(UnreadableError, match=r"a\.tif needs imagecodecs, .* pip install image"):
        read_picture(tmp_path / "a.tif")


def test_a_file_that_expands_beyond_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((400, 400), np.uint16), compression="zlib")

    class Memory:
        total = 2 * 320_000 - 2

    monkeypatch.setattr(module.psutil, "virtual_memory", Memory)
    with pytest.raises(UnreadableError, match="it claims 400 x 400 values"):
        read_picture(tmp_path / "a.tif")


def test_a_preview_before_the_image_is_not_taken_for_it(tmp_path: Path) -> None:
    """Images of about one size are scenes, of which the first one is opened."""
    path = tmp_path / "several.tif"

    def write(*shapes: tuple[int, int]) -> None:
        with tifffile.TiffWriter(path) as file:
            for shape in shapes:
                file.write(np.ones(shape, np.uint8), photometric="minisblack")

    write((20, 30), (25, 30))
    assert read_array(path).shape == picture_shape(path) == (20, 30)
    write((20, 30), (200, 300))
    for read in (read_array, picture_shape):
        with pytest.raises(UnreadableError, match="20 x 30 pixels, as a preview of another one"):
            read(path)
