"""What one click costs, beside a forward pass of a well-known network, and the peak memory.

    python benchmarks/interaction.py --model default

One interaction is coarse level, zoom-in, fine level and paste on a plane whose pixels were read
before. The yardstick is one float32 forward pass of timm's hrnet_w18, taken in the same run, turn
by turn. It is meant at 300 x 400; timm's network takes multiples of 32 only, so it is taken at
288 x 384, the next smaller size (0.92 of the pixels), which makes it the harder yardstick. The
object has the same size in pixels in the small and the large image.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
import timm
import torch

from napari_iafpn.clicks import Click
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor

SMALL, LARGE = 512, 4096
RADIUS = 60
YARDSTICK = (288, 384)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--skip-memory", action="store_true")
    options = parser.parse_args()
    predictor = Predictor.load(options.model, options.device)
    small, large = interaction(predictor, SMALL), interaction(predictor, LARGE)
    medians = measure([yardstick(predictor.device), small, large], options.repeats)
    print(f"device {predictor.device}, {torch.get_num_threads()} threads, medians of ", end="")
    print(f"{options.repeats}\n")
    print(f"hrnet_w18 at 288 x 384           {medians[0] * 1e3:8.1f} ms")
    print(f"interaction at {SMALL} x {SMALL}         {medians[1] * 1e3:8.1f} ms")
    print(f"interaction at {LARGE} x {LARGE}       {medians[2] * 1e3:8.1f} ms")
    print(f"interaction / hrnet_w18          {medians[1] / medians[0]:8.2f}")
    print(f"{LARGE} x {LARGE} / {SMALL} x {SMALL}        {medians[2] / medians[1]:8.2f}")
    if not options.skip_memory:
        memory = [peak_memory(side, options.model) for side in (SMALL, LARGE)]
        print(f"\npeak memory of `segment`, {SMALL}     {memory[0]:8.0f} MB")
        print(f"peak memory of `segment`, {LARGE}    {memory[1]:8.0f} MB")


def disk(side: int) -> np.ndarray:
    """Return a (side, side) uint8 image of a disk of ``RADIUS`` px on a noisy ground."""
    rows, cols = np.ogrid[:side, :side]
    inside = (rows - side // 2) ** 2 + (cols - side // 2) ** 2 <= RADIUS**2
    noise = np.random.default_rng(0).integers(-12, 13, (side, side), dtype=np.int16)
    return (np.where(inside, 170, 70).astype(np.int16) + noise).astype(np.uint8)


def interaction(predictor: Predictor, side: int) -> Callable[[], object]:
    """Return the second click on the disk, as a session makes it."""
    plane, middle = Plane(disk(side)), side // 2
    clicks = [Click(middle, middle)]
    first = predictor.predict(plane, clicks)
    clicks.append(Click(middle + RADIUS // 2, middle - RADIUS // 2))
    print(f"{side} x {side}: region of interest {predictor.predict(plane, clicks, first).roi}")
    return lambda: predictor.predict(plane, clicks, first)


def yardstick(device: torch.device) -> Callable[[], object]:
    """Return one forward pass of hrnet_w18."""
    network = timm.create_model("hrnet_w18", pretrained=False).eval().to(device)
    image = torch.rand(1, 3, *YARDSTICK, device=device)

    @torch.inference_mode()
    def forward() -> object:
        return network(image).cpu()

    return forward


def measure(tasks: list[Callable[[], object]], repeats: int) -> list[float]:
    """Return the median seconds of each task; tasks take turns, after two rounds of warm-up."""
    seconds: list[list[float]] = [[] for _ in tasks]
    for turn in range(repeats + 2):
        for task, taken in zip(tasks, seconds, strict=True):
            start = time.perf_counter()
            task()
            if turn >= 2:
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


def peak_memory(side: int, model: str) -> float:
    """Return the peak resident memory of the command line on one image, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        image, mask = Path(folder) / "image.tif", Path(folder) / "mask.tif"
        tifffile.imwrite(image, disk(side))
        command = ["segment", image, "--click", f"{side // 2},{side // 2}", "--output", mask]
        process = subprocess.Popen(
            [Path(sys.executable).parent / "napari-iafpn", *command, "--model", model],
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"`napari-iafpn segment` ended with code {process.returncode}")
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
