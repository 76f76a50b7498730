"""What benchmarks on validation sets share: their arguments, and the objects they click on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_iafpn.evaluation.readers import Sample, open_set


def arguments(text: str | None, objects: int, of: str, sets: Sequence[str]) -> argparse.Namespace:
    """Return ``data``, ``objects``, ``model`` and ``sets`` of the command line."""
    parser = argparse.ArgumentParser(description=(text or "").split("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--objects", type=int, default=objects, help=of)
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--sets", nargs="+", default=tuple(sets))
    return parser.parse_args()


def listed_objects(path: Path, count: int) -> list[tuple[Sample, int]]:
    """Return at most so many of the objects that the list beside a set names, evenly spread."""
    images = open_set(str(path))
    every = [(index, label) for index in range(len(images)) for label in images.objects(index)]
    chosen = np.linspace(0, len(every) - 1, min(count, len(every))).round().astype(int)
    return [(images.read(every[place][0]), every[place][1]) for place in chosen]
