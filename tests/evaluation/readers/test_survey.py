import numpy as np
import pytest

from napari_iafpn.evaluation.readers import FolderSet, LayerSet, Sample, Selection, survey


@pytest.fixture
def add(save, colours, tmp_path):
    """Add a pair to the set ``lab``; each image differs."""
    count = iter(range(100))

    def write(stem, labels, image=None):
        if image is None:
            image = np.roll(colours, next(count) + 1, axis=0)
        save(f"lab/images/{stem}.png", image)
        save(f"lab/labels/{stem}.png", np.asarray(labels))

    return write


@pytest.fixture
def lab(tmp_path):
    return tmp_path / "lab"


def ids(**areas):
    labels = np.zeros((12, 16), np.uint8)
    for row, (label, area) in enumerate(areas.items()):
        labels[row * 3 : row * 3 + 2].flat[:area] = int(label[1:])
    return labels


def reasons(found):
    return {row.reason: (row.images, row.objects) for row in found.rows()}


def test_everything_is_used_where_nothing_is_wrong(add, lab):
    add("a", ids(_1=30, _2=32))
    add("b", ids(_3=25))
    found = survey(FolderSet.open(lab))
    assert (found.found_images, found.found_objects) == (2, 3)
    assert (found.used_images, found.used_objects) == (2, 3)
    assert found.findings == ()


def test_bad_pairs_are_left_out_each_with_its_reason(add, lab, colours):
    add("good", ids(_1=30, _2=5))
    add("again", ids(_1=30), image=colours)
    add("copy", ids(_1=30, _2=30), image=colours)
    add("empty", ids())
    add("colour", colours)
    add("size", ids(_1=30)[:10])
    add("broken", ids(_1=30))
    (lab / "labels" / "broken.png").write_bytes(b"not an image")
    add("lonely", ids(_1=30))
    (lab / "labels" / "lonely.png").rename(lab / "labels" / "stray.png")
    annotated = FolderSet.open(lab)
    found = survey(annotated)
    assert reasons(found) == {
        "no labels": (1, 0),
        "no image": (1, 0),
        "unreadable": (1, 0),
        "no ids": (1, 0),
        "size": (1, 0),
        "empty": (1, 0),
        "duplicate": (1, 2),
        "small": (1, 1),
    }
    usable = found.usable()
    names = [usable.image_name(index) for index in range(len(usable))]
    assert names == ["again", "good"]
    assert usable.read(1).objects == (1,)
    assert found.used_objects == 2
    assert "'copy' is the same image as 'again'" in found.text()
    for row in found.rows():
        assert row.example.count("\n") == 0
        assert not row.used


def test_a_smoothed_picture_is_recognised(add, lab, rng):
    noisy = rng.integers(0, 9, (60, 60)).astype(np.uint8) * 28
    add("a", noisy, image=np.zeros((60, 60), np.uint8))
    found = survey(FolderSet.open(lab))
    assert reasons(found) == {"no ids": (1, 0)}
    with pytest.raises(ValueError, match=r"nothing in the set 'lab' can be used: .*are a picture"):
        found.usable()


def test_an_object_in_hundreds_of_pieces_is_left_out(add, lab):
    labels = np.zeros((60, 60), np.uint8)
    labels[:44:4, :44:4] = 1
    labels[50:, :20], labels[50:, 30:] = 2, 3
    add("a", labels, image=np.zeros((60, 60), np.uint8))
    found = survey(FolderSet.open(lab))
    assert reasons(found) == {"scattered": (1, 1)}
    assert found.inspections[0].used == (2, 3)


def test_a_mask_of_several_objects_is_noticed_but_used(add, lab):
    labels = np.zeros((60, 60), np.uint8)
    for row in range(2, 60, 20):
        for col in range(2, 60, 20):
            labels[row : row + 9, col : col + 9] = 1
    add("a", labels, image=np.zeros((60, 60), np.uint8))
    speckled = np.zeros((60, 60), np.uint8)
    speckled[20:50, 20:50], speckled[:10:3, :30:3] = 1, 1
    add("b", speckled, image=np.ones((60, 60), np.uint8))
    found = survey(FolderSet.open(lab, meaning="ids"))
    (row,) = found.rows()
    assert (row.reason, row.images, row.used) == ("binary", 1, True)
    assert "'a' hold one id in 9 pieces" in row.example
    assert found.used_images == 2


def test_a_truncated_image_is_found_where_images_are_decoded(add, lab):
    add("a", ids(_1=30))
    add("b", ids(_1=30))
    path = lab / "images" / "a.png"
    path.write_bytes(path.read_bytes()[:-200])
    annotated = FolderSet.open(lab)
    assert survey(annotated).used_images == 2
    thorough = survey(annotated, decode=True)
    assert thorough.used_indices == (1,)
    assert reasons(thorough) == {"unreadable": (1, 0)}


def test_chosen_objects_alone_are_counted(add, lab):
    add("a", ids(_1=30, _2=32, _3=4))
    chosen = Selection(FolderSet.open(lab), (0,), ((2, 9),))
    found = survey(chosen)
    assert (found.found_objects, found.used_objects) == (1, 1)
    assert found.usable().objects(0) == (2,)


def test_layers_and_overlaps_are_surveyed(add):
    masks = {1: np.ones((12, 16), bool), 2: ids(_1=30) > 0, 3: np.zeros((12, 16), bool)}
    ignore = masks[2].copy()
    sample = Sample("a", np.zeros((12, 16)), ids(_1=30), (1, 2, 3), ignore, masks)
    found = survey(LayerSet("layers", (sample,)))
    assert reasons(found) == {"ignored": (1, 1), "small": (1, 1)}
    assert found.inspections[0].used == (1,)


def test_every_annotator_is_checked(add, lab, save):
    save("lab/images/x.png", np.zeros((12, 16), np.uint8))
    save("lab/labels/x_a0.png", ids(_1=30))
    save("lab/labels/x_a1.png", ids(_1=30)[:9])
    found = survey(FolderSet.open(lab, annotators=True))
    assert reasons(found) == {"size": (1, 0)}


def test_progress_is_told_and_can_end_the_survey(add, lab):
    for stem in "abc":
        add(stem, ids(_1=30))
    told = []
    survey(FolderSet.open(lab), report=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]

    class Stop(Exception):  # noqa: N818
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        survey(FolderSet.open(lab), report=stop)


def test_the_table_says_what_was_found_used_and_left_out(add, lab):
    add("a", ids(_1=30, _2=5))
    text = survey(FolderSet.open(lab)).text()
    assert "lab: 2 objects in 1 images found; 1 in 1 used" in text
    assert "left out: object too small" in text


@pytest.mark.parametrize("first", [None, ids()])
def test_of_copies_the_one_with_usable_labels_counts(add, lab, colours, first):
    add("a", ids() if first is None else first, image=colours)
    add("a_copy", ids(_1=30, _2=30), image=colours)
    if first is None:
        (lab / "labels" / "a.png").unlink()
    found = survey(FolderSet.open(lab))
    assert [each.used for each in found.inspections] == [(), (1, 2)]
    assert not found.twins


def test_a_checksum_tells_other_labels_and_other_pixels(add, lab, colours):
    add("a", ids(_1=30), image=colours)

    def checksum():
        (seen,) = survey(FolderSet.open(lab), decode=True).inspections
        return seen.checksum

    before = checksum()
    assert checksum() == before
    add("a", ids(_1=31), image=colours)
    after = checksum()
    assert after != before
    add("a", ids(_1=31), image=255 - colours)
    assert checksum() not in (before, after)


def test_masks_are_recognised_where_few_images_are_annotated(save, lab, colours):
    several = np.zeros((40, 40), np.uint8)
    for row in range(2, 40, 13):
        for col in range(2, 40, 13):
            several[row : row + 10, col : col + 10] = 1
    for number in range(450):
        save(f"lab/images/i{number:03}.png", colours)
        if number % 150 == 7:
            save(f"lab/labels/i{number:03}.png", several)
    annotated = FolderSet.open(lab)
    assert annotated.meaning == "pieces"
    assert len(annotated.truth(7).ids) == 9


def test_unsure_pixels_around_classes_are_no_objects(add, lab):
    classes = np.zeros((60, 60), np.uint8)
    for place, (row, col) in enumerate((r, c) for r in (5, 25, 45) for c in (5, 25, 45)):
        classes[row - 2 : row + 12, col - 2 : col + 12] = 255
        classes[row : row + 10, col : col + 10] = 1 + place % 2
    add("a", classes)
    annotated = FolderSet.open(lab)
    assert annotated.meaning == "pieces"
    truth = annotated.truth(0)
    assert len(truth.ids) == 9
    assert np.array_equal(truth.ignore, classes == 255)
