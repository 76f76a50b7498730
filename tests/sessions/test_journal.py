"""The journal: nothing lost, damage cut off, failures told."""

import errno
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from napari_iafpn.sessions import journal
from napari_iafpn.sessions.about import ImageAbout, LabelsAbout, fingerprint_of
from napari_iafpn.sessions.journal import JournalWriter
from napari_iafpn.sessions.locking import is_locked
from napari_iafpn.sessions.reading import entries_of, read_session


def test_a_session_comes_back(sitting):
    for place in range(3):
        sitting.square(10 + 15 * place, 20, place + 1)
    sitting.document.undo()
    sitting.click(50, 60, positive=False)
    assert sitting.writer.close(20)
    session = read_session(sitting.path)
    assert not session.damage
    assert session.end == sitting.path.stat().st_size
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


def test_a_torn_tail_is_cut_off_and_told(sitting):
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    sitting.writer.close(20)
    whole = sitting.path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in {*range(last + 1, len(whole), 37), len(whole) - 1}:
        sitting.path.write_bytes(whole[:end])
        session = read_session(sitting.path)
        assert session.end == last
        assert "at most the last thing you did is missing" in session.damage
        assert len(session.document.facts) == 1
        assert session.document.objects, "the clicks before the lost commit are there"


def test_what_is_damaged_in_the_middle_ends_the_session_there(sitting):
    sitting.square(10, 20, 1)
    sitting.square(30, 20, 2)
    sitting.writer.close(20)
    lines = sitting.path.read_bytes().splitlines(keepends=True)
    lines[-2] = b'{"entry":"do","kind":"commit","plane":{}}\n'
    sitting.path.write_bytes(b"".join(lines))
    session = read_session(sitting.path)
    assert "is damaged behind byte" in session.damage
    assert len(session.document.facts) == 1


def test_a_journal_goes_on_behind_its_last_whole_entry(sitting):
    sitting.square(10, 20, 1)
    sitting.writer.close(20)
    with sitting.path.open("ab") as file:
        file.write(b'{"entry":"do","kind":"cl')
    session = read_session(sitting.path)
    writer = JournalWriter(sitting.path, print, end=session.end)
    writer.append(lambda: {"entry": "undo"})
    writer.close(20)
    again = read_session(sitting.path)
    assert not again.damage
    assert not again.labels_of("labels").data.any()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no session of napari-iafpn"),
        ("hello\n", "is no session of napari-iafpn"),
        ('{"entry":"image"}\n', "is no session of napari-iafpn"),
        ('{"entry":"session","format":99}\n', "has the format 99, this version reads 1; update"),
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
    real = journal._write_all

    def full(file, line):
        file.write(line[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal, "_write_all", full)
    sitting.square(30, 20, 2)
    sitting.square(50, 20, 3)
    deadline = time.monotonic() + 20
    while not sitting.failures and time.monotonic() < deadline:
        time.sleep(0.01)
    (sentence,) = sitting.failures
    assert "No space left on device" in sentence
    assert len(read_session(sitting.path).document.facts) == 1, "whole entries only"
    monkeypatch.setattr(journal, "_write_all", real)
    assert sitting.writer.close(20)
    assert np.array_equal(read_session(sitting.path).labels_of("labels").data, sitting.target.data)


def test_closing_while_a_write_fails_tries_once_more(sitting, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.05)
    real, all_there = journal._write_all, threading.Event()
    closed = []
    closing = threading.Thread(target=lambda: closed.append(sitting.writer.close(20)))

    def full(file, line):
        if not all_there.is_set():
            all_there.wait(20)
        else:
            monkeypatch.setattr(journal, "_write_all", real)
            closing.start()
            closing.join(0.2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sitting.writer.flush(20)
    monkeypatch.setattr(journal, "_write_all", full)
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
        patch.setattr(journal, "_write_all", full)
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
    told = []
    other = JournalWriter(sitting.path, told.append, end=5)
    other.append(lambda: {"entry": "undo"})
    other.close(1)
    assert told
    sitting.writer.close(20)
    assert not is_locked(sitting.path)
    assert not read_session(sitting.path).damage


def test_the_thread_lives_only_while_there_is_something_to_do(sitting, monkeypatch):
    monkeypatch.setattr(journal, "SYNC_SECONDS", 0.05)
    sitting.square(10, 20, 1)
    deadline = time.monotonic() + 20
    while any(t.name == "napari-iafpn journal" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(list(entries_of(sitting.path))) == 6
    sitting.square(30, 20, 2)
    assert sitting.writer.flush(20)
    assert len(read_session(sitting.path).document.facts) == 2


def test_an_entry_that_cannot_be_made_stops_nothing(sitting):
    def failing():
        raise RuntimeError("the store does not answer")

    sitting.writer.append(failing)
    sitting.square(10, 20, 1)
    assert sitting.writer.close(20)
    session = read_session(sitting.path)
    assert not session.damage
    assert len(session.document.facts) == 1


def test_large_labels_that_were_empty_need_no_room(monkeypatch):
    monkeypatch.setattr("napari_iafpn.sessions.about.CONTENT_BYTES", 100)
    blank = np.broadcast_to(np.zeros((), np.uint16), (200, 300))
    about = LabelsAbout.of("a", "b", "c", blank)
    assert about.content == ""
    assert not about.data().any()


@pytest.mark.parametrize("dtype", ["u1", "u2", "<i4", ">i4", "u8"])
def test_labels_are_kept_as_they_were(rng, dtype):
    data = rng.integers(0, 200, (3, 20, 30)).astype(dtype)
    about = LabelsAbout.of("a", "b", "c", data)
    assert np.array_equal(LabelsAbout.from_json(json.loads(json.dumps(vars(about)))).data(), data)


def test_large_labels_are_not_kept(monkeypatch):
    monkeypatch.setattr("napari_iafpn.sessions.about.CONTENT_BYTES", 100)
    about = LabelsAbout.of("a", "b", "c", np.ones((20, 30), np.uint8))
    with pytest.raises(ValueError, match="were too large to keep in the session"):
        about.data()


def test_a_fingerprint_tells_images_apart_and_not_storages(rng, tmp_path):
    zarr = pytest.importorskip("zarr")
    image = rng.integers(0, 60000, (7, 300, 200)).astype(np.uint16)
    stored = zarr.create_array(tmp_path / "a.zarr", data=image, chunks=(1, 64, 64))
    assert fingerprint_of(stored) == fingerprint_of(image) == fingerprint_of(image.astype(">u2"))
    assert fingerprint_of(image) != fingerprint_of(image[:, ::-1])
    assert fingerprint_of(image) != fingerprint_of(image[:6])
    assert ImageAbout.of("i", "n", "", image, rgb=False).shape == (7, 300, 200)


CHILD = """
import sys, time
import numpy as np
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import Sitting
sitting = Sitting(Path(sys.argv[1]), np.zeros((60, 80), np.uint8))
for place in range(60):
    sitting.square(5 + 10 * (place % 5), 5 + 6 * (place // 5), place + 1)
    print(place + 1, flush=True)
    while sitting.writer._entries or sitting.writer._lines:  # a hand is slower than the disk
        time.sleep(0.002)
sitting.writer.close(20)
"""


@pytest.mark.slow
def test_a_killed_session_misses_at_most_the_last_step(tmp_path, new_sitting, rng):
    """Twenty processes are killed at random moments; each session is finished from its journal."""
    whole = new_sitting(tmp_path / "whole.iafpn.jsonl", np.zeros((60, 80), np.uint8))
    for place in range(60):
        whole.square(5 + 10 * (place % 5), 5 + 6 * (place // 5), place + 1)
    whole.writer.close(20)
    here = os.path.dirname(__file__)
    reached = []
    for attempt in range(20):
        path = tmp_path / f"{attempt}.iafpn.jsonl"
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), here], stdout=subprocess.PIPE, text=True
        )
        stop_at = int(rng.integers(1, 58))
        told = 0
        for line in child.stdout:
            told = int(line)
            if told >= stop_at:
                break
        time.sleep(float(rng.uniform(0, 0.003)))
        child.kill()
        child.wait()
        child.stdout.close()
        session = read_session(path)
        committed = len(session.document.facts)
        reached.append(committed)
        assert committed >= told - 1
        target = session.labels_of("labels")
        writer = JournalWriter(path, print, end=session.end)
        session.document.tell = writer.record
        rest = new_sitting.__new__(new_sitting)
        rest.target, rest.document = type(whole.target)(target.data), session.document
        rest.plane, rest.image = whole.plane, whole.image
        rest.document.labels = lambda _, target=rest.target: target
        for place in range(committed, 60):
            rest.square(5 + 10 * (place % 5), 5 + 6 * (place // 5), place + 1)
        assert writer.close(20)
        again = read_session(path)
        assert not again.damage
        assert np.array_equal(again.labels_of("labels").data, whole.target.data)
        assert again.document.facts.keys() == whole.document.facts.keys()
    assert len(set(reached)) > 5
