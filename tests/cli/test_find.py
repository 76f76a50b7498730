"""`napari-iafpn find`: what it writes, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.cli import main
from napari_iafpn.exchange import read_labels, write_labels
from napari_iafpn.plugin.samples import load_image, load_labels

PART = slice(180, 520), slice(0, 450)


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.integer]]:
    """A part of a sample image with a dozen nuclei, and their labels."""
    path = tmp_path_factory.mktemp("nuclei") / "nuclei.png"
    Image.fromarray(load_image("nuclei")[PART]).save(path)
    return path, load_labels("nuclei")[PART]


def write_exemplars(path: Path, labels: NDArray[np.integer], count: int = 3) -> list[int]:
    """Write the labels of some nuclei of middle size; return those of the others."""
    ids, areas = np.unique(labels[labels > 0], return_counts=True)
    order = np.argsort(abs(areas - np.median(areas)))
    shown = ids[order[:count]]
    tifffile.imwrite(path, np.where(np.isin(labels, shown), labels, 0).astype(np.uint8))
    return [int(label) for label in ids if label not in shown]


def test_the_shipped_model_finds_the_other_nuclei(
    nuclei: tuple[Path, NDArray[np.integer]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = nuclei
    rest = write_exemplars(tmp_path / "some.tif", labels)
    output, overlay = tmp_path / "all.tif", tmp_path / "all.png"
    arguments = ["--exemplars", f"{tmp_path / 'some.tif'}", "--output", f"{output}"]
    assert main(["find", f"{image}", *arguments, "--overlay", f"{overlay}"]) == 0
    found, some = tifffile.imread(output), tifffile.imread(tmp_path / "some.tif")
    assert (found[some > 0] == some[some > 0]).all()
    new = np.setdiff1d(np.unique(found), np.unique(some))
    right = 0
    for number in new:
        mask = found == number
        label = np.bincount(labels[mask]).argmax()
        right += bool(
            label and (mask & (labels == label)).sum() > 0.5 * (mask | (labels == label)).sum()
        )
    assert right == len(new)
    assert right >= 0.6 * len(rest)
    with Image.open(overlay) as picture:
        assert picture.size == labels.shape[::-1]
    assert f"3 exemplars, {len(new)} objects found" in capsys.readouterr().out


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, Path]:
    """An image of one disk, and its label."""
    rows, cols = np.ogrid[:96, :128]
    disk = (rows - 48) ** 2 + (cols - 64) ** 2 <= 15**2
    image, labels = tmp_path / "image.png", tmp_path / "labels.tif"
    Image.fromarray(np.where(disk, 200, 30).astype(np.uint8)).save(image)
    tifffile.imwrite(labels, disk.astype(np.uint8))
    return image, labels


def test_nothing_similar_is_told(
    given: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = given
    output = tmp_path / "out.tif"
    arguments = ["--exemplars", f"{labels}", "--output", f"{output}"]
    assert main(["find", f"{image}", *arguments]) == 0
    assert "nothing else looks like the exemplars" in capsys.readouterr().out
    assert (tifffile.imread(output) == tifffile.imread(labels)).all()


@pytest.mark.parametrize(
    ("labels", "arguments", "sentence"),
    [
        (np.zeros((96, 128), np.uint8), [], "there is no exemplar to look for"),
        (np.ones((96, 128), np.uint8), [], "the exemplars cover 100% of what is to be searched"),
        (np.ones((90, 128), np.uint8), [], "90 x 128 pixels, the image 96 x 128"),
        (np.ones((2, 96, 128), np.uint8), [], "holds a stack of 2 x 96 x 128"),
        (np.eye(96, 128, dtype=np.uint8)[:, ::-1].copy(), ["--quality", "2"], "quality is 2.0"),
        (
            np.eye(96, 128, dtype=np.uint8),
            ["--region", "1,2,3"],
            "region '1,2,3' is not understood",
        ),
        (np.eye(96, 128, dtype=np.uint8), ["--region", "0,0,99,99"], "outside the image"),
    ],
)
def test_what_is_refused(
    given: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    labels: NDArray[np.uint8],
    arguments: list[str],
    sentence: str,
) -> None:
    image, path = given
    tifffile.imwrite(path, labels)
    output = tmp_path / "out.tif"
    given_arguments = ["--exemplars", f"{path}", "--output", f"{output}", *arguments]
    assert main(["find", f"{image}", *given_arguments]) != 0
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not output.exists()


def test_the_exemplars_are_not_replaced(
    given: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = given
    before = labels.read_bytes()
    arguments = ["--exemplars", f"{labels}", "--output", f"{labels}", "--overwrite"]
    assert main(["find", f"{image}", *arguments]) != 0
    assert "is read from" in capsys.readouterr().err
    assert labels.read_bytes() == before


def test_the_image_of_the_exemplars_is_not_replaced(
    given: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = given
    first = tmp_path / "first.tif"
    tifffile.imwrite(first, np.asarray(Image.open(image)))
    before = first.read_bytes()
    arguments = ["--exemplars", f"{labels}", "--shown-in", f"{first}", "--output", f"{first}"]
    assert main(["find", f"{image}", *arguments, "--overwrite"]) == 2
    assert "first.tif is read from; give the result another name" in capsys.readouterr().err
    assert first.read_bytes() == before


def test_a_folder_is_replaced_by_a_result_of_its_kind_alone(
    given: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("zarr")
    image, labels = given
    result = write_labels(read_labels(labels), tmp_path / "all.ome.zarr")
    (tmp_path / "other.ome.zarr").mkdir()
    (tmp_path / "other.ome.zarr" / "mine.txt").write_text("mine")
    (tmp_path / "folder.tif").mkdir()
    command = ["find", f"{image}", "--exemplars", f"{labels}", "--output"]
    for arguments, sentence in (
        ([f"{result}"], "exists already; give another name or add --overwrite"),
        ([f"{tmp_path / 'other.ome.zarr'}", "--overwrite"], "holds other files"),
        ([f"{tmp_path / 'folder.tif'}", "--overwrite"], "is a folder; give the name of a file"),
    ):
        assert main([*command, *arguments]) == 2
        assert sentence in capsys.readouterr().err
    assert main([*command, f"{result}", "--overwrite"]) == 0
    assert (read_labels(result).labels == tifffile.imread(labels)).all()


def test_ids_that_are_too_small_are_named_and_left_out(
    given: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, path = given
    labels = tifffile.imread(path)
    labels[0, 0] = 99
    tifffile.imwrite(path, labels)
    command = ["find", f"{image}", "--exemplars", f"{path}", "--output"]
    assert main([*command, f"{tmp_path / 'out.tif'}"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "1 exemplars" in told
    assert "note: too small to show what to look for: 99" in told
    tifffile.imwrite(path, np.where(labels == 99, labels, 0))
    assert main([*command, f"{tmp_path / 'other.tif'}"]) != 0
    assert "object 99 has 1 pixel(s)" in " ".join(capsys.readouterr().err.split())


def test_an_image_in_a_plate_is_no_folder_of_images(
    given: tuple[Path, Path], tmp_path: Path
) -> None:
    zarr = pytest.importorskip("zarr")
    image, labels = given
    plate = zarr.open_group(tmp_path / "plate.zarr", mode="w", zarr_format=2)
    group = plate.create_group("A/1/0")
    group.create_array("0", data=np.asarray(Image.open(image)))
    group.attrs["multiscales"] = [{"version": "0.4", "datasets": [{"path": "0"}]}]
    output = tmp_path / "all.tif"
    command = ["find", f"{tmp_path / 'plate.zarr/A/1/0'}", "--exemplars", f"{labels}"]
    assert main([*command, "--output", f"{output}"]) == 0
    assert (tifffile.imread(output) == tifffile.imread(labels)).all()


def test_ids_that_do_not_fit_get_a_larger_type(given: tuple[Path, Path], tmp_path: Path) -> None:
    from napari_iafpn.cli.find import _type_for

    assert _type_for(255, np.dtype(np.uint8)) == np.uint8
    assert _type_for(256, np.dtype(np.uint8)) == np.uint16


def test_exemplars_of_one_image_find_their_like_in_a_folder(
    given: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = given
    folder, output = tmp_path / "images", tmp_path / "found"
    folder.mkdir()
    rows, cols = np.ogrid[:120, :160]
    for name, middles in (("b", [(40, 40), (80, 110)]), ("c", [])):
        pixels = np.full((120, 160), 30, np.uint8)
        for row, col in middles:
            pixels[(rows - row) ** 2 + (cols - col) ** 2 <= 15**2] = 200
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "a.png").write_bytes(image.read_bytes())
    command = ["find", f"{folder}", "--exemplars", f"{labels}", "--output", f"{output}"]
    assert main(command) == 2
    assert "--shown-in" in capsys.readouterr().err
    command += ["--shown-in", f"{folder / 'a.png'}"]
    assert main(command) == 0
    a, b, c = (tifffile.imread(output / f"{name}_labels.tif") for name in "abc")
    assert (a == tifffile.imread(labels)).all()
    assert (b.shape, set(np.unique(b))) == ((120, 160), {0, 1, 2})
    assert b[40, 40] != b[80, 110]
    assert not c.any()
    (output / "b_labels.tif").unlink()
    assert main(command) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.count("is there already; left as it is") == 2
    assert (tifffile.imread(output / "b_labels.tif") == b).all()


def test_no_image_of_a_folder_stands_in_the_way_of_another(
    given: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = given
    for name in ("w1/field.png", "w2/field.png"):
        (tmp_path / "plate" / name).parent.mkdir(parents=True)
        (tmp_path / "plate" / name).write_bytes(image.read_bytes())
    (tmp_path / "plate" / "w1" / "broken.png").write_bytes(b"no picture")
    command = ["find", f"{tmp_path / 'plate'}", "--exemplars", f"{labels}", "--shown-in"]
    command += [f"{tmp_path / 'plate/w1/field.png'}", "--output", f"{tmp_path / 'found'}"]
    assert main(command) == 2
    said = capsys.readouterr()
    assert "broken.png was not searched: " in " ".join(said.out.split())
    assert "1 of 3 images were not searched" in said.err
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == [
        "w1-field.png_labels.tif",
        "w2-field.png_labels.tif",
    ]
