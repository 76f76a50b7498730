"""The files of a run: one writer, and damage is noticed."""

import pytest
import torch

from napari_iafpn.sessions import lines
from napari_iafpn.training.finetuning.request import RECORD
from napari_iafpn.training.finetuning.state import Record, load_record
from napari_iafpn.training.state import KEYS, STATE, load_state, save_state, sole_writer

WEIGHTS = {"a": torch.arange(500.0)}
VALUES = {**dict.fromkeys(KEYS), "recipe": "ab", "stage": "fine", "step": 3, "cascade": WEIGHTS}


def flipped(path, rng, count):
    """Put a file with one other bit in its place, again and again."""
    whole = path.read_bytes()
    for place in rng.integers(0, 8 * len(whole), count):
        other = bytearray(whole)
        other[place // 8] ^= 1 << place % 8
        path.write_bytes(other)
        yield place


def test_one_program_trains_in_a_folder(tmp_path):
    folder = tmp_path / "run"
    with (
        sole_writer(folder),
        pytest.raises(ValueError, match="another program is training in"),
        sole_writer(folder),
    ):
        pass
    assert not folder.exists(), "nothing was written"
    with sole_writer(folder):
        save_state(folder, VALUES)
    with sole_writer(folder):
        pass
    assert (folder / STATE).is_file()


def test_a_flipped_bit_in_a_state_is_noticed(tmp_path, rng):
    save_state(tmp_path, VALUES)
    assert torch.equal(load_state(tmp_path, "ab")["cascade"]["a"], torch.arange(500.0))
    noticed = 0
    for _ in flipped(tmp_path / STATE, rng, 60):
        try:
            found = load_state(tmp_path, "ab")
        except ValueError:
            noticed += 1
        else:  # where a bit means nothing, nothing is changed
            assert torch.equal(found["cascade"]["a"], torch.arange(500.0))
    assert noticed > 40


def test_a_flipped_bit_in_a_record_is_noticed(tmp_path, rng):
    record = Record("ab", "cd", used=3.25, steps={"fine": 7})
    record.save(tmp_path)
    assert load_record(tmp_path, "ab", "cd") == record
    for place in flipped(tmp_path / RECORD, rng, 60):
        if place // 8 < (tmp_path / RECORD).stat().st_size - lines.SEAL_BYTES:
            with pytest.raises(ValueError, match="is damaged; delete"):
                load_record(tmp_path, "ab", "cd")
