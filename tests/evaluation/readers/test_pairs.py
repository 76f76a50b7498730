import pytest

from napari_iafpn.evaluation.readers.pairs import Pair, pair_files, unpaired_labels


@pytest.fixture
def touch(tmp_path):
    def make(**folders):
        for folder, names in folders.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            for name in names:
                (tmp_path / folder / name).touch()

    return make


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("x.png", "x.tif"),
        ("x.png", "x_mask.png"),
        ("x.jpg", "x_masks.png"),
        ("x.tif", "x_label.tif"),
        ("x.tif", "x_labels.tif"),
        ("x.tif", "x_seg.tif"),
        ("x.tif", "x_cp_masks.png"),
        ("x_img.tif", "x_masks.tif"),
        ("x_img.tif", "x.tif"),
        ("x.ome.tif", "x.png"),
    ],
)
def test_labels_are_found_under_the_names_that_programs_give(touch, tmp_path, image, label):
    touch(images=[image, "xx.png"], labels=[label, "y.png"])
    pairs = pair_files(tmp_path / "images", tmp_path / "labels")
    (found,) = (pair for pair in pairs if pair.image == image)
    assert found.labels == (label,)
    assert unpaired_labels(pairs, tmp_path / "labels", tmp_path / "images") == ["y.png"]


def test_the_same_name_comes_before_an_ending(touch, tmp_path):
    touch(images=["x.png", "x_mask.png"], labels=["x.png", "x_mask.png"])
    pairs = pair_files(tmp_path / "images", tmp_path / "labels")
    assert pairs == (Pair("x", "x.png", ("x.png",)), Pair("x_mask", "x_mask.png", ("x_mask.png",)))


def test_images_and_labels_may_lie_in_one_folder(touch, tmp_path):
    touch(both=["000_img.png", "000_masks.png", "b.tif", "b_seg.npy", "alone.tif"])
    pairs = pair_files(tmp_path / "both", tmp_path / "both")
    assert {pair.image: pair.labels for pair in pairs} == {
        "000_img.png": ("000_masks.png",),
        "b.tif": ("b_seg.npy",),
        "alone.tif": (),
    }


def test_images_of_one_stem_keep_different_names(touch, tmp_path):
    touch(images=["x.png", "x.tif"], labels=["x.png"])
    names = [pair.name for pair in pair_files(tmp_path / "images", tmp_path / "labels")]
    assert names == ["x.png", "x.tif"]


def test_what_is_no_image_is_not_listed(touch, tmp_path):
    touch(images=["x.PNG", "._x.png", ".DS_Store", "notes.txt"], labels=["x.png"])
    (pair,) = pair_files(tmp_path / "images", tmp_path / "labels")
    assert pair == Pair("x", "x.PNG", ("x.png",))


@pytest.mark.parametrize("other", ["x.png", "x.npy", "x.ome.tif", "x_img.tif"])
def test_no_image_is_the_labels_of_another_one(touch, tmp_path, other):
    touch(both=["x.tif", other, "y.tif", "y_masks.png"])
    pairs = pair_files(tmp_path / "both", tmp_path / "both")
    assert {pair.image: pair.labels for pair in pairs} == {
        "x.tif": (),
        other: (),
        "y.tif": ("y_masks.png",),
    }


def test_what_lies_beside_a_jpeg_is_its_labels_unless_it_is_kept(touch, tmp_path):
    touch(both=["x.jpg", "x.png"])
    both = tmp_path / "both"
    assert pair_files(both, both) == (Pair("x", "x.jpg", ("x.png",)),)
    assert pair_files(both, both, kept=["x.png"]) == (
        Pair("x.jpg", "x.jpg", ()),
        Pair("x.png", "x.png", ()),
    )
