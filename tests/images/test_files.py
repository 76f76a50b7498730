"""Every format the help promises gives back the pixels that were saved."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from imagecodecs import png_encode
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.images.files import open_levels, open_picture, picture_shape, read_picture


@pytest.fixture
def colour(rng_pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([rng_pixels, rng_pixels // 2, 255 - rng_pixels], axis=-1)


@pytest.fixture
def rng_pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (20, 31), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".npy"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_grey_image_keeps_its_values_and_its_type(
    tmp_path: Path, rng_pixels: NDArray[np.uint8], suffix: str, dtype: str
) -> None:
    stored = rng_pixels.astype(dtype) * np.dtype(dtype).type(np.iinfo(dtype).max // 255)
    path = tmp_path / f"grey{suffix}"
    if suffix == ".npy":
        np.save(path, stored)
    elif suffix == ".png":
        Image.fromarray(stored).save(path)
    else:
        tifffile.imwrite(path, stored)
    read = read_picture(path)
    np.testing.assert_array_equal(read, stored)
    assert read.dtype.itemsize == stored.dtype.itemsize


@pytest.mark.parametrize("dtype", ["uint32", "int16", "float32", ">u2", "bool"])
def test_a_tiff_may_hold_any_numbers(tmp_path: Path, dtype: str) -> None:
    stored = np.arange(48).reshape(6, 8).astype(dtype)
    tifffile.imwrite(tmp_path / "image.tif", stored)
    np.testing.assert_array_equal(read_picture(tmp_path / "image.tif"), stored)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"planarconfig": "separate"}])
def test_a_colour_tiff_has_its_channels_last(
    tmp_path: Path, colour: NDArray[np.uint8], options: dict[str, str]
) -> None:
    stored = np.moveaxis(colour, -1, 0) if "planarconfig" in options else colour
    tifffile.imwrite(tmp_path / "image.tif", stored, photometric="rgb", **options)
    np.testing.assert_array_equal(read_picture(tmp_path / "image.tif"), colour)


@pytest.mark.parametrize(("suffix", "tolerance"), [(".png", 0), (".webp", 0), (".jpg", 15)])
def test_a_colour_picture(tmp_path: Path, suffix: str, tolerance: int) -> None:
    rows, cols = np.mgrid[:20, :31]
    stored = np.stack([5 * rows, 5 * cols, 0 * rows + 90], axis=-1).astype(np.uint8)
    path = tmp_path / f"colour{suffix}"
    Image.fromarray(stored).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    assert np.abs(read_picture(path).astype(int) - stored).max() <= tolerance


def test_a_palette_becomes_colour(tmp_path: Path) -> None:
    picture = Image.new("P", (4, 3))
    picture.putpalette([255, 0, 0] * 256)
    picture.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(
        read_picture(tmp_path / "palette.png"), np.full((3, 4, 3), (255, 0, 0))
    )


def test_an_uncompressed_tiff_stays_on_disk(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", np.zeros((64, 64), np.uint16))
    assert isinstance(read_picture(tmp_path / "image.tif"), np.memmap)


def test_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.zeros((1, 1, 5, 6, 1)))
    assert read_picture(tmp_path / "image.npy").shape == (5, 6)


def half_of_a_png() -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((50, 50), 80).save(stream, "PNG")
    return stream.getvalue()[:700]


def half_of_a_tiff() -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.arange(2500).reshape(50, 50), compression="zlib")
    return stream.getvalue()[:500]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.png", b"not an image"),
        ("text.tif", b"not an image"),
        ("text.npy", b"not an image"),
        ("empty.jpg", b""),
        ("half.png", half_of_a_png()),
        ("half.tif", half_of_a_tiff()),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} cannot be read as an image"):
        read_picture(tmp_path / name)


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be read as an image"):
        read_picture(tmp_path / "objects.npy")


def test_a_stack_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 20, 30), np.uint8))
    with pytest.raises(ValueError, match="holds 5 x 20 x 30 values, which is not one plane"):
        read_picture(tmp_path / "stack.tif")


def test_a_zarr_folder_is_read_at_its_finest_level(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    stored = np.arange(30, dtype=np.uint16).reshape(5, 6)
    zarr.save(tmp_path / "plain.zarr", stored)
    pyramid = zarr.open_group(tmp_path / "pyramid.zarr", mode="w")
    for level, values in enumerate((stored, stored[::2, ::2])):
        pyramid.create_array(str(level), data=values)
    for name in ("plain.zarr", "pyramid.zarr"):
        np.testing.assert_array_equal(read_picture(tmp_path / name), stored)
        assert picture_shape(tmp_path / name) == (5, 6)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_png_keeps_16_bits_of_each_colour(tmp_path: Path, channels: int) -> None:
    stored = np.random.default_rng(0).integers(0, 4096, (20, 31, channels)).astype(np.uint16)
    (tmp_path / "deep.png").write_bytes(png_encode(stored))
    expected = stored[..., 0] if channels == 2 else stored
    for indexed in (False, True):
        read = read_picture(tmp_path / "deep.png", indexed=indexed)
        np.testing.assert_array_equal(read, expected)
        assert read.dtype == np.uint16


@pytest.mark.parametrize("bits", [2, 4])
def test_few_shades_are_ids_where_they_are_labels(tmp_path: Path, bits: int) -> None:
    ids = np.arange(2**bits, dtype=np.uint8).reshape(2, -1)
    rows = b"".join(b"\0" + np.packbits(_bits(row, bits)).tobytes() for row in ids)
    header = struct.pack(">IIBBBBB", ids.shape[1], 2, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path = tmp_path / "labels.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))
    np.testing.assert_array_equal(read_picture(path, indexed=True), ids)
    assert read_picture(path).max() == 255


def _bits(values: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    return np.unpackbits(values[:, None], axis=1)[:, -count:].ravel()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_an_indexed_picture_keeps_its_indices(tmp_path: Path) -> None:
    stored = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Image.fromarray(stored)
    picture.putpalette([9, 8, 7] * 256)
    picture.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "palette.png", indexed=True), stored)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy", ".jpg", ".bmp"])
def test_the_header_tells_the_size(tmp_path: Path, colour: NDArray[np.uint8], suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    if suffix == ".npy":
        np.save(path, colour)
    elif suffix == ".tif":
        stored = np.moveaxis(colour, -1, 0)
        tifffile.imwrite(path, stored, photometric="rgb", planarconfig="separate")
    else:
        Image.fromarray(colour).save(path)
    assert picture_shape(path) == (20, 31)


def test_the_size_of_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match=r"text\.png cannot be read"):
        picture_shape(tmp_path / "text.png")


@pytest.fixture
def pyramid() -> list[NDArray[np.uint16]]:
    """Three levels of (1, 1, 400, 600) values."""
    finest = np.add.outer(np.arange(400), np.arange(600)).astype(np.uint16)[None, None]
    return [finest[..., ::step, ::step] for step in (1, 2, 4)]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_is_opened_at_all_its_levels(
    tmp_path: Path, pyramid: list[NDArray[np.uint16]], version: str
) -> None:
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "image.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    names = ["full", "half", "quarter"]
    for name, values in zip(names, pyramid, strict=True):
        group.create_array(name, data=values, chunks=(1, 1, 100, 100))
    described = {
        "multiscales": [
            {
                "version": version,
                "axes": [{"name": name} for name in "tcyx"],
                "datasets": [{"path": name} for name in names],
            }
        ],
        "omero": {"channels": [{"color": "00FF00", "window": {"start": 0, "end": 9}}]},
    }
    group.attrs.update(described if version == "0.4" else {"ome": described})
    levels = open_picture(path)
    assert [level.shape for level in levels] == [(400, 600), (200, 300), (100, 150)]
    assert not any(isinstance(level, np.ndarray) for level in levels), "read later"
    plane = Plane(levels[0], coarser=levels[1:])
    expected = Plane(pyramid[0][0, 0], coarser=[level[0, 0] for level in pyramid[1:]])
    assert plane.limits == expected.limits
    for size in ((400, 600), (64, 96), (32, 32)):
        assert np.array_equal(
            plane.read(Box(0, 400, 0, 600), size), expected.read(Box(0, 400, 0, 600), size)
        )
    assert [level.shape for level in open_levels(path)] == [level.shape for level in pyramid]
    assert picture_shape(path) == (400, 600)
    np.testing.assert_array_equal(read_picture(path), pyramid[0][0, 0])


@pytest.mark.parametrize("colour", [False, True])
def test_a_pyramidal_tiff_is_opened_at_all_its_levels(
    tmp_path: Path, pyramid: list[NDArray[np.uint16]], colour: bool
) -> None:
    pytest.importorskip("zarr")
    path = tmp_path / "image.tif"
    levels = [(level[0, 0] // 4).astype(np.uint8) for level in pyramid]
    if colour:
        levels = [np.stack([level, level // 2, 255 - level], axis=-1) for level in levels]
    options = {"tile": (64, 64), "photometric": "rgb" if colour else "minisblack"}
    with tifffile.TiffWriter(path) as file:
        file.write(levels[0], subifds=2, compression="zlib", **options)
        for level in levels[1:]:
            file.write(level, subfiletype=1, compression="zlib", **options)
    opened = open_picture(path)
    assert not any(isinstance(level, np.ndarray) for level in opened), "read later"
    for level, stored in zip(opened, levels, strict=True):
        np.testing.assert_array_equal(level[:, :], stored)


def test_a_pyramid_of_colour_planes_is_read_as_a_flat_file(
    tmp_path: Path, colour: NDArray[np.uint8]
) -> None:
    path, planes = tmp_path / "image.tif", np.moveaxis(colour, -1, 0)
    options = {"tile": (16, 16), "photometric": "rgb", "planarconfig": "separate"}
    with tifffile.TiffWriter(path) as file:
        file.write(planes, subifds=1, **options)
        file.write(planes[:, ::2, ::2], subfiletype=1, **options)
    (opened,) = open_picture(path)
    np.testing.assert_array_equal(opened, colour)


def test_any_other_file_has_one_level(tmp_path: Path, rng_pixels: NDArray[np.uint8]) -> None:
    for name in ("image.png", "image.tif"):
        if name.endswith("png"):
            Image.fromarray(rng_pixels).save(tmp_path / name)
        else:
            tifffile.imwrite(tmp_path / name, rng_pixels, compression="zlib")
        (level,) = open_picture(tmp_path / name)
        np.testing.assert_array_equal(level, rng_pixels)


def test_a_zarr_that_is_no_image_is_refused(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    zarr.save(tmp_path / "stack.zarr", np.zeros((5, 20, 30)))
    with pytest.raises(ValueError, match=r"empty\.zarr cannot be read as an image"):
        open_picture(tmp_path / "empty.zarr")
    with pytest.raises(ValueError, match=r"stack\.zarr holds 5 x 20 x 30 values"):
        open_picture(tmp_path / "stack.zarr")
