"""Whatever a reader raises, the user gets one sentence with the file's name and what to do."""

import json
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.images import opening as module
from napari_iafpn.images.opening import (
    MissingPackageError,
    UnfitError,
    UnreadableError,
    check_size,
    needed,
    opening,
    same_name,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.xyz"
    path.touch()
    return path


def told(path: Path, error: Exception) -> str:
    with pytest.raises(UnreadableError) as raised, opening(path, "a thing"):
        raise error
    assert raised.value.__cause__ is error
    return str(raised.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("segmentation"), "its content is damaged"),
        (ValueError("cannot reshape array of size 5 into shape (3,3)"), "its content is damaged"),
        (zlib.error("Error -3 while decompressing data"), "its content is damaged"),
        (struct.error("unpack requires a buffer of 4 bytes"), "its content is damaged"),
        (zipfile.BadZipFile("File is not a zip file"), "its content is damaged"),
        (OverflowError("Python int too large to convert to C long"), "its content is damaged"),
        (AttributeError("'list' object has no attribute 'get'"), "its content is damaged"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (MemoryError("Unable to allocate 7.28 TiB"), "it needs more memory than there is"),
        (PermissionError(13, "Permission denied", "/a/b"), "permission denied"),
        (OSError("image file is truncated (1 bytes not processed)"), "its content is damaged"),
    ],
)
def test_the_text_of_a_library_is_not_shown(file: Path, error: Exception, reason: str) -> None:
    sentence = told(file, error)
    assert sentence.startswith(f"{file} cannot be read as a thing ({reason}")
    assert sentence.endswith("; get the file again or give another one")
    text = str(error.args[-1])
    assert text.lower() not in sentence or text == "Permission denied"


def test_json_and_text_are_told_apart(file: Path) -> None:
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads('{\n"a": 1,\n"b" 2}')
    assert "it is no JSON from line 3 on" in told(file, raised.value)
    with pytest.raises(UnicodeDecodeError) as undecoded:
        b"\xff\xfe".decode()
    assert "it is no text in UTF-8" in told(file, undecoded.value)


def test_what_this_package_objects_to_is_shown_once(file: Path) -> None:
    why = "it has two heads"
    with pytest.raises(UnreadableError) as raised, opening(file, "more"), opening(file, "a thing"):
        raise UnfitError(why)
    assert str(raised.value) == (
        f"{file} cannot be read as a thing ({why}); correct it or give another one"
    )


def test_the_missing_package_is_named(file: Path) -> None:
    lzw = ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")
    assert told(file, lzw) == (
        f"{file} needs imagecodecs, which is not installed; run: pip install imagecodecs"
    )
    with pytest.raises(MissingPackageError) as raised, opening(file, "a thing"):
        needed("zarr_of_the_future", "OME-Zarr folders")
    assert str(raised.value).startswith("OME-Zarr folders need zarr_of_the_future, which is not")
    absent = ModuleNotFoundError("No module named 'roifile'", name="roifile")
    assert told(file, absent).endswith("run: pip install 'napari-iafpn[formats]'")


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_name_that_no_disk_takes(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableError), opening(tmp_path / name, "a thing"):
        raise AssertionError("not reached")


def test_an_absent_file_that_looks_like_another_one(tmp_path: Path) -> None:
    composed = unicodedata.normalize("NFC", "zélle.tif")
    decomposed = unicodedata.normalize("NFD", composed)
    (tmp_path / decomposed).touch()
    (tmp_path / "B.TIF").touch()
    for wanted, difference in ((composed, "how its accents are written"), ("b.tif", "capital")):
        sentence = f"there is no file at .* is there, which differs in {difference}"
        with pytest.raises(UnreadableError, match=sentence), opening(tmp_path / wanted, "a thing"):
            pass
    assert same_name(composed) == same_name(decomposed.upper())
    with pytest.raises(UnreadableError, match="check the path"), opening(tmp_path / "c", "a thing"):
        pass


def test_what_does_not_fit_into_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        total = 2**34

    monkeypatch.setattr(module.psutil, "virtual_memory", Memory)
    check_size((2**31,), np.uint32)
    with pytest.raises(UnfitError, match=r"at most 8\.0 GiB, 50% of this computer's memory"):
        check_size((2**31 + 1,), np.uint32)
    with pytest.raises(UnfitError, match="it claims 99999999999 x 99999999999 values"):
        check_size((99999999999, 99999999999), np.uint8)
    with pytest.raises(UnfitError, match="the size -1 x 4"):
        check_size((-1, 4), np.uint8)
