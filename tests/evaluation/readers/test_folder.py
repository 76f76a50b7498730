import pickle

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_iafpn.evaluation.readers import FolderSet


def test_ids_are_read_and_255_is_ignored_in_8_bit_labels_only(cells):
    found = FolderSet.open(cells)
    first, second = found.read(0), found.read(1)
    assert (found.name, first.name, second.name) == ("cells", "a", "b")
    assert first.image.shape == (12, 16, 3)
    assert first.objects == found.objects(0) == (1, 7)
    assert first.ignore.sum() == 16
    assert first.truth(7).sum() == 48
    assert second.image.shape == (12, 16)
    assert second.objects == found.objects(1) == (1, 7, 255)
    assert second.ignore is None


def test_255_can_be_kept(cells):
    sample = FolderSet.open(cells, keep_255=True).read(0)
    assert sample.objects == (1, 7, 255)
    assert sample.ignore is None


def test_a_set_is_pickled_without_its_pixels(cells):
    found = FolderSet.open(cells)
    packed = pickle.dumps(found)
    assert len(packed) < 1000
    assert pickle.loads(packed) == found


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp", ".npy", ".zarr"])
def test_labels_of_every_format_give_the_same_ids(cells, labels, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr").save(cells / "labels" / "c.zarr", labels)
    elif suffix == ".npy":
        np.save(cells / "labels" / "c.npy", labels)
    elif suffix == ".webp":
        Image.fromarray(labels).save(cells / "labels" / "c.webp", lossless=True)
    elif suffix == ".tif":
        tifffile.imwrite(cells / "labels" / "c.tif", labels, compression="zlib")
    else:
        Image.fromarray(labels).save(cells / "labels" / f"c{suffix}")
    (cells / "images" / "a.png").rename(cells / "images" / "c.png")
    sample = FolderSet.open(cells).read(1)
    assert sample.name == "c"
    assert np.array_equal(sample.truth(7), labels == 7)
    assert sample.objects == (1, 7)


def test_the_indices_of_a_palette_are_the_ids(cells, labels):
    picture = Image.fromarray(labels)
    picture.putpalette([1, 2, 3] * 256)
    picture.save(cells / "labels" / "a.png")
    assert FolderSet.open(cells).read(0).objects == (1, 7)


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.int64, ">u2", np.uint16])
def test_ids_of_many_bits(cells, labels, dtype):
    (cells / "labels" / "a.png").unlink()
    tifffile.imwrite(cells / "labels" / "a.tif", labels.astype(dtype))
    assert FolderSet.open(cells).read(0).objects == (1, 7, 255)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3),
            r"a\.tif are a colour image; save one channel",
        ),
        (np.full((12, 16), 0.5, np.float32), r"a\.tif are of type float32 and .* not whole"),
        (np.full((12, 16), -3, np.int16), r"a\.tif hold the negative id -3; number"),
        (
            np.zeros((5, 12, 16), np.uint16),
            r"a\.tif holds labels of 5 x 12 x 16 pixels, .* not one plane",
        ),
        (np.zeros((16, 12), np.uint8), r"'a' has 12 x 16 pixels .* its labels 16 x 12"),
    ],
)
def test_what_is_no_label_image_gets_a_sentence(cells, values, sentence):
    (cells / "labels" / "a.png").unlink()
    colour = values.shape[-1] == 3
    tifffile.imwrite(
        cells / "labels" / "a.tif", values, photometric="rgb" if colour else "minisblack"
    )
    found = FolderSet.open(cells)
    with pytest.raises(ValueError, match=sentence):
        found.read(0)
    assert found.read(1).objects


@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_truncated_file_is_named(cells, part):
    path = cells / part / "a.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=rf"{part}.a\.png cannot be read"):
        FolderSet.open(cells).read(0)


def test_an_image_without_labels_is_named_and_can_be_left_out(cells):
    (cells / "labels" / "b.png").unlink()
    found = FolderSet.open(cells)
    for ask in (found.read, found.objects):
        with pytest.raises(ValueError, match=r"labels.b\.\* is missing; each image needs"):
            ask(1)
    labelled = found.labelled()
    assert [labelled.read(index).name for index in range(len(labelled))] == ["a"]


def test_empty_labels_are_named(cells, labels):
    Image.fromarray(labels * 0).save(cells / "labels" / "a.png")
    with pytest.raises(ValueError, match="labels of 'a' hold no object"):
        FolderSet.open(cells).objects(0)


def test_a_binary_mask_among_labels_is_recognised(cells, labels):
    Image.fromarray((labels > 0).astype(np.uint8) * 255).save(cells / "labels" / "a.png")
    with pytest.raises(ValueError, match=r"no id but 255, .* put binary masks into masks/"):
        FolderSet.open(cells).objects(0)
    assert FolderSet.open(cells, keep_255=True).objects(0) == (255,)


def test_wrong_folders_say_what_was_looked_for(cells, tmp_path):
    with pytest.raises(ValueError, match=r"no folder .*nothing.images, where images were looked"):
        FolderSet.open(tmp_path / "nothing")
    empty = tmp_path / "empty"
    for part in ("images", "labels"):
        (empty / part).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"no image in .*images; expected NAME\.png"):
        FolderSet.open(empty)
    (empty / "images" / "x.png").touch()
    with pytest.raises(ValueError, match=r"no pairs of images and labels.* for example x\.png"):
        FolderSet.open(empty)


class TestBinaryMasks:
    @pytest.fixture
    def masked(self, save, tmp_path, colours):
        mask = np.zeros((12, 16), np.uint8)
        mask[1:4, 1:4], mask[4, 4], mask[8:10, 8:12] = 255, 255, 255
        save("spots/images/a.png", colours)
        save("spots/masks/a.png", mask)
        return tmp_path / "spots"

    def test_they_are_split_into_connected_pieces(self, masked):
        found = FolderSet.open(masked)
        assert found.objects(0) == (1, 2)
        assert sorted(found.read(0).areas.values()) == [8, 10]

    def test_or_not(self, masked):
        assert FolderSet.open(masked, meaning="whole").read(0).areas == {1: 18}

    def test_0_and_1_do_as_well(self, masked):
        path = masked / "masks" / "a.png"
        Image.fromarray(np.asarray(Image.open(path)) // 255).save(path)
        assert FolderSet.open(masked).objects(0) == (1, 2)

    def test_masks_may_hold_ids(self, masked, labels):
        """As those that StarDist is trained with do."""
        Image.fromarray(labels).save(masked / "masks" / "a.png")
        assert FolderSet.open(masked).objects(0) == (1, 7)

    def test_a_picture_is_refused(self, masked, rng):
        picture = rng.integers(0, 9, (60, 60)).astype(np.uint8) * 28
        Image.fromarray(picture).save(masked / "masks" / "a.png")
        with pytest.raises(ValueError, match=r"are a picture, .* without smoothing"):
            FolderSet.open(masked).objects(0)

    def test_another_word_is_refused(self, masked):
        with pytest.raises(ValueError, match="meaning is 'split'; use one of ids, pieces"):
            FolderSet.open(masked, meaning="split")


def test_annotators_each_have_their_labels(save, tmp_path, colours, labels):
    save("parts/images/x_a1.png", colours)
    for annotator in range(3):
        save(f"parts/labels/x_a1_a{annotator}.png", labels + annotator)
    found = FolderSet.open(tmp_path / "parts", annotators=True, keep_255=True)
    assert found.annotators(0) == 3
    for annotator in range(3):
        assert np.array_equal(found.read(0, annotator).instances, labels + annotator)
    assert found.objects(0) == (1, 7, 255)


def test_two_label_files_for_an_image_are_refused(cells, labels):
    tifffile.imwrite(cells / "labels" / "a.tif", labels)
    with pytest.raises(ValueError, match=r"'a' has 2 label files .*a\.png and a\.tif; keep one"):
        FolderSet.open(cells).read(0)
