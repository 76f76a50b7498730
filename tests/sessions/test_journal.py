"""The journal: nothing lost, damage cut off, failures told."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_iafpn.sessions import ObjectChange, Step, journal, lines
from napari_iafpn.sessions.journal import JournalWriter
from napari_iafpn.sessions.lines import LineFile, lines_of, sealed
from napari_iafpn.sessions.locking import InUseError, is_locked
from napari_iafpn.sessions.provenance import (
    ImageProvenance,
    LabelsProvenance,
    content_entries,
    fingerprint_of,
)
from napari_iafpn.sessions.reading import read_session


def test_a_session_comes_back(sitting):
    for place in range(3):
        sitting.square(10 + 15 * place, 20, place + 1)
    sitting.document.undo()
    sitting.click(50, 60, positive=False)
    assert sitting.writer.close(20)
    session = read_session(sitting.path)
    assert not session.damage
    assert session.state[0] == sitting.path.stat().st_size
    assert np.array_equal(session.labels_of("labels").data, sitting.target.data)
    assert session.document.objects == sitting.document.objects
    assert session.document.facts == sitting.document.facts
    assert session.images["image"].fingerprint == fingerprint_of(sitting.image)


def test_a_journal_is_readable_without_this_package(sitting):
    sitting.square(10, 20, 1)
    sitting.writer.close(20)
    entries = [json.loads(line) for line in sitting.path.read_text().splitlines()]
    commit = entries[-1]
    assert (commit["entry"], commit["kind"]) == ("do", "commit")
    pixels = commit["labels"][0]["pixels"][0]
    after = np.repeat(pixels["after"][::2], pixels["after"][1::2]).reshape(pixels["shape"])
    row, col = pixels["start"]
    labels = np.zeros((60, 80), int)
    labels[row : row + after.shape[0], col : col + after.shape[1]] = after
    assert np.array_equal(labels, sitting.target.data)
    assert entries[-2]["objects"][0]["object"]["clicks"] == [[10.0, 20.0, "+"]]


def test_the_disk_has_what_was_written_when_it_is_closed(sitting, monkeypatch):
    synced = []
    fsync = os.fsync

    def watched(descriptor):
        fsync(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", watched)
    sitting.square(10, 20, 1)
    assert sitting.writer.close(20)
    assert synced[-1] == sitting.path.stat().st_size


def go_on(path, told=print):
    """Return a writer that continues a journal."""
    file = LineFile(path, told)
    file.open()
    return JournalWriter(path, told, file=file)


def test_a_torn_tail_is_left_out_and_told(sitting):
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    sitting.writer.close(20)
    whole = sitting.path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in {*range(last + 1, len(whole) - 2, 37), len(whole) - 2}:
        sitting.path.write_bytes(whole[:end])
        session = read_session(sitting.path)
        assert "at most the last thing you did is missing" in session.damage
        assert len(session.document.facts) == 1
        assert session.document.objects, "the clicks before the lost commit are there"
    sitting.path.write_bytes(whole[:-1])
    session = read_session(sitting.path)
    assert not session.damage
    assert len(session.document.facts) == 2


def test_what_is_behind_damage_is_read_and_what_cannot_be_used_told(sitting):
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    sitting.square(50, 20, 3)
    sitting.writer.close(20)
    lines = sitting.path.read_bytes().splitlines(keepends=True)
    assert b'"commit"' in lines[5]
    lines[5] = lines[5].replace(b'"commit"', b'"comNit"')
    sitting.path.write_bytes(b"".join(lines))
    session = read_session(sitting.path)
    assert "line 6 is damaged and left out" in session.damage
    assert sorted(label for _, label in session.document.facts) == [2, 3]
    assert np.array_equal(
        session.labels_of("labels").data, np.where(sitting.target.data == 1, 0, sitting.target.data)
    )
    lines[5] = sealed({"entry": "do", "kind": "commit", "plane": {}})
    sitting.path.write_bytes(b"".join(lines))
    assert "line 6 is left out as unusable ('axes' is missing)" in read_session(sitting.path).damage


def test_a_journal_goes_on_behind_a_torn_entry_and_nothing_is_cut(sitting):
    sitting.square(10, 20, 1)
    sitting.writer.close(20)
    with sitting.path.open("ab") as file:
        file.write(b'{"entry":"do","kind":"cl')
    before = sitting.path.read_bytes()
    session = read_session(sitting.path)
    writer = go_on(sitting.path)
    session.document.tell_to(writer.record)
    session.document.undo()
    writer.close(20)
    assert sitting.path.read_bytes().startswith(before)
    again = read_session(sitting.path)
    assert "line 7 is damaged" in again.damage
    assert not again.labels_of("labels").data.any()
    assert again.document.last_undone.kind == "commit"


def test_an_undo_of_a_lost_step_takes_no_other_one_back(sitting):
    for place in range(3):
        sitting.square(10 + 15 * place, 20, place + 1)
    sitting.document.undo()
    sitting.writer.close(20)
    lines = sitting.path.read_bytes().splitlines(keepends=True)
    assert b'"undo"' in lines[-1]
    lines[-2] = b"\0" + lines[-2][1:]
    sitting.path.write_bytes(b"".join(lines))
    assert len(read_session(sitting.path).document.facts) == 2


def test_an_undo_that_is_lost_is_made_up_for_by_the_next_step(sitting):
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    sitting.document.undo()
    sitting.document.undo()
    sitting.document.undo()
    sitting.square(50, 20, 3)
    sitting.writer.close(20)
    lines = sitting.path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(b'{"entry":"undo"')]
    assert len(kept) == len(lines) - 3
    sitting.path.write_bytes(b"".join(kept))
    session = read_session(sitting.path)
    assert np.array_equal(session.labels_of("labels").data, sitting.target.data)
    assert session.document.facts == sitting.document.facts


def test_every_flipped_bit_is_noticed_and_costs_no_more_than_its_line(sitting, rng):
    for place in range(6):
        sitting.square(10 + 15 * (place // 2), 20 + 30 * (place % 2), place + 1)
    sitting.writer.close(20)
    whole = sitting.path.read_bytes()
    for place in rng.integers(0, 8 * len(whole), 80):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        sitting.path.write_bytes(flipped)
        session = read_session(sitting.path)
        assert session.damage
        found = session.labels_of("labels").data
        assert np.isin(found, [0, *range(1, 7)]).all()
        assert (found == sitting.target.data)[found > 0].all()
        # A line's end is of two lines.
        assert len(session.document.facts) >= (4 if whole[place // 8] == 10 else 5)


def test_a_line_of_no_end_and_deep_nesting_are_damage(sitting, monkeypatch):
    sitting.square(10, 20, 1)
    sitting.writer.close(20)
    monkeypatch.setattr("napari_iafpn.sessions.lines.MOST_BYTES", 2**16)
    lines = sitting.path.read_bytes().splitlines(keepends=True)
    lines[4:4] = [b"[" * 50_000 + b"\n", b"x" * 2**20 + b"\n", b'{"a":' + b"9" * 5000 + b"}\n"]
    sitting.path.write_bytes(b"".join(lines))
    session = read_session(sitting.path)
    assert "line 5 and 2 more are damaged" in session.damage
    assert len(session.document.facts) == 1


def test_a_journal_of_before_is_read_and_goes_on(sitting):
    """Lines had no checksums, steps no numbers."""
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    sitting.document.undo()
    sitting.document.redo()
    sitting.writer.close(20)
    old = []
    for line in sitting.path.read_text().splitlines():
        entry = json.loads(line)
        for key in ("crc", "step", "after"):
            entry.pop(key, None)
        old.append(json.dumps({**entry, "format": 1} if "format" in entry else entry) + "\n")
    sitting.path.write_text("".join(old))
    session = read_session(sitting.path)
    assert not session.damage
    assert np.array_equal(session.labels_of("labels").data, sitting.target.data)
    writer = go_on(sitting.path)
    session.document.tell_to(writer.record)
    session.document.undo()
    plane, now = sitting.plane, session.document[sitting.plane]
    after = replace(now, threshold=0.7)
    session.document.do(Step("threshold", plane, (ObjectChange(plane, now, after),)))
    writer.close(20)
    assert sitting.path.read_text().startswith("".join(old))
    again = read_session(sitting.path)
    assert not again.damage
    assert len(again.document.facts) == 1
    assert again.document.last_done.kind == "threshold"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no session of napari-iafpn"),
        ("hello\n", "is no session of napari-iafpn"),
        ('{"entry":"image"}\n', "is no session of napari-iafpn"),
        (
            '{"entry":"session","format":99}\n',
            "has the format 99, this version reads up to 3; update",
        ),
    ],
)
def test_what_is_no_session(tmp_path, text, sentence):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        read_session(path)
    with pytest.raises(ValueError, match="cannot open the session"):
        read_session(tmp_path / "absent.jsonl")


def test_a_full_disk_is_told_once_and_nothing_is_lost(sitting, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.05)
    sitting.square(10, 20, 1)
    sitting.writer.flush(20)
    real = lines._write_all

    def full(file, line):
        file.write(line[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lines, "_write_all", full)
    sitting.square(30, 20, 2)
    sitting.square(50, 20, 3)
    deadline = time.monotonic() + 20
    while not sitting.failures and time.monotonic() < deadline:
        time.sleep(0.01)
    (sentence,) = sitting.failures
    assert "No space left on device" in sentence
    assert len(read_session(sitting.path).document.facts) == 1, "whole entries only"
    monkeypatch.setattr(lines, "_write_all", real)
    assert sitting.writer.close(20)
    assert np.array_equal(read_session(sitting.path).labels_of("labels").data, sitting.target.data)


def test_closing_while_a_write_fails_tries_once_more(sitting, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.05)
    real, all_there = lines._write_all, threading.Event()
    closed = []
    closing = threading.Thread(target=lambda: closed.append(sitting.writer.close(20)))

    def full(file, line):
        if not all_there.is_set():
            all_there.wait(20)
        else:
            monkeypatch.setattr(lines, "_write_all", real)
            closing.start()
            closing.join(0.2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sitting.writer.flush(20)
    monkeypatch.setattr(lines, "_write_all", full)
    sitting.square(10, 20, 1)
    all_there.set()
    deadline = time.monotonic() + 20
    while not closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert closed == [True]
    assert len(read_session(sitting.path).document.facts) == 1


def test_what_could_not_be_written_before_is_tried_again_when_asked(sitting, monkeypatch):
    def full(file, line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(lines, "_write_all", full)
        sitting.square(10, 20, 1)
        assert not sitting.writer.flush(20)
    assert sitting.writer.flush(20)
    assert len(read_session(sitting.path).document.facts) == 1


def test_a_folder_that_cannot_be_made(tmp_path, new_sitting):
    (tmp_path / "home").write_text("a file where the folder should be")
    sitting = new_sitting(tmp_path / "home" / "s.iafpn.jsonl", np.zeros((60, 80), np.uint8))
    sitting.square(10, 20, 1)
    assert not sitting.writer.close(0.5)
    assert "the session cannot be saved in" in sitting.failures[0]
    assert (sitting.target.data == 1).sum() == 25


def test_one_program_at_a_time_has_a_journal(sitting):
    sitting.square(10, 20, 1)
    sitting.writer.flush(20)
    assert is_locked(sitting.path)
    with pytest.raises(InUseError, match="another window or program is writing"):
        LineFile(sitting.path).open()
    sitting.writer.close(20)
    assert not is_locked(sitting.path)
    assert not read_session(sitting.path).damage


def test_among_sessions_lie_only_sessions(tmp_path):
    file = LineFile(tmp_path / "sessions" / "a.iafpn.jsonl")
    file.create()
    assert [path.name for path in file.path.parent.iterdir()] == ["a.iafpn.jsonl"]
    assert is_locked(file.path)
    file.close()


def test_a_damaged_checksum_of_the_first_line_is_told(sitting):
    sitting.square(10, 20, 1)
    sitting.writer.close(20)
    raw = sitting.path.read_bytes()
    sitting.path.write_bytes(raw.replace(b'"crc"', b'"crb"', 1))
    session = read_session(sitting.path)
    assert "line 1 is damaged" in session.damage
    assert len(session.document.facts) == 1


def test_a_dead_owner_has_no_lock(tmp_path):
    path = tmp_path / "a.jsonl"
    code = (
        "import sys, time; from pathlib import Path; from napari_iafpn.sessions.lines import "
        "LineFile; file = LineFile(Path(sys.argv[1])); file.open(); print('has', flush=True); "
        "time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"has\n"
    held = is_locked(path)
    child.kill()
    child.wait()
    child.stdout.close()
    assert not is_locked(path)
    assert held


def test_a_drive_without_locks_gets_a_mark(tmp_path, monkeypatch):
    def none(*_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("filelock.FileLock.acquire", none)
    first = LineFile(tmp_path / "a.jsonl")
    first.open()
    with pytest.raises(InUseError):
        LineFile(tmp_path / "a.jsonl").open()
    first.close()
    second = LineFile(tmp_path / "a.jsonl")
    second.open()
    second.close()


def test_two_new_journals_of_one_name_are_two(sitting, new_sitting):
    other = new_sitting(sitting.path, sitting.image)
    for each in (sitting, other):
        each.square(10, 20, 1)
        assert each.writer.flush(20)
    assert other.writer.close(20)
    assert {path.name for path in sitting.path.parent.glob("*.jsonl")} == {
        "s.iafpn.jsonl",
        "s 2.iafpn.jsonl",
    }
    for each in (sitting, other):
        assert not read_session(each.writer.path).damage


def test_a_journal_deleted_while_in_use_is_written_anew_in_full(sitting):
    sitting.square(10, 20, 1)
    assert sitting.writer.flush(20)
    shutil.rmtree(sitting.path.parent)
    sitting.square(30, 20, 2)
    assert sitting.writer.flush(20)
    assert "was deleted or replaced while it was in use" in sitting.failures[0]
    session = read_session(sitting.path)
    assert not session.damage
    assert len(session.document.facts) == 2
    assert is_locked(sitting.path)


def test_a_file_in_the_place_of_a_journal_is_not_touched(sitting):
    sitting.square(10, 20, 1)
    assert sitting.writer.flush(20)
    sitting.path.unlink()
    sitting.path.write_text("somebody else's\n")
    sitting.square(30, 20, 2)
    assert sitting.writer.flush(20)
    assert sitting.path.read_text() == "somebody else's\n"
    assert len(read_session(sitting.writer.path).document.facts) == 2


def test_a_journal_that_another_program_changed_goes_on_and_that_is_told(sitting):
    sitting.square(10, 20, 1)
    assert sitting.writer.flush(20)
    with sitting.path.open("ab") as file:
        file.write(b"not ours")
    sitting.square(30, 20, 2)
    assert sitting.writer.flush(20)
    assert "another program changed" in sitting.failures[0]
    session = read_session(sitting.path)
    assert "is damaged" in session.damage
    assert len(session.document.facts) == 2


def test_an_error_of_any_kind_in_the_thread_is_told_and_mended(sitting, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.05)
    sitting.square(10, 20, 1)
    assert sitting.writer.flush(20)
    real, kinds = lines._write_all, [SystemExit("x"), MemoryError(), RuntimeError("y")]

    def broken(file, line):
        if kinds:
            raise kinds.pop()
        real(file, line)

    monkeypatch.setattr(lines, "_write_all", broken)
    sitting.square(30, 20, 2)
    deadline = time.monotonic() + 20
    while sitting.writer.waiting and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "the session cannot be saved" in sitting.failures[0]
    assert sitting.writer.close(20)
    assert len(read_session(sitting.path).document.facts) == 2


def test_a_thread_that_is_gone_is_begun_again(sitting, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "_work", lambda _: None)
        sitting.square(10, 20, 1)
        sitting.writer._thread.join()
    sitting.square(30, 20, 2)
    assert sitting.writer.close(20)
    assert len(read_session(sitting.path).document.facts) == 2


def test_who_is_told_may_be_gone(sitting, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.05)
    sitting.writer._failed = lambda _: 1 / 0
    with monkeypatch.context() as patch:
        patch.setattr(lines, "_write_all", lambda *_: 1 / 0)
        sitting.square(10, 20, 1)
        assert not sitting.writer.flush(20)
    assert sitting.writer.close(20)
    assert len(read_session(sitting.path).document.facts) == 1


def test_closing_on_a_full_disk_goes_on_trying(sitting, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.05)
    sitting.writer.flush(20)

    def full(file, line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(lines, "_write_all", full)
        sitting.square(10, 20, 1)
        assert not sitting.writer.close(20)
        assert sitting.writer.trouble == "No space left on device"
        assert is_locked(sitting.path)
    deadline = time.monotonic() + 20
    while is_locked(sitting.path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(read_session(sitting.path).document.facts) == 1


def test_steps_do_not_wait_for_the_content_of_large_labels(tmp_path, new_sitting, rng):
    """What labels were like at the start is written when nothing else is to be."""
    sitting = new_sitting(tmp_path / "s.iafpn.jsonl", np.zeros((60, 80), np.uint8))
    values = rng.integers(0, 9, (3, 700, 700)).astype(np.int32)
    about, going = LabelsProvenance.of("big", "Big", "image", values), threading.Event()

    def pieces():
        for entry in content_entries("big", values):
            going.wait(20)
            yield entry

    sitting.writer.append(lambda: {"entry": "labels", **vars(about)})
    sitting.writer.append_slowly(pieces())
    going.set()
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    assert sitting.writer.close(20)
    kinds = [line.entry["entry"] for line in lines_of(sitting.path)]
    assert kinds.index("do") < len(kinds) - kinds[::-1].index("content")
    assert kinds.count("content") == 7
    session = read_session(sitting.path)
    assert not session.damage
    assert np.array_equal(session.start_of("big"), values)
    raw = sitting.path.read_bytes().splitlines(keepends=True)
    del raw[kinds.index("content")]
    sitting.path.write_bytes(b"".join(raw))
    session = read_session(sitting.path)
    start = session.start_of("big")
    assert "a part of what the labels 'Big' were like" in session.damage
    assert ((start == values) | (start == 0)).all()
    assert (start != 0).any()


def test_the_thread_lives_only_while_there_is_something_to_do(sitting, monkeypatch):
    monkeypatch.setattr(journal, "SYNC_SECONDS", 0.05)
    sitting.square(10, 20, 1)
    deadline = time.monotonic() + 20
    while sitting.writer._thread is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(list(lines_of(sitting.path))) == 6
    sitting.square(30, 20, 2)
    assert sitting.writer.flush(20)
    assert len(read_session(sitting.path).document.facts) == 2


def test_an_entry_that_cannot_be_made_stops_nothing(sitting):
    def failing():
        raise RuntimeError("the store does not answer")

    sitting.writer.append(failing)
    sitting.square(10, 20, 1)
    assert sitting.writer.close(20)
    assert "something you did cannot be written to the session" in sitting.failures[0]
    session = read_session(sitting.path)
    assert "it was never written (RuntimeError: the store does not answer)" in session.damage
    assert len(session.document.facts) == 1


def test_large_labels_that_were_empty_need_no_room(monkeypatch):
    monkeypatch.setattr("napari_iafpn.sessions.provenance.CONTENT_BYTES", 100)
    blank = np.broadcast_to(np.zeros((), np.uint16), (200, 300))
    about = LabelsProvenance.of("a", "b", "c", blank)
    assert about.content == ""
    assert not about.data().any()


@pytest.mark.parametrize("dtype", ["u1", "u2", "<i4", ">i4", "u8"])
def test_labels_are_kept_as_they_were(rng, dtype):
    data = rng.integers(0, 200, (3, 20, 30)).astype(dtype)
    about = LabelsProvenance.of("a", "b", "c", data)
    assert np.array_equal(
        LabelsProvenance.from_json(json.loads(json.dumps(vars(about)))).data(), data
    )


def test_large_labels_are_not_kept(monkeypatch):
    monkeypatch.setattr("napari_iafpn.sessions.provenance.CONTENT_BYTES", 100)
    about = LabelsProvenance.of("a", "b", "c", np.ones((20, 30), np.uint8))
    with pytest.raises(ValueError, match="were too large to keep in the session"):
        about.data()


def test_a_fingerprint_tells_images_apart_and_not_storages(rng, tmp_path):
    zarr = pytest.importorskip("zarr")
    image = rng.integers(0, 60000, (7, 300, 200)).astype(np.uint16)
    stored = zarr.create_array(tmp_path / "a.zarr", data=image, chunks=(1, 64, 64))
    assert fingerprint_of(stored) == fingerprint_of(image) == fingerprint_of(image.astype(">u2"))
    assert fingerprint_of(image) != fingerprint_of(image[:, ::-1])
    assert fingerprint_of(image) != fingerprint_of(image[:6])
    assert ImageProvenance.of("i", "n", "", image, rgb=False).shape == (7, 300, 200)
