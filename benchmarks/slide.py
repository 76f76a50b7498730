"""What one click costs on a slide of 100 000 x 100 000 pixels, beside a small image.

    python benchmarks/slide.py --model default

The slide is a pyramid whose chunks of 512 x 512 pixels are made when they are read; the small image
is one screen of it in memory. Both get the same click in a view of 512 x 512 pixels, turn by turn:
on the slide the first click on an object not seen before, whose chunks must all be made, and one
more click on it, for which nothing needs to be read.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.prompts import Click

SIDE, VIEW, CHUNK = 100_000, 512, 512
FACTORS = (1, 4, 16, 64, 256)
# Disks of the radius lie on a square grid.
RADIUS, PITCH = 60, 400


class Level:
    """One resolution of the slide; counts the chunks that are made."""

    dtype = np.dtype(np.uint8)
    chunks = (CHUNK, CHUNK)

    def __init__(self, factor: int) -> None:
        self.shape = (SIDE // factor, SIDE // factor)
        self.factor = SIDE / self.shape[0]
        self.made = 0

    def __getitem__(self, part: tuple[slice, slice]) -> NDArray[np.uint8]:
        """Return the pixels of a slice of rows and one of columns."""
        spans = [np.arange(*s.indices(n)) for s, n in zip(part, self.shape, strict=True)]
        self.made += int(np.prod([-(-len(span) // CHUNK) for span in spans]))
        rows, cols = ((self.factor * (s + 0.5) - 0.5) % PITCH - PITCH // 2 for s in spans)
        ground = 70 + (spans[0][:, None] * 7 + spans[1] * 13) % 24
        return np.where(np.hypot(rows[:, None], cols) < RADIUS, ground + 100, ground).astype("u1")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    predictor = Predictor.load(options.model, options.device)
    levels = [Level(factor) for factor in FACTORS]
    slide = Plane(levels[0], coarser=levels[1:], limits=(0, 255))
    screen = Plane(levels[0][:VIEW, :VIEW], limits=(0, 255))
    for level in levels:
        level.made = 0
    seconds: list[list[float]] = [[], [], []]
    for turn in range(options.repeats + 2):
        corner = 20_000 + 5 * PITCH * turn
        small = ClickReplay(predictor, screen)
        large = ClickReplay(
            predictor, slide, view=Box(corner, corner + VIEW, corner, corner + VIEW)
        )
        clicks = [Click(200, 200), Click(230, 180)]
        there = [Click(corner + click.row, corner + click.col) for click in clicks]
        tasks = [(0, small, clicks[:1]), (1, large, there[:1]), (2, large, there)]
        if turn % 2:  # so that neither is always the one after the other
            tasks = [*tasks[1:], tasks[0]]
        for place, replay, wanted in tasks:
            if turn < 2:
                replay.predict(wanted)
            else:
                start = time.perf_counter()
                replay.predict(wanted)
                seconds[place].append(time.perf_counter() - start)
    first, new, more = (statistics.median(taken) for taken in seconds)
    made = sum(level.made for level in levels) / (options.repeats + 2)
    print(f"device {predictor.device}, medians of {options.repeats}\n")
    print(f"first click, {VIEW} x {VIEW} in memory    {first * 1e3:8.1f} ms")
    print(f"first click, {SIDE} x {SIDE}       {new * 1e3:8.1f} ms")
    print(f"one more click there              {more * 1e3:8.1f} ms")
    print(f"chunks made per object            {made:8.1f}")
    print(f"slide / small, first click        {new / first:8.2f}")
    print(f"slide / small, one more click     {more / first:8.2f}")


if __name__ == "__main__":
    main()
