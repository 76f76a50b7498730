"""Kills, flipped bits, second windows and full disks at random: the benchmark, in small."""

import subprocess
import sys
from pathlib import Path

import pytest

CRASHES = Path(__file__).parents[2] / "benchmarks" / "crashes.py"
COUNTS = {"kills": 3, "flips": 12, "doubles": 2, "full": 1}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals and limits of Unix")
def test_nothing_is_lost_beyond_the_last_operation_and_nothing_unnoticed():
    counts = [f"--{name}={count}" for name, count in COUNTS.items()]
    done = subprocess.run(
        [sys.executable, str(CRASHES), *counts, "--seed=7"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
