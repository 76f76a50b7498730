"""Computing threads of the networks, counted without importing torch for it."""

from __future__ import annotations

import os
import sys

import psutil

_chosen = 0


def use_threads(count: int) -> None:
    """Let networks compute with so many, now and when torch is imported."""
    global _chosen
    _chosen = count
    apply_threads()


def apply_threads() -> None:
    """Tell torch, where it is there, how many were chosen."""
    tell = getattr(sys.modules.get("torch"), "set_num_threads", None)
    if _chosen and tell is not None:
        tell(_chosen)


def threads_in_use() -> int:
    """Return how many there are: as chosen, as torch has, or one on each core that may be used."""
    if _chosen:
        return _chosen
    ask = getattr(sys.modules.get("torch"), "get_num_threads", None)
    if ask is not None:
        return int(ask())
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if told.isdecimal() and int(told):
        return int(told)
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    affinity = getattr(psutil.Process(), "cpu_affinity", None)  # macOS has none
    return min(cores, len(affinity())) if affinity is not None else cores
