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
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
import timm
import torch

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.networks.onnx_engine import is_installed
from napari_iafpn.prompts import Click

SMALL, LARGE = 512, 4096
RADIUS = 60
CANDIDATES, SIZES = 16, (192, 192)
YARDSTICK = (288, 384)
STARTER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="measure that of all threads, which other programs lengthen little",
    )
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    engines = ["torch", *["onnx"] * (is_installed() and options.device in ("auto", "cpu"))]
    predictors = {e: Predictor.load(options.model, options.device, engine=e) for e in engines}
    tasks = [yardstick(predictors["torch"].device)]
    tasks += [interaction(p, side) for p in predictors.values() for side in (SMALL, LARGE)]
    yard, *medians = measure(tasks, options.repeats, clock)
    print(f"{processor()}, {torch.get_num_threads()} threads, medians of {options.repeats}\n")
    print(f"hrnet_w18 at 288 x 384, {predictors['torch'].device} {yard * 1e3:14.1f} ms\n")
    print(f"{'':<40}" + "".join(f"{engine:>9}" for engine in engines))
    small, large = medians[::2], medians[1::2]
    row(f"interaction at {SMALL} x {SMALL}, ms", [1e3 * each for each in small])
    row(f"interaction at {LARGE} x {LARGE}, ms", [1e3 * each for each in large])
    row("interaction / hrnet_w18", [each / yard for each in small])
    row(f"{LARGE} x {LARGE} / {SMALL} x {SMALL}", np.divide(large, small))
    found = [measure(candidates(p), options.repeats // 4, clock) for p in predictors.values()]
    for name, part, whole in (
        (f"{CANDIDATES} candidates / as many clicks", 0, 3),
        (f"{CANDIDATES} at once / one by one, {SIZES}", 0, 1),
        (f"{CANDIDATES} at once / one by one, as clicks", 2, 3),
    ):
        row(name, [seconds[part] / seconds[whole] for seconds in found])
    if not options.skip_memory:
        memory = [peak_memory(side, options.model) for side in (SMALL, LARGE)]
        print(f"\npeak memory of `segment`, {SMALL}     {memory[0]:8.0f} MB")
        print(f"peak memory of `segment`, {LARGE}    {memory[1]:8.0f} MB")


def row(name: str, numbers: Iterable[float]) -> None:
    """Print a number for each engine."""
    print(f"{name:<40}" + "".join(f"{number:9.2f}" for number in numbers))


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def candidates(predictor: Predictor) -> list[Callable[[], object]]:
    """Return first clicks on many places of one image, predicted together and one by one.

    At ``SIZES``, as the first way in which similar objects are looked for, then at the full sizes,
    as a user's clicks are.
    """
    plane, side = Plane(disk(SMALL)), SMALL // 2
    places = [(n // 4 * side // 4 + 32, n % 4 * side // 4 + 32) for n in range(CANDIDATES)]
    views = [Box(row, row + side, col, col + side) for row, col in places]
    batch = [[Click(SMALL // 2, SMALL // 2)]] * CANDIDATES

    def together(sizes: tuple[int, int] | None) -> object:
        return predictor.predict_each(plane, batch, views, sizes)

    def alone(sizes: tuple[int, int] | None) -> object:
        pairs = zip(batch, views, strict=True)
        return [predictor.predict_each(plane, [clicks], [v], sizes) for clicks, v in pairs]

    return [partial(way, sizes) for sizes in (SIZES, None) for way in (together, alone)]


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


def measure(
    tasks: list[Callable[[], object]], repeats: int, clock: Callable[[], float]
) -> list[float]:
    """Return the median seconds of each task; tasks take turns, after two rounds of warm-up."""
    seconds: list[list[float]] = [[] for _ in tasks]
    for turn in range(repeats + 2):
        for task, taken in zip(tasks, seconds, strict=True):
            start = clock()
            task()
            if turn >= 2:
                taken.append(clock() - start)
    return [statistics.median(taken) for taken in seconds]


def peak_memory(side: int, model: str) -> float:
    """Return the peak resident memory of the command line on one image, in MB.

    A process counts what the one that started it had, so a small one starts it.
    """
    with tempfile.TemporaryDirectory() as folder:
        image, mask = Path(folder) / "image.tif", Path(folder) / "mask.tif"
        tifffile.imwrite(image, disk(side))
        command = [Path(sys.executable).parent / "napari-iafpn", "segment", image]
        command += ["--click", f"{side // 2},{side // 2}", "--output", mask, "--model", model]
        starter = [sys.executable, "-c", STARTER, *command]
        peak = subprocess.run(starter, check=True, capture_output=True, text=True).stdout
    return float(peak) / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
