"""What `napari-iafpn segment` writes, and what it says when it cannot."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.cli import main
from napari_iafpn.cli.pictures import NEGATIVE, POSITIVE, outline
from napari_iafpn.cli.segment import parse_box, parse_click, parse_stroke
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import InteractiveSession, Predictor
from napari_iafpn.prompts import BoxPrompt, Click, Stroke


def segment(image: Path, output: Path, model: Path, *more: str) -> int:
    return main(["segment", str(image), "--output", str(output), "--model", str(model), *more])


def refused(capsys: pytest.CaptureFixture[str], code: int) -> str:
    """Check that a command ended with code 2 and one sentence; return the sentence."""
    output = capsys.readouterr()
    assert code == 2
    assert output.out == ""
    assert output.err.startswith("napari-iafpn: ")
    assert output.err.count("\n") == 1
    return output.err


def test_the_mask_is_that_of_a_session_with_the_same_clicks(
    tmp_path: Path, image: Path, tiny_model: Path, pixels: NDArray[np.uint8]
) -> None:
    clicks = ["--click", "30,40", "--click", "10,12,-", "--click", "33.5, 47"]
    assert segment(image, tmp_path / "mask.tif", tiny_model, *clicks) == 0

    session = InteractiveSession(Predictor.load(tiny_model), pixels)
    session.add_click(30, 40)
    session.add_click(10, 12, positive=False)
    expected = session.add_click(33.5, 47)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "mask.tif"), expected * 255)


def test_a_box_comes_first_then_strokes_then_clicks(
    tmp_path: Path, image: Path, tiny_model: Path, pixels: NDArray[np.uint8]
) -> None:
    drawn = ["--click", "10,12,-", "--box", "20,30,44,58", "--stroke", "30,40;33,45"]
    overlay = tmp_path / "overlay.png"
    more = [*drawn, "--overlay", str(overlay)]
    assert segment(image, tmp_path / "mask.tif", tiny_model, *more) == 0

    session = InteractiveSession(Predictor.load(tiny_model), pixels)
    session.add(BoxPrompt(Box(20, 44, 30, 58)))
    session.add(Stroke(((30, 40), (33, 45))))
    expected = session.add_click(10, 12, positive=False)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "mask.tif"), expected * 255)
    shown = np.asarray(Image.open(overlay))
    assert tuple(shown[20, 40]) == POSITIVE  # the box's first row
    assert tuple(shown[12, 12]) == NEGATIVE


def test_a_view_is_what_the_network_looks_at(
    tmp_path: Path, image: Path, tiny_model: Path, pixels: NDArray[np.uint8]
) -> None:
    more = ["--click", "30,40", "--view", "10,20,60,70"]
    assert segment(image, tmp_path / "mask.tif", tiny_model, *more) == 0
    session = InteractiveSession(Predictor.load(tiny_model), pixels, view=Box(10, 60, 20, 70))
    expected = session.add_click(30, 40)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "mask.tif"), expected * 255)


def test_a_view_that_is_none(
    tmp_path: Path, image: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--click", "30,40", "--view", "10,20,60"]
    sentence = refused(capsys, segment(image, tmp_path / "mask.tif", tiny_model, *more))
    assert "view '10,20,60' is not understood" in sentence


def test_boxes_and_strokes_are_understood() -> None:
    assert parse_box(" 1,2, 30,40") == BoxPrompt(Box(1, 30, 2, 40))
    assert parse_stroke("1,2;3.5,4") == Stroke(((1, 2), (3.5, 4)))
    assert parse_stroke("1,2; 3,4,-") == Stroke(((1, 2), (3, 4)), positive=False)


@pytest.mark.parametrize("text", ["1,2,3", "5,5,5,9", "a,b,c,d", "1,2,3,4,5", ""])
def test_a_box_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match="is not understood; write R0,C0,R1,C1"):
        parse_box(text)


@pytest.mark.parametrize("text", ["", "1", "1,2;", "1,2;3", "1,2,3;4,5", "nan,1"])
def test_a_stroke_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match="is not understood; write R,C;R,C"):
        parse_stroke(text)


def test_without_any_prompt_nothing_is_segmented(
    tmp_path: Path, image: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = segment(image, tmp_path / "mask.tif", tiny_model)
    assert "give --click, --box or --stroke" in refused(capsys, code)


def test_an_ome_zarr_is_read_at_all_its_levels(tmp_path: Path, tiny_model: Path) -> None:
    zarr = pytest.importorskip("zarr")
    values = np.add.outer(np.arange(600), np.arange(900)).astype(np.uint16)
    levels = [values, values[::2, ::2], values[::4, ::4]]
    group = zarr.open_group(tmp_path / "image.zarr", mode="w")
    for name, level in enumerate(levels):
        group.create_array(str(name), data=level, chunks=(128, 128))
    group.attrs["ome"] = {"multiscales": [{"datasets": [{"path": str(n)} for n in range(3)]}]}
    output = tmp_path / "mask.npy"
    assert segment(tmp_path / "image.zarr", output, tiny_model, "--click", "300,400") == 0
    session = InteractiveSession(Predictor.load(tiny_model), Plane(levels[0], coarser=levels[1:]))
    np.testing.assert_array_equal(np.load(output) > 0, session.add_click(300, 400))


def test_a_store_that_fails_ends_with_one_sentence(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(
        tmp_path / "image.zarr", shape=(60, 80), dtype="u1", chunks=(60, 80), fill_value=0
    )
    stored[...] = 7
    (chunk,) = (path for path in (tmp_path / "image.zarr" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"no chunk")
    code = segment(tmp_path / "image.zarr", tmp_path / "mask.npy", tiny_model, "--click", "3,4")
    assert "the image could not be read (" in refused(capsys, code)


def test_the_overlay_shows_the_clicks(tmp_path: Path, image: Path, tiny_model: Path) -> None:
    clicks = ["--click", "30,40", "--click", "10,12,-"]
    overlay = tmp_path / "overlay.png"
    assert (
        segment(image, tmp_path / "mask.png", tiny_model, *clicks, "--overlay", str(overlay)) == 0
    )
    picture = np.asarray(Image.open(overlay))
    assert picture.shape == (60, 80, 3)
    assert tuple(picture[30, 40]) == POSITIVE
    assert tuple(picture[10, 12]) == NEGATIVE


def test_a_large_overlay_is_reduced(tmp_path: Path, tiny_model: Path) -> None:
    np.save(tmp_path / "image.npy", np.zeros((1000, 3200), np.uint8))
    overlay = tmp_path / "overlay.png"
    arguments = ["--click", "600,2000", "--overlay", str(overlay)]
    assert segment(tmp_path / "image.npy", tmp_path / "mask.npy", tiny_model, *arguments) == 0
    picture = np.asarray(Image.open(overlay))
    assert picture.shape == (500, 1600, 3)
    assert tuple(picture[300, 1000]) == POSITIVE


def test_the_outline_is_inside_the_mask() -> None:
    mask = np.zeros((6, 7), bool)
    mask[1:5, 0:5] = True
    inside = np.zeros((6, 7), bool)
    inside[2:4, 1:4] = True  # the image's own border is an edge of the mask, too
    np.testing.assert_array_equal(outline(mask), mask & ~inside)


@pytest.mark.parametrize(
    ("text", "click"),
    [
        ("120,80", Click(120, 80)),
        (" 120 , 80 ", Click(120, 80)),
        ("120,80,-", Click(120, 80, positive=False)),
        ("1.5,2e1,+", Click(1.5, 20)),
        ("-3,4", Click(-3, 4)),
    ],
)
def test_a_click_is_understood(text: str, click: Click) -> None:
    assert parse_click(text) == click


@pytest.mark.parametrize(
    "text", ["", "120", "120;80", "a,b", "1,2,3", "1,2,-,4", "1,2,-,", ",", "1,,-"]
)
def test_a_click_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match="write ROW,COL in pixels"):
        parse_click(text)


@pytest.mark.parametrize(
    ("click", "sentence"),
    [
        ("-1,5", "(-1, 5) is outside the image of 60 x 80"),
        ("60,5", "(60, 5) is outside the image of 60 x 80"),
        ("5,1e9", "is outside the image"),
        ("nan,5", "give two finite numbers"),
        ("5 5", "write ROW,COL in pixels"),
    ],
)
def test_a_click_that_is_nowhere(
    tmp_path: Path,
    image: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture[str],
    click: str,
    sentence: str,
) -> None:
    code = segment(image, tmp_path / "mask.tif", tiny_model, "--click", click)
    assert sentence in refused(capsys, code)
    assert not (tmp_path / "mask.tif").exists()


def test_arguments_that_are_missing_or_wrong(
    tmp_path: Path, image: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mask.tif"
    missing = main(["segment", str(image), "--click", "1,1"])
    assert "Missing option '--output'" in refused(capsys, missing)
    assert "No such command" in refused(capsys, main(["cut"]))
    assert "No such option" in refused(capsys, main(["segment", str(image), "--clicks", "1,1"]))
    split = segment(image, output, tiny_model, "--click", "30,", "40")
    assert "unexpected extra argument" in refused(capsys, split)


def test_an_image_that_is_none(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, click = tmp_path / "mask.tif", ["--click", "1,1"]
    code = segment(tmp_path / "absent.png", output, tiny_model, *click)
    assert "there is no file at" in refused(capsys, code)
    np.save(tmp_path / "complex.npy", np.zeros((5, 5), complex))
    code = segment(tmp_path / "complex.npy", output, tiny_model, *click)
    assert "complex128" in refused(capsys, code)
    np.save(tmp_path / "empty.npy", np.zeros((0, 5)))
    code = segment(tmp_path / "empty.npy", output, tiny_model, *click)
    assert "the image is empty" in refused(capsys, code)


@pytest.mark.parametrize("value", [7, np.nan, np.inf])
def test_a_constant_image_is_no_error(tmp_path: Path, tiny_model: Path, value: float) -> None:
    np.save(tmp_path / "image.npy", np.full((1, 1), value))
    output = tmp_path / "mask.tif"
    assert segment(tmp_path / "image.npy", output, tiny_model, "--click", "0,0") == 0
    assert tifffile.imread(output).size == 1


def test_a_model_that_is_none(
    tmp_path: Path, image: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, click = tmp_path / "mask.tif", ["--click", "1,1"]
    code = segment(image, output, Path("absent"), *click)
    assert "there is no model 'absent'" in refused(capsys, code)
    (tmp_path / "half.safetensors").write_bytes(tiny_model.read_bytes()[:20_000])
    code = segment(image, output, tmp_path / "half.safetensors", *click)
    assert "truncated" in refused(capsys, code)
    code = segment(image, output, tiny_model, *click, "--device", "abacus")
    assert "device 'abacus' is not available" in refused(capsys, code)
    assert not output.exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("absent/mask.tif", "absent of mask.tif does not exist"),
        ("mask.jpg", "its name must end in"),
        ("folder.tif", "is a folder"),
        ("image.png", "is read from"),
        ("old.tif", "exists already; give another name or add --overwrite"),
    ],
)
def test_an_output_that_cannot_be(
    tmp_path: Path,
    image: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture[str],
    output: str,
    sentence: str,
) -> None:
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "old.tif").write_bytes(b"old")
    code = segment(image, tmp_path / output, tiny_model, "--click", "1,1")
    assert sentence in refused(capsys, code)
    assert (tmp_path / "old.tif").read_bytes() == b"old"


def test_mask_and_overlay_need_two_names(
    tmp_path: Path, image: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "same.png"
    code = segment(image, output, tiny_model, "--click", "1,1", "--overlay", str(output))
    assert "give them different names" in refused(capsys, code)


def test_file_names_are_printed_as_they_are(
    tmp_path: Path, image: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mask[bold]:smile:.tif"
    assert segment(image, output, tiny_model, "--click", "30,40") == 0
    assert f"mask: {output} (" in capsys.readouterr().out


def test_overwrite_replaces_the_old_mask(tmp_path: Path, image: Path, tiny_model: Path) -> None:
    output = tmp_path / "mask.npy"
    output.write_bytes(b"old")
    assert segment(image, output, tiny_model, "--click", "30,40", "--overwrite") == 0
    assert np.load(output).shape == (60, 80)


def test_a_folder_without_permission(
    tmp_path: Path,
    image: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Not with chmod, which does not bind an administrator.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    code = segment(image, tmp_path / "mask.tif", tiny_model, "--click", "1,1")
    assert "cannot be written to" in refused(capsys, code)


def test_a_full_disk_loses_nothing(
    tmp_path: Path,
    image: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    output = tmp_path / "mask.tif"
    output.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    code = segment(image, output, tiny_model, "--click", "30,40", "--overwrite")
    assert "No space left on device" in refused(capsys, code)
    assert output.read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"image.png", "mask.tif"}


PEAK = """
import sys
from pathlib import Path
from napari_iafpn.cli import main
assert main(sys.argv[1:]) == 0
status = Path("/proc/self/status").read_text()
print("peak", status.split("VmHWM:")[1].split()[0])
"""


def peak_megabytes(folder: Path, side: int) -> float:
    """Segment the default model's way in a process of its own; return its peak memory."""
    image = folder / f"{side}.tif"
    tifffile.imwrite(image, np.tile(np.arange(side, dtype=np.uint16), (side, 1)))
    arguments = ["segment", str(image), "--output", str(folder / f"{side}_mask.tif")]
    arguments += ["--click", f"{side // 2},{side // 2}", "--click", "5,5,-"]
    arguments += ["--overlay", str(folder / f"{side}.png"), "--device", "cpu"]
    run = subprocess.run(
        [sys.executable, "-c", PEAK, *arguments], check=True, capture_output=True, text=True
    )
    return int(run.stdout.split("peak ")[1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_is_bounded(tmp_path: Path) -> None:
    small, large = peak_megabytes(tmp_path, 512), peak_megabytes(tmp_path, 4096)
    assert small < 1500
    assert large - small < 300
