"""Threads are counted without torch, and told to it when it comes."""

import os
import sys
from types import SimpleNamespace

import psutil
import pytest

from napari_iafpn.networks import threads


@pytest.fixture(autouse=True)
def without_torch(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_chosen", 0)


@pytest.mark.parametrize(("told", "count"), [("3", 3), ("4,2", 4), ("0", None), ("many", None)])
def test_the_environment_is_asked_first(monkeypatch, told, count):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert threads.threads_in_use() == count or (count is None and threads.threads_in_use() >= 1)


def test_a_process_keeps_to_its_cores(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_count", lambda *, logical: 8)
    process = SimpleNamespace(cpu_affinity=lambda: [5])
    monkeypatch.setattr(psutil, "Process", lambda: process)
    assert threads.threads_in_use() == 1
    del process.cpu_affinity  # as on macOS
    assert threads.threads_in_use() == 8


def test_what_is_chosen_counts_and_torch_is_told(monkeypatch):
    threads.use_threads(3)
    assert threads.threads_in_use() == 3
    assert "OMP_NUM_THREADS" not in os.environ
    told = []
    torch = SimpleNamespace(get_num_threads=lambda: 7, set_num_threads=told.append)
    monkeypatch.setitem(sys.modules, "torch", torch)
    threads.apply_threads()
    assert told == [3]
    monkeypatch.setattr(threads, "_chosen", 0)
    assert threads.threads_in_use() == 7
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())  # being imported elsewhere
    assert threads.threads_in_use() >= 1
