import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from napari_iafpn.evaluation.readers import open_set


@pytest.fixture
def trimap():
    values = np.zeros((12, 16), np.uint8)
    values[2:8, 3:9], values[4:6, 4:7], values[0] = 128, 255, 127
    return values


@pytest.mark.parametrize(
    ("kind", "images", "masks", "suffix"),
    [("grabcut", "data_GT", "boundary_GT", ".bmp"), ("berkeley", "images", "masks", ".png")],
)
def test_a_trimap_has_object_and_border(
    save, tmp_path, colours, trimap, kind, images, masks, suffix
):
    save(f"set/{images}/x#1.jpg", colours)
    save(f"set/{masks}/x#1{suffix}", trimap)
    found = open_set(f"{kind}:{tmp_path / 'set'}")
    sample = found.read(0)
    assert (found.name, sample.name, sample.objects) == ("set", "x#1", (1,))
    assert np.array_equal(sample.truth(1), trimap == 255)
    assert np.array_equal(sample.ignore, trimap == 128)
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_mask_of_one_bit_is_a_mask(save, tmp_path, colours, trimap):
    save("set/images/x.png", colours)
    save("set/masks/x.bmp", trimap == 255)
    assert open_set(f"berkeley:{tmp_path / 'set'}").read(0).areas == {1: 6}


@pytest.fixture
def davis(save, tmp_path, colours):
    gt = np.zeros((12, 16, 3), np.uint8)
    gt[2, :, 0], gt[4, :, 1] = 128, 1
    for number in range(3):
        save(f"davis/img/cow_{number}.jpg", colours)
        save(f"davis/gt/cow_{number}.png", gt)
    return tmp_path / "davis"


@pytest.mark.parametrize("kind", ["davis", "coco_mval"])
def test_whatever_is_not_0_is_the_object(davis, kind):
    found = open_set(f"{kind}:{davis}")
    assert len(found) == 3
    assert found.read(1).areas == {1: 32}


def test_a_list_chooses_the_frames_of_davis(davis):
    (davis / "davis345.txt").write_text("# frames\ncow_2\n\ncow_0.jpg\n")
    found = open_set(f"davis:{davis}")
    assert [found.image_name(index) for index in range(len(found))] == ["cow_2", "cow_0"]
    (davis / "davis345.txt").write_text("dog_1\n")
    with pytest.raises(ValueError, match=r"lists frame 'dog_1', which .* does not have"):
        open_set(f"davis:{davis}")


def test_an_image_without_mask_is_named(davis):
    (davis / "gt" / "cow_1.png").unlink()
    with pytest.raises(ValueError, match=r"cow_1\.jpg in .*img has no mask; expected cow_1\.png"):
        open_set(f"davis:{davis}")


def test_an_empty_mask_is_named(davis):
    Image.fromarray(np.zeros((12, 16), np.uint8)).save(davis / "gt" / "cow_0.png")
    with pytest.raises(ValueError, match="'cow_0' hold no object"):
        open_set(f"davis:{davis}").objects(0)


@pytest.fixture
def voc(save, tmp_path, colours, labels):
    for stem in ("2007_1", "2007_2"):
        save(f"VOCdevkit/VOC2012/JPEGImages/{stem}.jpg", colours)
    picture = Image.fromarray(labels)
    picture.putpalette([7, 7, 7] * 256)
    root = tmp_path / "VOCdevkit" / "VOC2012"
    (root / "SegmentationObject").mkdir()
    picture.save(root / "SegmentationObject" / "2007_2.png")
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_2\n")
    return root


def test_voc_has_the_instances_of_its_list_and_ignores_void(voc, tmp_path, labels):
    for path in (voc, tmp_path):
        found = open_set(f"VOC=voc:{path}")
        assert (found.name, len(found), found.objects(0)) == ("VOC", 1, (1, 7))
        assert np.array_equal(found.read(0).ignore, labels == 255)


@pytest.fixture
def sbd(save, tmp_path, colours):
    instances = np.zeros((12, 16), np.uint8)
    instances[2:6, 2:6] = 1
    np.fill_diagonal(instances[:, :], 2)
    for stem in ("2008_1", "2008_2"):
        save(f"sbd/dataset/img/{stem}.jpg", colours)
    root = tmp_path / "sbd" / "dataset"
    (root / "inst").mkdir()
    for stem in ("2008_1", "2008_2"):
        truth = {"Segmentation": instances, "Boundaries": [], "Categories": [1, 2]}
        savemat(root / "inst" / f"{stem}.mat", {"GTinst": truth})
    (root / "val.txt").write_text("2008_2\n")
    (root / "train.txt").write_text("2008_1\n")
    return root


def test_sbd_has_the_instances_of_its_list(sbd, tmp_path):
    for path in (sbd, tmp_path / "sbd"):
        found = open_set(f"sbd:{path}")
        assert (found.image_name(0), found.objects(0)) == ("2008_2", (1, 2))
        assert found.read(0).areas == {1: 12, 2: 12}


def test_slips_of_annotation_are_left_out_of_training_only(sbd, save, tmp_path):
    thin = np.zeros((60, 60), np.uint8)
    np.fill_diagonal(thin, 2)
    thin[:9, 40:] = 1
    save("sbd/dataset/img/2008_1.jpg", np.zeros((60, 60, 3), np.uint8))
    savemat(sbd / "inst" / "2008_1.mat", {"GTinst": {"Segmentation": thin}})
    found = open_set(f"sbd_train:{sbd}")
    assert found.image_name(0) == "2008_1"
    assert found.read(0).areas == {1: 180}


def test_a_broken_matlab_file_is_named(sbd):
    path = sbd / "inst" / "2008_2.mat"
    for content in (b"", b"no matlab file", path.read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"2008_2\.mat cannot be read as instances of SBD"):
            open_set(f"sbd:{sbd}").objects(0)
    savemat(path, {"GTcls": 1})
    with pytest.raises(ValueError, match=r"a MATLAB file with GTinst\.Segmentation"):
        open_set(f"sbd:{sbd}").objects(0)
    path.unlink()
    with pytest.raises(ValueError, match=r"no file at .*2008_2\.mat"):
        open_set(f"sbd:{sbd}").objects(0)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("grabcut", "has no data_GT/; expected data_GT/ and boundary_GT/ in it, and found notes/"),
        ("berkeley", "has no images/; expected images/ and masks/ in it"),
        ("davis", "has no img/; expected img/ and gt/ in it"),
        ("coco_mval", "has no img/; expected img/ and gt/ in it"),
        ("voc", "expected JPEGImages, SegmentationObject, ImageSets/Segmentation/val.txt in one"),
        ("sbd", "expected img, inst, val.txt in one folder, .* give the folder that holds them"),
        ("coco", "no JSON file in .*annotations; give its path"),
        ("coco_lvis", r"expected one lvis_\*.json in .*, and found 0"),
    ],
)
def test_a_wrong_layout_says_what_was_looked_for_where(tmp_path, kind, sentence):
    (tmp_path / "wrong" / "notes").mkdir(parents=True)
    with pytest.raises(ValueError, match=sentence):
        open_set(f"{kind}:{tmp_path / 'wrong'}")
