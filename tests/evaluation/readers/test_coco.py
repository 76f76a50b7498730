import json
import pickle

import numpy as np
import pytest

from napari_iafpn.evaluation.readers import open_pair, open_set, survey
from napari_iafpn.evaluation.readers.combined import COCO_IDS
from napari_iafpn.exchange import read_labels

coco_mask = pytest.importorskip("pycocotools.mask")

# Of pycocotools with numpy 2; only it can repair that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def rectangle(rows, cols):
    """Return a polygon that covers the pixels of two ranges."""
    top, bottom, left, right = *rows, *cols
    return [[left, top, right, top, right, bottom, left, bottom]]


def run_lengths(mask):
    """Return uncompressed run lengths, column by column, as COCO writes them for crowds."""
    values = np.concatenate([[0], mask.ravel(order="F"), [2]])
    starts = np.flatnonzero(np.diff(values))
    return {"size": list(mask.shape), "counts": np.diff([0, *starts]).tolist()}


def annotation(label, shape, image=5, **more):
    return {"id": label, "image_id": image, "segmentation": shape, "iscrowd": 0, **more}


def content(annotations, **image):
    entry = {"id": 5, "file_name": "x.png", "height": 12, "width": 16} | image
    return {"images": [entry], "annotations": annotations}


@pytest.fixture
def write(save, tmp_path, colours):
    """Write ``data/annotations/NAME`` for the image ``data/val2017/x.png``."""
    save("data/val2017/x.png", colours)

    def write_json(values, name="instances_val2017.json"):
        path = tmp_path / "data" / "annotations" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(values))
        return path

    return write_json


def test_polygons_and_run_lengths_become_masks(write):
    diagonal = np.eye(12, 16, dtype=np.uint8)
    packed = coco_mask.encode(np.asfortranarray(diagonal))
    packed["counts"] = packed["counts"].decode()
    path = write(
        content(
            [
                annotation(11, rectangle((2, 6), (3, 9))),
                annotation(12, run_lengths(diagonal)),
                annotation(13, packed),
                annotation(14, rectangle((0, 12), (0, 16)), iscrowd=1),
            ]
        )
    )
    found = open_set(f"coco:{path}")
    assert (found.name, found.objects(0)) == ("instances_val2017", (11, 12, 13))
    sample = found.read(0)
    assert sample.areas == {11: 24, 12: 12, 13: 12}
    assert sample.truth(11)[2:6, 3:9].all()
    assert np.array_equal(sample.truth(12), diagonal.astype(bool))
    assert np.array_equal(sample.truth(13), sample.truth(12))


@pytest.fixture
def diagonal():
    return np.eye(12, 16, dtype=np.uint8)


def test_small_objects_lie_on_large_ones(write):
    path = write(
        content(
            [
                annotation(1, rectangle((2, 6), (3, 9))),
                annotation(2, rectangle((0, 12), (0, 16))),
            ]
        )
    )
    sample = open_set(f"coco:{path}").read(0)
    assert sample.areas == {1: 24, 2: 192}
    assert np.count_nonzero(sample.instances == 1) == 24


def test_a_set_is_pickled_as_its_paths(write):
    path = write(content([annotation(n, rectangle((0, 4), (0, 4))) for n in range(1, 200)]))
    found = open_set(f"coco:{path}")
    assert len(pickle.dumps(found)) < 500
    assert pickle.loads(pickle.dumps(found)).objects(0) == found.objects(0)


def test_ids_that_are_not_usable_are_replaced_by_places(write):
    shapes = [annotation(0, rectangle((0, 4), (0, 4))), annotation(1, rectangle((6, 9), (0, 4)))]
    found = open_set(f"coco:{write(content(shapes))}")
    assert found.read(0).areas == {1: 16, 2: 12}


def test_lvis_names_its_images_by_address(write, tmp_path):
    values = content([annotation(3, rectangle((0, 4), (0, 4)))])
    del values["images"][0]["file_name"]
    values["images"][0]["coco_url"] = "http://images.cocodataset.org/val2017/x.png"
    path = write(values, "lvis_v1_val.json")
    found = open_set(f"LVIS=lvis:{path}")
    assert (found.name, found.image_name(0)) == ("LVIS", "x")
    assert found.image_file(0) == tmp_path / "data" / "val2017" / "x.png"
    assert found.read(0).objects == (3,)


def test_a_folder_stands_for_its_only_json(write, tmp_path):
    write(content([annotation(3, rectangle((0, 4), (0, 4)))]))
    assert open_set(f"coco:{tmp_path / 'data'}").objects(0) == (3,)
    write(content([]), "another.json")
    with pytest.raises(ValueError, match=r"annotations holds 2 JSON files, another\.json among"):
        open_set(f"coco:{tmp_path / 'data'}")


def test_images_that_are_nowhere_are_named_with_the_folders(write):
    path = write(content([annotation(1, rectangle((0, 4), (0, 4)))], file_name="y.png"))
    with pytest.raises(ValueError, match=r"image y\.png of .* not found; looked in .*val2017"):
        open_set(f"coco:{path}")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1, 2], "cannot be read as annotations of COCO"),
        ({"images": []}, "has no list of annotations"),
        ({"images": [], "annotations": []}, "lists no images"),
        ({"images": [{"id": 1}], "annotations": []}, "cannot be read as annotations"),
    ],
)
def test_another_json_is_refused(write, values, sentence):
    with pytest.raises(ValueError, match=sentence):
        open_set(f"coco:{write(values)}")


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (run_lengths(np.ones((3, 3), np.uint8)), "has 3 x 3 pixels, not 12 x 16"),
    ],
)
def test_a_shape_that_is_none_is_named(write, shape, sentence):
    found = open_set(f"coco:{write(content([annotation(4, shape)]))}")
    assert found.objects(0) == (4,)
    with pytest.raises(ValueError, match=sentence):
        found.read(0)


@pytest.mark.parametrize("shape", [7, None, [], ["a" * 8], [[1, 1, 5, 5]], {"counts": [192]}])
def test_what_has_no_area_is_left_out_and_counted(write, shape):
    both = [annotation(4, shape), annotation(5, rectangle((0, 4), (0, 4)))]
    found = open_set(f"coco:{write(content(both))}")
    assert found.read(0).areas == {5: 16}
    assert found.notes()[0].startswith("1 of 2 annotation(s) of instances_val2017.json have no")
    assert found.notes()[0] in survey(found).text(width=500)
    with pytest.raises(ValueError, match=r"holds no mask of an object: 1 of 1 .* at most a box"):
        open_set(f"coco:{write(content(both[:1]))}")


def test_an_image_without_annotations_is_named(write, save, colours):
    save("data/val2017/y.png", colours)
    values = content([annotation(1, rectangle((0, 4), (0, 4)))])
    values["images"].append({"id": 6, "file_name": "y.png", "height": 12, "width": 16})
    with pytest.raises(ValueError, match="'y' hold no object"):
        open_set(f"coco:{write(values)}").objects(1)
    with pytest.raises(ValueError, match="holds no mask of an object: it has no annotation"):
        open_set(f"coco:{write(content([]))}")


class TestCrowds:
    def test_those_of_coco_are_left_out_and_counted(self, write, diagonal):
        both = [
            annotation(1, run_lengths(diagonal), iscrowd=1),
            annotation(2, rectangle((0, 4), (0, 4))),
        ]
        found = open_set(f"coco:{write(content(both))}")
        assert found.objects(0) == (2,)
        assert "1 of 2 annotation(s)" in found.notes()[0]
        assert "iscrowd" in found.notes()[0]

    def test_those_of_cvat_are_its_brush_masks(self, write, diagonal):
        """CVAT says ``iscrowd`` of run lengths, and writes attributes that COCO does not have."""
        brush = annotation(1, run_lengths(diagonal), iscrowd=1, attributes={"occluded": False})
        polygon = annotation(2, rectangle((0, 4), (0, 4)), attributes={"occluded": False})
        found = open_set(f"coco:{write(content([brush, polygon]))}")
        assert found.read(0).areas == {1: 12, 2: 16}
        assert found.notes() == ()

    def test_where_there_is_nothing_else_they_are_objects(self, write, diagonal):
        path = write(content([annotation(1, run_lengths(diagonal), iscrowd=1)]))
        assert open_set(f"coco:{path}").read(0).areas == {1: 12}


def test_polygons_and_run_lengths_are_united(write, diagonal):
    parts = [*rectangle((0, 4), (12, 16)), run_lengths(diagonal)]
    path = write(content([annotation(1, parts)]))
    assert open_set(f"coco:{path}").read(0).areas == {1: 28}
    assert np.count_nonzero(read_labels(path).labels) == 28


def test_a_polygon_without_its_list_is_read(write):
    path = write(content([annotation(1, rectangle((0, 4), (0, 4))[0])]))
    assert open_set(f"coco:{path}").read(0).areas == {1: 16}


def test_the_class_in_label_is_no_id(write):
    both = [annotation(n, rectangle((6 * n - 6, 6 * n - 2), (0, 4))) for n in (1, 2)]
    path = write(content([{**each, "label": 1} for each in both]))
    assert np.unique(read_labels(path).labels).tolist() == [0, 1, 2]


def test_images_may_lie_elsewhere(write, tmp_path, save, colours):
    path = write(content([annotation(1, rectangle((0, 4), (0, 4)))], file_name="deep/z.png"))
    save("elsewhere/z.png", colours)
    assert open_pair(tmp_path / "elsewhere", path, "z").read(0).areas == {1: 16}
    with pytest.raises(ValueError, match=r"z\.png of .* not found; looked in .*data"):
        open_pair(tmp_path / "data", path, "z")


def test_coco_adds_to_lvis_what_is_not_there(write, tmp_path, save, colours):
    """Of two COCO objects, one is LVIS's again, a little larger."""
    save("data/val2017/y.png", colours)
    lvis = content([annotation(1, rectangle((2, 6), (3, 9)))])
    coco = content(
        [
            annotation(8, rectangle((2, 7), (3, 9))),
            annotation(9, rectangle((8, 12), (3, 9))),
            annotation(10, rectangle((0, 4), (0, 4)), image=6),
        ]
    )
    coco["images"].append({"id": 6, "file_name": "y.png", "height": 12, "width": 16})
    write(lvis, "lvis_v1_val.json")
    write(coco)
    found = open_set(f"coco_lvis:{tmp_path / 'data'}")
    assert [found.image_name(index) for index in range(len(found))] == ["x", "y"]
    assert found.objects(0) == (1, COCO_IDS + 9)
    assert found.read(0).areas == {1: 24, COCO_IDS + 9: 24}
    assert found.read(1).areas == {COCO_IDS + 10: 16}
    assert pickle.loads(pickle.dumps(found)).objects(1) == found.objects(1)
