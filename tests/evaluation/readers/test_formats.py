import json

import pytest

from napari_iafpn.evaluation.readers import FORMATS, open_set


def listed(found):
    return [(found.image_name(index), found.objects(index)) for index in range(len(found))]


@pytest.mark.parametrize(
    ("before", "name"), [("", "cells"), ("folder:", "cells"), ("my set=folder:", "my set")]
)
def test_a_set_is_called_by_its_folder_or_as_told(cells, before, name):
    assert open_set(f"{before}{cells}").name == name


def test_a_name_may_stand_before_a_bare_path(cells):
    assert open_set(f"mine={cells}").name == "mine"


def test_a_path_may_hold_signs(cells):
    odd = cells.rename(cells.parent / "a=b:c")
    assert open_set(str(odd)).name == "a=b:c"
    assert open_set(f"folder:{odd}").name == "a=b:c"


def test_an_unknown_format_lists_the_known_ones(cells):
    with pytest.raises(ValueError, match=f"format 'cocoa' of .* {', '.join(FORMATS)}"):
        open_set(f"cocoa:{cells}")


def test_a_path_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no folder nowhere.images"):
        open_set("nowhere")


def test_255_can_be_kept(cells):
    assert open_set(str(cells), keep_255=True).objects(0) == (1, 7, 255)


class TestObjectLists:
    @pytest.fixture
    def write(self, cells):
        def write_list(values, path=cells.parent / "objects.json"):
            path.write_text(values if isinstance(values, str) else json.dumps(values))
            return path

        return write_list

    def test_a_list_beside_the_folder_chooses(self, cells, write):
        write({"cells": [["b", 7], ["a", 1], ["b", 255], ["b", 7]], "others": [["x", 1]]})
        found = open_set(str(cells))
        assert listed(found) == [("b", (7, 255)), ("a", (1,))]
        assert found.read(0).objects == (7, 255)

    def test_a_given_list_comes_first(self, cells, write, tmp_path):
        write({"cells": [["b", 7]]})
        other = write({"renamed": [["a", 7]], "cells": [["a", 1]]}, tmp_path / "other.json")
        assert listed(open_set(str(cells), objects=other)) == [("a", (1,))]
        assert listed(open_set(f"renamed=folder:{cells}", objects=other)) == [("a", (7,))]
        assert listed(open_set(f"new=folder:{cells}", objects=other)) == [("a", (1,))]

    def test_a_set_that_is_not_listed_is_taken_whole(self, cells, write):
        write({"others": [["x", 1]]})
        assert listed(open_set(str(cells))) == [("a", (1, 7)), ("b", (1, 7, 255))]

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"cells": [["c", 1]]}, "names image 'c', which the set 'cells' does not have"),
            ({"cells": [["a"]]}, "an entry that is no pair of image and id"),
            ({"cells": 3}, "an entry that is no pair of image and id"),
            ([1], "holds no sets"),
            ("{", "it is no JSON from line 1 on"),
        ],
    )
    def test_a_list_that_does_not_fit_is_refused(self, cells, write, values, sentence):
        write(values)
        with pytest.raises(ValueError, match=sentence):
            open_set(str(cells))

    def test_a_list_that_is_not_there_is_named(self, cells, tmp_path):
        with pytest.raises(ValueError, match=r"no list of objects .*none\.json"):
            open_set(str(cells), objects=tmp_path / "none.json")
