"""Computing threads of a process, chosen without importing torch for it."""

from __future__ import annotations

import os
import sys


def use_threads(count: int) -> None:
    """Let the networks of this thread compute with so many, whatever engine runs them."""
    os.environ["OMP_NUM_THREADS"] = str(count)  # torch reads it when it is imported
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)


def threads_in_use() -> int:
    """Return how many there are, 0 for one on each core."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else int(os.environ.get("OMP_NUM_THREADS") or 0)
