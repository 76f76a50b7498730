"""Truncated, foreign and nonsensical files of labels: labels, or one sentence of this package."""

import copy
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile

from napari_iafpn.exchange import FORMATS, READERS, LabelImage, read_labels, write_labels
from napari_iafpn.images.opening import UnfitError, UnreadableError

NAMES = sorted(name for name in READERS if FORMATS[name].writer and name != "ome.zarr")
NONSENSE = (
    None,
    -1,
    0.5,
    float("inf"),
    float("nan"),
    10**30,
    10**9,
    "x",
    [],
    {},
    [[]],
    [None],
    True,
)


def failure(path: Path) -> UnreadableError | None:
    try:
        read_labels(path, (12, 15))
    except UnreadableError as error:
        return error
    return None


def check(path: Path) -> None:
    """Read a file; a refusal names it, and shows nothing of another library's text."""
    error = failure(path)
    if error is not None:
        cause = error.__cause__
        assert path.name in str(error)
        own = cause is None or isinstance(cause, UnfitError) or getattr(cause, "strerror", None)
        reason = str(error).rpartition(" cannot be read as ")[2]
        assert own or not str(cause) or str(cause) not in reason


def damaged(content: bytes, count: int = 10) -> Iterator[bytes]:
    """Yield what a disk, a network or a wrong name makes of a file."""
    rng = np.random.default_rng(len(content))
    yield b""
    yield from (content[: len(content) * n // count] for n in range(1, count))
    for _ in range(count):
        bent = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            bent[place] ^= 1 << int(rng.integers(8))
        yield bytes(bent)
    yield rng.bytes(500)


@pytest.mark.filterwarnings("ignore")  # of Pillow and numpy, about what they read all the same
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files(name: str, tmp_path: Path, hard: LabelImage) -> None:
    suffix = FORMATS[name].suffixes[0]
    contents = {
        other: write_labels(hard, tmp_path / f"whole{FORMATS[other].suffixes[0]}").read_bytes()
        for other in NAMES
    }
    path = tmp_path / f"a{suffix}"
    foreign = (content for other, content in contents.items() if other != name)
    for content in (*damaged(contents[name]), *foreign):
        path.write_bytes(content)
        check(path)


def bent(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value in each of which one part is nonsense."""
    yield from NONSENSE
    size = len(value) if isinstance(value, list) else 0
    keys = list(value) if isinstance(value, dict) else range(size)
    for key in keys:
        for part in bent(value[key]):
            changed = copy.copy(value)
            changed[key] = part
            yield changed
        if isinstance(value, dict):
            yield {other: part for other, part in value.items() if other != key}


@pytest.mark.parametrize("name", ["json", "geojson"])
def test_nonsense_in_every_place(name: str, tmp_path: Path) -> None:
    labels = LabelImage(np.pad([[3, 3], [3, 0]], 1), "a", (0.5, 0.5), classes={3: "cell"})
    path = write_labels(labels, tmp_path / f"a{FORMATS[name].suffixes[0]}")
    content = json.loads(path.read_text())
    for changed in bent(content):
        path.write_text(json.dumps(changed))
        check(path)


@pytest.mark.parametrize("name", ["json", "geojson"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"features":' * 50_000, '"\ud800"', "\ufeff{}"])
def test_texts_that_are_no_json(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert failure(path) is not None
    check(path)


def test_archives_that_expand_or_claim_too_much(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<u4", "fortran_order": False, "shape": (10**6, 10**7)}
    )
    for name, content in (("labels.npy", header.getvalue()), ("0.roi", bytes(10**8))):
        path = tmp_path / f"a{'.npz' if name.endswith('npy') else '.zip'}"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        assert failure(path) is not None
        check(path)


@pytest.mark.parametrize("size", [10**7, 10**12, 10**20])
def test_images_that_are_claimed_to_be_huge(size: int, tmp_path: Path) -> None:
    said = {"shape": [size, size], "axes": "YX", "scale": [1, 1], "units": ["", ""], "classes": {}}
    (tmp_path / "a.geojson").write_text(json.dumps({"features": [], "napari_iafpn": said}))
    images = [{"id": 1, "height": size, "width": size}]
    (tmp_path / "a.json").write_text(json.dumps({"images": images, "annotations": []}))
    roi = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=1, top=2, right=5, bottom=6)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("0.roi", roi.tobytes())
        archive.comment = json.dumps({"napari_iafpn": said}).encode()
    for name in ("a.geojson", "a.json", "a.zip"):
        with pytest.raises(UnreadableError, match=rf"it claims {size} x {size} values"):
            read_labels(tmp_path / name)


def test_nonsense_in_the_description_of_a_zarr(tmp_path: Path) -> None:
    labels = LabelImage(np.pad([[3, 3], [3, 0]], 1), "a", (0.5, 0.5), classes={3: "cell"})
    path = write_labels(labels, tmp_path / "a.ome.zarr")
    content = json.loads((path / ".zattrs").read_text())
    for changed in bent({key: content[key] for key in ("multiscales", "image-label")}):
        (path / ".zattrs").write_text(json.dumps(changed))
        check(path)
