"""What an object costs in large labels, compared with small ones.

    python benchmarks/large_labels.py --side 20000 --objects 5000

Prints milliseconds and ratios of the parts of a commit of a disk of a million pixels: finding its
number, making the change, writing and showing it (commit), drawing the screen, undoing it; beside
them writing without showing (unseen), and napari's own refresh. For an array of 1,000 x 1,000, for
one of the given side, and for a pyramid of zarr arrays of 100,000 x 100,000; then of small objects,
for the first and the last ones of many. Needs a screen, or xvfb-run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin import labels as labels_module, stores
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.sessions import PlaneKey
from napari_iafpn.sessions.pixels import PixelChange, painted

PLANE = PlaneKey("image", (0, 1))
SMALL, SLIDE = 1000, 100_000
REPEATS = 7
Times = dict[str, list[float]]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=20_000, help="of the large array, in pixels")
    parser.add_argument("--objects", type=int, default=5000)
    options = parser.parse_args()
    viewer = napari.Viewer()
    small = commit_times(viewer, np.zeros((SMALL, SMALL), np.int32))
    large = commit_times(viewer, np.zeros((options.side, options.side), np.int32))
    with tempfile.TemporaryDirectory() as folder:
        shapes = [(SLIDE >> level, SLIDE >> level) for level in range(8)]
        levels = stores._stored(Path(folder), "slide", shapes, np.dtype(np.int32))
        slide = commit_times(viewer, levels)
    report({f"{SMALL}": small, f"{options.side}": large, f"{SLIDE}, zarr": slide})
    first, last = crowd_times(viewer, options.objects)
    report({"first 100 objects": first, "last 100 objects": last})
    viewer.close()


def report(columns: dict[str, Times]) -> None:
    """Print medians in milliseconds, and in brackets how many times those of the first column."""
    print("".join([f"{'':10}", *(f"{name:>22}" for name in columns)]))
    base = next(iter(columns.values()))
    for part in base:
        cells = (1000 * statistics.median(times[part]) for times in columns.values())
        first = 1000 * statistics.median(base[part])
        print(f"{part:10}", *(f"{ms:12.1f} ({ms / first:6.2f})" for ms in cells))


def commit_times(viewer: napari.Viewer, data: Any) -> Times:
    """Commit and undo a disk in the middle of blank labels that are on the screen."""
    is_pyramid = isinstance(data, list)
    target = LabelsLayer(viewer.add_labels(data, multiscale=is_pyramid))
    target._known = labels_module.LabelIndex(target.data)  # as those that the plugin makes
    middle = target.data.shape[0] // 2
    viewer.reset_view()
    QApplication.processEvents()
    times: Times = {}
    disk = disk_of(490, middle - 490, middle - 490)
    for _ in range(REPEATS):
        change = commit(target, disk, times)
        with mock.patch.object(labels_module, "redraw"):
            timed(times, "unseen", lambda: target.revert((change,)))  # noqa: B023
        target.apply((change,))
        timed(times, "undo", lambda: target.revert((change,)))  # noqa: B023
    for _ in range(REPEATS):
        timed(times, "refresh", target.layer.refresh)
    viewer.layers.remove(target.layer)
    return times


def crowd_times(viewer: napari.Viewer, objects: int) -> tuple[Times, Times]:
    """Commit disks side by side in an array of 4,096 x 4,096; of the first and last 100."""
    target = LabelsLayer(viewer.add_labels(np.zeros((4096, 4096), np.int32)))
    columns = 4096 // 48
    first: Times = {}
    last: Times = {}
    for number in range(objects):
        row, col = divmod(number, columns)
        times = first if number < 100 else last if number >= objects - 100 else {}
        commit(target, disk_of(22, 48 * row, 48 * col), times)
        timed(times, "next", target.next_label)
        timed(times, "find", lambda: target.region_of(number // 2 + 1))  # noqa: B023
    return first, last


def commit(target: LabelsLayer, disk: BoxedMask, times: Times) -> PixelChange:
    """Do what a commit does to labels."""
    label = timed(times, "number", lambda: target.next_label(PLANE))
    change = timed(times, "change", lambda: painted(target.data, PLANE, disk, label))
    assert change is not None
    timed(times, "commit", lambda: target.apply((change,)))
    timed(times, "drawing", QApplication.processEvents)
    return change


def timed(times: Times, part: str, act: Callable[[], Any]) -> Any:
    """Call a function and note how long it took."""
    start = time.perf_counter()
    result = act()
    times.setdefault(part, []).append(time.perf_counter() - start)
    return result


def disk_of(radius: int, row: int, col: int) -> BoxedMask:
    """Return a disk whose box begins at a pixel."""
    rows, cols = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    mask = rows**2 + cols**2 <= radius**2
    return BoxedMask(Box.whole(mask.shape).shifted(row, col), np.packbits(mask).tobytes())


if __name__ == "__main__":
    main()
