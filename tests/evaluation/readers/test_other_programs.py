"""Folders as other programs leave them, rebuilt from their documentation: every object is used."""

import json
import unicodedata
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_iafpn.evaluation.readers import open_folder, open_pair, survey
from napari_iafpn.exchange import LabelImage, write_labels
from napari_iafpn.training.finetuning.data import look_through
from napari_iafpn.training.finetuning.request import FinetuneRequest

SHAPE = (60, 80)
CORNERS = ((4, 4), (4, 40), (34, 4), (34, 40))
COLOURS = ((128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128))
"""The first colours of PASCAL VOC's map, by which CVAT paints."""


def ids(dtype=np.uint16):
    labels = np.zeros(SHAPE, dtype)
    for label, (row, col) in enumerate(CORNERS, 1):
        labels[row : row + 20, col : col + 20] = label
    return labels


@pytest.fixture
def image(tmp_path):
    """Write an image that differs from all others."""
    count = iter(range(1, 100))

    def write(name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(next(count)).integers(0, 99, SHAPE).astype(np.uint8)
        if path.suffix.lower() in (".tif", ".tiff"):
            tifffile.imwrite(path, pixels)
        else:
            Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def save_labels(tmp_path):
    def write(name, labels):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".tif", ".tiff"):
            tifffile.imwrite(path, labels, photometric="minisblack")
        else:
            Image.fromarray(labels).save(path)

    return write


def found_by_all(tmp_path, images, labels):
    """Return what fine-tuning finds, and see that evaluation reads the same."""
    found = look_through(
        FinetuneRequest(tmp_path / images, tmp_path / labels, tmp_path / "o.safetensors"),
        lambda: None,
    )
    evaluated = open_pair(tmp_path / images, tmp_path / labels, "all")
    assert sum(len(evaluated.objects(index)) for index in range(len(evaluated))) == found.count
    return found


def test_cellpose(tmp_path, image, save_labels):
    """As ``cellpose --save_png --save_tif --save_flows --save_outlines --save_txt`` does."""
    for name in ("a", "b.ome", "c 1"):
        image(f"d/{name}.tif")
        save_labels(f"d/{name}_cp_masks.png", ids())
        np.save(tmp_path / f"d/{name}_seg.npy", {"masks": ids()}, allow_pickle=True)
        save_labels(f"d/{name}_flows.tif", ids(np.uint8) * 50)
        save_labels(f"d/{name}_outlines_cp_masks.png", ids(np.uint8))
        (tmp_path / f"d/{name}_cp_outlines.txt").write_text("1,2,3,4,5,6\n")
    (tmp_path / "d/.DS_Store").write_bytes(b"x")
    (tmp_path / "d/._a.tif").write_bytes(b"x")
    (tmp_path / "d/Thumbs.db").write_bytes(b"x")
    found = found_by_all(tmp_path, "d", "d")
    assert (found.count, found.left_out) == (12, ())
    assert sum(map(len, map(open_folder(tmp_path / "d").objects, range(3)))) == 12


def test_only_the_pickle_of_cellpose(tmp_path, image):
    """It is not opened, which would run what is in it."""
    image("d/a.tif")

    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('it was unpickled')",))

    np.save(tmp_path / "d/a_seg.npy", Trap(), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a_seg\.npy is a pickled .* save the masks as PNG"):
        found_by_all(tmp_path, "d", "d")


def test_stardist(tmp_path, image, save_labels):
    for name in "ab":
        image(f"d/images/{name}.tif")
        save_labels(f"d/masks/{name}.tif", ids())
    assert found_by_all(tmp_path, "d/images", "d/masks").count == 8
    assert open_folder(tmp_path / "d").objects(1) == (1, 2, 3, 4)


def test_fiji(tmp_path, image, save_labels):
    """Label images, masks and archives of the ROI Manager."""
    pytest.importorskip("roifile")
    for name in ("a.tif", "b.TIF", "c.tif"):
        image(f"i/{name}")
    save_labels("l/a-labels.tif", ids(np.float32))
    write_labels(LabelImage(ids()), tmp_path / "l/b.zip")
    with zipfile.ZipFile(tmp_path / "l/b.zip", "a") as archive:
        archive.comment = b""  # ImageJ does not say how large the image is
    write_labels(LabelImage(ids()), tmp_path / "l/c.tif.zip")
    found = found_by_all(tmp_path, "i", "l")
    assert (found.count, found.left_out) == (12, ())


@pytest.mark.parametrize("top", [1, 255, 65535])
def test_masks_of_fiji(tmp_path, image, save_labels, top):
    for name in "ab":
        image(f"i/{name}.tif")
        save_labels(f"l/{name}_mask.tif", ((ids() > 0) * top).astype(np.min_scalar_type(top)))
    found = found_by_all(tmp_path, "i", "l")
    assert found.count == 8
    assert "masks or classes" in found.left_out[0]


def test_qupath(tmp_path, image, save_labels):
    """Instances, classes with a colour table, and GeoJSON."""
    image("i/a.png")
    save_labels("l/a-labels.png", ids(np.uint8))
    image("i/b [x=0,y=0,w=80,h=60].tif")
    save_labels("l/b [x=0,y=0,w=80,h=60]-labelled.tif", ids())
    image("i/c.ome.tif")
    write_labels(LabelImage(ids()), tmp_path / "l/c.ome.geojson")
    text = json.loads((tmp_path / "l/c.ome.geojson").read_text())["features"]
    (tmp_path / "l/c.ome.geojson").write_text(json.dumps(text))
    found = found_by_all(tmp_path, "i", "l")
    assert (found.count, found.left_out) == (12, ())


def test_classes_of_qupath(tmp_path, image, save_labels):
    """Two classes of two objects each."""
    for name in "ab":
        image(f"i/{name}.png")
        save_labels(f"l/{name}-labels.png", np.array([0, 1, 2, 1, 2], np.uint8)[ids()])
    found = found_by_all(tmp_path, "i", "l")
    assert found.count == 8
    assert "masks or classes" in found.left_out[0]


def test_ilastik(tmp_path, image, save_labels):
    for name in "ab":
        image(f"i/{name}.tif")
        save_labels(f"l/{name}_Object Identities.tiff", ids(np.uint32))
        save_labels(f"l/{name}_Object Predictions.tiff", (ids() > 0).astype(np.uint8))
        save_labels(f"l/{name}_Probabilities.tiff", np.full(SHAPE, 0.5, np.float32))
    found = found_by_all(tmp_path, "i", "l")
    assert (found.count, found.left_out) == (8, ())


def test_the_classes_of_ilastik_have_no_background(tmp_path, image, save_labels):
    image("i/a.tif")
    save_labels("l/a_Simple Segmentation.tif", (ids() > 0).astype(np.uint8) + np.uint8(1))
    with pytest.raises(ValueError, match=r"values 1, 2 and no 0 .*Object Identities"):
        found_by_all(tmp_path, "i", "l")


def test_hdf5_of_ilastik(tmp_path, image):
    image("i/a.tif")
    (tmp_path / "l").mkdir()
    path = tmp_path / "l/a_Object Identities.h5"
    try:
        import h5py
    except ModuleNotFoundError:
        path.write_bytes(b"\x89HDF\r\n\x1a\n")
        with pytest.raises(ValueError, match="HDF5 files need h5py, which is not installed"):
            found_by_all(tmp_path, "i", "l")
        return
    axes = {"axes": [{"key": key} for key in "tzyxc"]}
    with h5py.File(path, "w") as file:
        array = file.create_dataset("exported_data", data=ids(np.uint32)[None, None, ..., None])
        array.attrs["axistags"] = json.dumps(axes)
    assert found_by_all(tmp_path, "i", "l").count == 4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_cvat_coco(tmp_path, image):
    pytest.importorskip("pycocotools")
    image("d/images/a.jpg")
    path = write_labels(LabelImage(ids()), tmp_path / "instances_default.json")
    content = json.loads(path.read_text())
    content.pop("info")
    content["images"][0]["file_name"] = "a.jpg"
    for annotation in content["annotations"]:
        annotation.pop("label")
        annotation["attributes"] = {"occluded": False}
    (tmp_path / "d/annotations").mkdir()
    (tmp_path / "d/annotations/instances_default.json").write_text(json.dumps(content))
    assert found_by_all(tmp_path, "d/images", "d/annotations").count == 4
    assert open_folder(tmp_path / "d").objects(0) == (1, 2, 3, 4)


def test_cvat_segmentation_mask(tmp_path, image, save_labels):
    """A colour for each object of an image, by PASCAL VOC's map."""
    for name in "ab":
        image(f"d/JPEGImages/{name}.jpg")
        save_labels(f"d/SegmentationObject/{name}.png", painted(COLOURS))
        save_labels(f"d/SegmentationClass/{name}.png", painted([COLOURS[0], COLOURS[1]] * 2))
    (tmp_path / "d/labelmap.txt").write_text("# label:color_rgb:parts:actions\n")
    found = found_by_all(tmp_path, "d/JPEGImages", "d/SegmentationObject")
    assert (found.count, found.left_out) == (8, ())
    assert open_folder(tmp_path / "d").objects(1) == (1, 2, 3, 4)
    classes = found_by_all(tmp_path, "d/JPEGImages", "d/SegmentationClass")
    assert classes.count == 8
    assert "masks or classes" in classes.left_out[0]


def painted(colours):
    return np.array([(0, 0, 0), *colours], np.uint8)[ids()]


@pytest.mark.parametrize("how", ["resized", "shrunk", "jpeg", "tif"])
def test_grey_rims_are_no_objects(tmp_path, image, save_labels, how):
    image("i/a.png")
    row, col = np.mgrid[: SHAPE[0], : SHAPE[1]]
    disks = [np.hypot(row - r - 10, col - c - 10) < 10 for r, c in CORNERS]
    mask = Image.fromarray(np.any(disks, axis=0).astype(np.uint8) * 255)
    if how == "shrunk":
        save_labels("l/a.png", np.asarray(mask.resize((50, 37)).resize((80, 60), Image.BICUBIC)))
    elif how == "jpeg":
        (tmp_path / "l").mkdir()
        mask.save(tmp_path / "l/a.jpg", quality=75)
    else:
        smooth = np.asarray(mask.resize((40, 30), Image.BILINEAR).resize((80, 60), Image.BILINEAR))
        save_labels("l/a.tif" if how == "tif" else "l/a.png", smooth)
    found = found_by_all(tmp_path, "i", "l")
    assert found.count == 4
    assert any("smoothed mask" in sentence for sentence in found.left_out)


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".ome.zarr", ".png", ".npz", ".geojson"])
@pytest.mark.parametrize("largest", [255, 60000])
def test_our_own_exports_are_used_whole(tmp_path, image, suffix, largest):
    if "zarr" in suffix:
        pytest.importorskip("zarr")
    image("i/a.tif")
    labels = ids(np.uint8).astype(np.min_scalar_type(largest))
    labels[labels == 4] = largest
    (tmp_path / "l").mkdir()
    write_labels(LabelImage(labels), tmp_path / f"l/a{suffix}")
    found = found_by_all(tmp_path, "i", "l")
    assert found.objects == ((1, 2, 3, largest),)


def test_255_follows_254(tmp_path, image, save_labels):
    image("i/a.png")
    save_labels("l/a.png", np.array([0, 1, 2, 254, 255], np.uint8)[ids()])
    assert found_by_all(tmp_path, "i", "l").objects == ((1, 2, 254, 255),)


def test_accents_and_capitals_make_no_difference(tmp_path, image, save_labels):
    name = "Zelle ä"
    image(f"i/{unicodedata.normalize('NFD', name)}.TIF")
    save_labels(f"l/{unicodedata.normalize('NFC', name)}_MASK.PNG", ids())
    assert found_by_all(tmp_path, "i", "l").count == 4


def test_folders_in_the_folders(tmp_path, image, save_labels):
    for place in ("day 1", "day 2"):
        image(f"i/{place}/a.tif")
        save_labels(f"l/{place}/a.tif", ids())
    found = found_by_all(tmp_path, "i", "l")
    assert found.count == 8
    assert found.usable.image_name(0) == "day 1/a.tif"


def test_two_images_with_one_label_file_count_once_where_it_is_measured(
    tmp_path, image, save_labels
):
    image("i/a.png")
    image("i/a.tif")
    save_labels("l/a.png", ids())
    found = found_by_all(tmp_path, "i", "l")
    assert found.twins == {1: 0}
    assert "have the same labels and count twice" in found.left_out[0]


def test_a_photograph_beside_its_label_image(tmp_path, image, save_labels):
    image("d/a.jpg")
    save_labels("d/a.png", ids())
    found = survey(open_pair(tmp_path / "d", tmp_path / "d", "d"))
    assert (found.found_images, found.used_objects) == (1, 4)


def test_stacks_get_a_sentence(tmp_path, image, save_labels):
    image("i/a.tif")
    save_labels("l/a.tif", np.stack([ids()] * 3))
    with pytest.raises(ValueError, match="3 x 60 x 80 pixels, which is not one plane"):
        found_by_all(tmp_path, "i", "l")


@pytest.mark.parametrize("label", [7, 255, 65535])
@pytest.mark.parametrize("suffix", [".geojson", ".zip"])
def test_outlines_of_one_object_in_pieces_beside_a_mask(
    tmp_path, image, save_labels, suffix, label
):
    for name in "ab":
        image(f"i/{name}.tif")
    labels = np.where(ids() == 1, label, np.where(ids() == 4, label, 0))
    (tmp_path / "l").mkdir()
    write_labels(LabelImage(labels), tmp_path / f"l/a{suffix}")
    assert open_pair(tmp_path / "i", tmp_path / "l", "d").objects(0) == (label,)
    save_labels("l/b.png", (ids() > 0).astype(np.uint8) * np.uint8(255))
    opened = open_pair(tmp_path / "i", tmp_path / "l", "d")
    assert (opened.objects(0), len(opened.objects(1))) == ((label,), 4)
