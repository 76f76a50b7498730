import pytest

from napari_iafpn.evaluation.readers.pairs import (
    STATE,
    STATES,
    Pair,
    pair_files,
    unpaired_labels,
)


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
    assert pair_files(both, both) == (Pair("x", "x.jpg", ("x.png",), "x_labels.tif"),)
    assert pair_files(both, both, kept=["x.png"]) == (
        Pair("x.jpg", "x.jpg", (), "x.jpg_labels.tif"),
        Pair("x.png", "x.png", (), "x.png_labels.tif"),
    )


@pytest.mark.parametrize("given", ["x_cp_masks.tif", "x_mask.png", "x_label.tif", "x.png"])
@pytest.mark.parametrize("saved", ["x_labels.tif", "x.jpg_labels.tif"])
def test_in_one_folder_what_was_saved_here_comes_first(touch, tmp_path, given, saved):
    touch(both=["x.jpg", given, saved])
    both = tmp_path / "both"
    assert pair_files(both, both) == (Pair("x", "x.jpg", (saved,), saved),)


def test_what_was_saved_for_an_image_is_not_for_another_one(touch, tmp_path):
    touch(both=["x.tif", "x.tif.png", "x.tif_labels.tif"])
    both = tmp_path / "both"
    assert pair_files(both, both) == (
        Pair("x", "x.tif", (), "x_labels.tif"),
        Pair("x.tif.png", "x.tif.png", ("x.tif_labels.tif",), "x.tif_labels.tif"),
    )


@pytest.mark.parametrize("known", [{}, {"x.tif.png": "x.tif_labels.tif"}, {"y.tif": "../y.txt"}])
def test_no_two_images_are_saved_in_one_file(touch, tmp_path, known):
    images = ["x.png", "x.png.png", "x.tif", "x.tif.png", "x.tif.png.png", "y.tif"]
    touch(both=images)
    both = tmp_path / "both"
    pairs = pair_files(both, both, saved={"x.tif.png.png": "x.tif.png_labels.tif", **known})
    assert len({pair.saved for pair in pairs}) == len({pair.name for pair in pairs}) == 6
    for pair in pairs:
        (both / pair.saved).touch()
    assert [pair.image for pair in pair_files(both, both)] == images


@pytest.mark.parametrize("beside", [*STATES, f"p.zarr-{STATE}", "notes.json"])
def test_labels_lie_in_the_folders_of_their_images(touch, tmp_path, beside):
    (tmp_path / "all" / "s1").mkdir(parents=True)
    touch(**{"all": [beside], "all/s1": ["a.tif", "a_masks.tif"]})
    (pair,) = pair_files(tmp_path / "all", tmp_path / "all")
    assert pair.labels == ("s1/a_masks.tif",)


def test_the_state_of_a_folder_does_not_hide_the_labels_in_its_folders(touch, tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder / "s1").mkdir(parents=True)
    touch(**{"labels": [STATE], "images/s1": ["a.tif"], "labels/s1": ["a.tif"]})
    (pair,) = pair_files(tmp_path / "images", tmp_path / "labels")
    assert pair.labels == ("s1/a.tif",)
