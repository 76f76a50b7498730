"""What is finished stays finished."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.evaluation.journal import JOURNAL, Journal
from napari_iafpn.evaluation.masks import MaskCode
from napari_iafpn.evaluation.protocol import ObjectResult
from napari_iafpn.evaluation.results import Problem
from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click

HEADER = {"option": {"max_clicks": 20, "view_scales": ["whole", 8.0]}, "model": {"tiny": "ab12"}}


def result(label: int = 1) -> ObjectResult:
    mask = np.zeros((9, 7), bool)
    mask[2:5, 1:6] = True
    return ObjectResult(
        set="cells",
        image="a",
        label=label,
        model="tiny",
        view_scale=8.0,
        view=Box(0, 9, 0, 7),
        area=15,
        clicks=(Click(3, 2), Click(0.5, 1 / 3, positive=False)),
        ious=(0.1 + 0.2, 1 / 3),
        boundary_ious=(0.0, 1.0),
        network_seconds=(0.01, 0.02),
        user_seconds=(0.001, 0.002),
        other_seconds=(0.0, 1e-9),
        mask=MaskCode.encode(mask),
    )


def begin(folder: Path, header: object = HEADER) -> Journal:
    return Journal(folder, header, "2024-02-29T12:00:00+00:00", ObjectResult)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that an evaluation of three objects and a problem left."""
    with begin(tmp_path / "new" / "folder") as journal:
        journal.append([result(1), result(2)], [])
        journal.append([result(3)], [Problem("cells", "b", None, "no such file")])
    return tmp_path / "new" / "folder"


def test_a_later_run_gets_the_same_results_to_the_last_bit(folder: Path) -> None:
    with begin(folder) as journal:
        assert journal.finished == (result(1), result(2), result(3))


def test_the_first_start_is_kept(folder: Path) -> None:
    with Journal(folder, HEADER, "2025-01-01T00:00:00+00:00", ObjectResult) as journal:
        assert journal.started == "2024-02-29T12:00:00+00:00"


@pytest.mark.parametrize("cut", [2, 5, 200])
def test_a_torn_last_line_is_told_and_written_again(folder: Path, cut: int) -> None:
    path = folder / JOURNAL
    with begin(folder) as journal:
        journal.append([result(4)], [])
    torn = path.read_bytes()[:-cut]
    path.write_bytes(torn)
    with begin(folder) as journal:
        assert [found.label for found in journal.finished] == [1, 2, 3]
        assert journal.notes
        journal.append([result(4)], [])
    assert path.read_bytes().startswith(torn)
    with begin(folder) as journal:
        assert [found.label for found in journal.finished] == [1, 2, 3, 4]


def test_what_is_behind_a_damaged_line_is_kept_and_the_damage_told(folder: Path) -> None:
    path = folder / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], b"\0" * 40 + b"\n", *lines[3:]])
    path.write_bytes(damaged)
    with begin(folder) as journal:
        assert [found.label for found in journal.finished] == [1, 3]
        (note,) = journal.notes
        assert "1 line(s) of" in note
        assert "the first is line 3" in note
        journal.append([result(2)], [])
    assert path.read_bytes().startswith(damaged)
    with begin(folder) as journal:
        assert sorted(found.label for found in journal.finished) == [1, 2, 3]


def test_every_flipped_bit_is_noticed(folder: Path) -> None:
    path = folder / JOURNAL
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    rng = np.random.default_rng(5)
    for place in rng.integers(8 * first, 8 * len(whole), 60):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with begin(folder) as journal:
            assert journal.notes
            assert set(journal.finished) <= {result(1), result(2), result(3)}
    flipped = bytearray(whole)
    flipped[30] ^= 2
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match="the first line of"):
        begin(folder)
    assert path.read_bytes() == flipped


def test_results_of_earlier_versions_have_no_checksums_and_are_read(folder: Path) -> None:
    path = folder / JOURNAL
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    old = "".join(
        json.dumps({k: v for k, v in line.items() if k != "crc"}) + "\n" for line in lines
    )
    path.write_text(old)
    with begin(folder) as journal:
        assert journal.finished == (result(1), result(2), result(3))
        assert not journal.notes
        journal.append([result(4)], [])
    assert path.read_text().startswith(old)
    with begin(folder) as journal:
        assert len(journal.finished) == 4


def test_a_last_line_without_its_end_is_whole(folder: Path) -> None:
    path = folder / JOURNAL
    path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):
        with begin(folder) as journal:
            assert [found.label for found in journal.finished] == [1, 2, 3]
            assert not journal.notes
            journal.append([], [])


def test_one_evaluation_at_a_time_writes_into_a_folder(folder: Path) -> None:
    with begin(folder), pytest.raises(ValueError, match="another evaluation is writing into"):
        begin(folder)
    begin(folder).__exit__(None, None, None)


def test_a_file_that_is_deleted_meanwhile_is_written_anew(folder: Path) -> None:
    path = folder / JOURNAL
    whole = path.read_bytes()
    with begin(folder) as journal:
        path.unlink()
        journal.append([result(4)], [])
        (note,) = journal.notes
        assert "was deleted or replaced while it was in use" in note
    assert path.read_bytes().startswith(whole)
    with begin(folder) as journal:
        assert len(journal.finished) == 4


def test_a_torn_first_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b'{"format": 1, "sta')
    with begin(tmp_path) as journal:
        assert journal.finished == ()
        journal.append([result(1)], [])
    with begin(tmp_path) as journal:
        assert journal.finished == (result(1),)


def test_other_options_are_refused_by_name(folder: Path) -> None:
    other = {**HEADER, "option": {**HEADER["option"], "max_clicks": 10}}
    with pytest.raises(ValueError, match="option max_clicks = 20, now it is 10; repeat"):
        begin(folder, other)
    with pytest.raises(ValueError, match="begun with model tiny = ab12, now it is cd34"):
        begin(folder, {**HEADER, "model": {"tiny": "cd34"}})
    with pytest.raises(ValueError, match="begun with model more = None"):
        begin(folder, {**HEADER, "model": {**HEADER["model"], "more": "ef56"}})


def test_options_may_change_while_nothing_is_finished(tmp_path: Path) -> None:
    begin(tmp_path).__exit__(None, None, None)
    other = {**HEADER, "model": {"tiny": "cd34"}}
    begin(tmp_path, other).__exit__(None, None, None)
    last = (tmp_path / JOURNAL).read_text().splitlines()[-1]
    assert json.loads(last)["model"] == {"tiny": "cd34"}


def test_a_newer_format_is_refused(folder: Path) -> None:
    path = folder / JOURNAL
    path.write_text('{"format": 2, "started": ""}\n{"object": {}}\n')
    with pytest.raises(ValueError, match="have format 2, this version writes 1"):
        begin(folder)


def test_a_folder_in_use_for_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(ValueError, match="holds other files and no results"):
        begin(tmp_path)
    with pytest.raises(ValueError, match=r"thesis.txt is a file; give a folder"):
        begin(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_foreign_file_of_that_name_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("my notes\n")
    with pytest.raises(ValueError, match="no file of an evaluation's results"):
        begin(tmp_path)
    assert (tmp_path / JOURNAL).read_text() == "my notes\n"


def test_a_full_disk_loses_nothing_that_was_finished(folder: Path) -> None:
    whole = (folder / JOURNAL).read_bytes()
    with begin(folder) as journal:
        with files_end_at(len(whole) + 100), pytest.raises(OSError, match="before is kept") as said:
            journal.append([result(4)], [])
        assert said.value.filename is None, "the sentence is all that the user gets to see"
        journal.append([result(5)], [])
    assert (folder / JOURNAL).read_bytes().startswith(whole)
    with begin(folder) as journal:
        assert [found.label for found in journal.finished] == [1, 2, 3, 5]


def test_a_foreign_file_without_line_ends_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("my notes")
    with pytest.raises(ValueError, match="no file of an evaluation's results"):
        begin(tmp_path)
    assert (tmp_path / JOURNAL).read_text() == "my notes"


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let writing beyond ``size`` bytes of a file fail, as it does on a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
