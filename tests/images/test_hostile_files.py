"""Truncated, foreign and nonsensical files: an image, or one sentence of this package."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.images.arrays import load
from napari_iafpn.images.files import (
    open_levels,
    open_picture,
    picture_shape,
    read_array,
    read_picture,
)
from napari_iafpn.images.opening import UnfitError, UnreadableError

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)


def corner(level: Any) -> NDArray[Any]:
    return load(level, (slice(0, 4), slice(0, 4)))


READERS: dict[str, Callable[[Path], object]] = {
    "read_picture": read_picture,
    "indexed": lambda path: read_picture(path, indexed=True),
    "open_picture": lambda path: corner(open_picture(path)[0]),
    "open_levels": open_levels,
    "read_array": read_array,
    "picture_shape": picture_shape,
}


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


def npy_header(text: str) -> bytes:
    header = text.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


CONTENTS = {
    ".png": saved(lambda file: Image.fromarray(PIXELS).save(file, "PNG")),
    ".jpg": saved(lambda file: Image.fromarray(PIXELS).save(file, "JPEG")),
    ".webp": saved(lambda file: Image.fromarray(PIXELS).save(file, "WEBP")),
    ".bmp": saved(lambda file: Image.fromarray(PIXELS).save(file, "BMP")),
    ".npy": saved(lambda file: np.save(file, PIXELS)),
    ".tif": saved(lambda file: tifffile.imwrite(file, PIXELS, compression="zlib", tile=(16, 16))),
}
HOSTILE = {
    "npz.npy": saved(lambda file: np.savez(file, PIXELS)),
    "huge.npy": npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (10**9,)}"),
    "absurd.npy": npy_header(
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**12}, {10**12}), }}"
    ),
    "overflow.npy": npy_header(
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30}, 2), }}"
    ),
    "negative.npy": npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 5), }"),
    "nested.npy": npy_header("{'descr': '|u1', 'shape': " + "(" * 60),
    "number.npy": saved(lambda file: np.save(file, np.float64(3))),
    "empty.npy": saved(lambda file: np.save(file, np.zeros((0, 5)))),
    "text.npy": saved(lambda file: np.save(file, np.array(["a", "b"]))),
    "series.tif": saved(lambda file: tifffile.imwrite(file, np.zeros((7, 9, 11, 3, 2)))),
    "moving.webp": saved(
        lambda file: Image.fromarray(PIXELS).save(
            file, "WEBP", save_all=True, append_images=[Image.fromarray(255 - PIXELS)]
        )
    ),
}


def damaged(content: bytes, count: int = 12) -> Iterator[bytes]:
    """Yield what a disk, a network or a wrong name makes of a file."""
    rng = np.random.default_rng(len(content))
    yield b""
    yield from (content[: len(content) * n // count] for n in range(1, count))
    for _ in range(count):
        bent = bytearray(content)
        for place in rng.integers(0, min(len(content), 400), 3):
            bent[place] ^= 1 << int(rng.integers(8))
        yield bytes(bent)
    yield rng.bytes(500)


def check(path: Path, read: Callable[[Path], object]) -> None:
    """Read a file; a refusal names it, and shows nothing of another library's text."""
    error = failure(read, path)
    if isinstance(error, UnreadableError):
        own = error.__cause__ is None or isinstance(error.__cause__, UnfitError)
        named = getattr(error.__cause__, "strerror", None)
        assert path.name in str(error)
        reason = str(error).rpartition(" cannot be read as ")[2]
        assert own or named or not str(error.__cause__) or str(error.__cause__) not in reason
    elif error is not None:  # a level that is read later
        assert isinstance(error, OSError)
        assert str(error).startswith("the image could not be read (")


def failure(read: Callable[[Path], object], path: Path) -> Exception | None:
    try:
        read(path)
    except (UnreadableError, OSError) as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore")  # of Pillow and numpy, about what they read all the same
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("suffix", CONTENTS)
def test_damaged_images(tmp_path: Path, suffix: str, reader: str) -> None:
    path = tmp_path / f"a{suffix}"
    foreign = (content for other, content in CONTENTS.items() if other != suffix)
    for content in (*damaged(CONTENTS[suffix]), *foreign):
        path.write_bytes(content)
        check(path, READERS[reader])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images(tmp_path: Path, name: str, reader: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    check(path, READERS[reader])


@pytest.mark.parametrize("reader", READERS)
def test_damaged_zarr_folders(tmp_path: Path, reader: str) -> None:
    zarr = pytest.importorskip("zarr")
    for version, header, chunk in ((2, ".zarray", "0.0"), (3, "zarr.json", "c/0/0")):
        path = tmp_path / f"a{version}.zarr"
        zarr.create_array(
            path, data=PIXELS, chunks=(50, 50), zarr_format=version, dimension_names=None
        )
        intact = {name: (path / name).read_bytes() for name in (header, chunk)}
        told = json.loads(intact[header])
        bent = [{**told, "shape": shape} for shape in ([-1, 4], [2**70, 2**70], "x", None, [])]
        contents = [(header, json.dumps(each).encode()) for each in bent]
        contents += [(name, content) for name in intact for content in damaged(intact[name])]
        for name, content in contents:
            (path / name).write_bytes(content)
            check(path, READERS[reader])
            (path / name).write_bytes(intact[name])
