"""Click on an object with the exported graphs: NumPy and ONNX Runtime, nothing else.

    python example.py image.npy mask.npy 120,88 131,97,-

The image is (H, W) or (H, W, 3); a click is ROW,COL in pixels, and with ,- one that does not belong
to the object. `interact` is one interaction; what it returns is the next one's previous mask.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

Array = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]
"""First row, first row outside, first column, first column outside."""
Click = tuple[float, float, bool]
"""Row and column in pixels; whether it belongs to the object."""

HERE = Path(__file__).parent
CONFIG = json.loads((HERE / "model.json").read_text(encoding="utf-8"))["config"]
GRAPHS = {path.stem: onnxruntime.InferenceSession(str(path)) for path in HERE.glob("*.onnx")}


def interact(
    image: Array, clicks: Sequence[Click], previous: tuple[Array, Box] | None = None
) -> tuple[Array, Box]:
    """Return the object's probability (h, w) in a box of the image, beyond which it is 0.

    ``image`` is (3, H, W) in [0, 1], ``clicks`` are the oldest first, ``previous`` is what the
    interaction before returned.
    """
    view = (0, image.shape[1], 0, image.shape[2])
    mask, known = previous or (np.zeros((1, 1), np.float32), view)
    size = network_size(view, CONFIG["coarse_size"])
    before = framed(mask[None], known, view, size)
    intention = sigmoid(level("coarse", framed(image, view, view, size), before, clicks, view))
    if "fine" not in GRAPHS:
        return framed(intention, view, view, image.shape[1:])[0], view
    box = region(intention[0] > 0.5, clicks, view)
    size = network_size(box, CONFIG["fine_size"])
    meant, last = framed(intention, view, box, size), framed(mask[None], known, box, size)
    blend = meant + CONFIG["memory"] * bool(last.any()) * (last - meant)
    pixels = framed(image[:, box[0] : box[1], box[2] : box[3]], box, box, size)
    logits = level("fine", pixels, blend, clicks, box)
    if "refiner" in GRAPHS:
        logits = refined(logits, meant, last, clicks, box)
    return sigmoid(framed(logits, box, box, (box[1] - box[0], box[3] - box[2])))[0], box


def level(name: str, image: Array, previous: Array, clicks: Sequence[Click], box: Box) -> Array:
    """Run a level on a box of the image: logits (1, h, w)."""
    size, radius = image.shape[1:], CONFIG[name]["click_radius"]
    places, signs = moved(clicks, box, size)
    pixels = np.floor(places + 0.5).astype(np.int64)
    valid = ((pixels >= 0) & (pixels < size)).all(axis=1)
    rows, cols = np.ogrid[: size[0], : size[1]]
    maps = np.zeros((2, *size), np.float32)
    for (row, col), positive in zip(places[valid], signs[valid], strict=True):
        maps[0 if positive else 1][(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = 1
    nodes = pixels.clip(0, np.array(size) - 1)
    given = {"image": image, "previous": previous, "maps": maps, "nodes": nodes, "valid": valid}
    return run(name, given)


def refined(
    logits: Array, intention: Array, last: Array, clicks: Sequence[Click], box: Box
) -> Array:
    """Correct the fine level's logits (1, h, w) by the places of all clicks."""
    places, signs = moved(clicks, box, logits.shape[1:])
    given = {
        "logits": logits,
        "intention": intention,
        "last": last,
        "segments": np.stack([places, places], axis=1),  # a click is a line of no length
        "positive": signs,
        "rank": np.arange(len(clicks)),
    }
    return run("refiner", given)


def run(name: str, given: dict[str, Array]) -> Array:
    """Run a graph on a batch of one, and take its first output out of the batch."""
    feed = {key: np.ascontiguousarray(value[None]) for key, value in given.items()}
    drawn: Array = GRAPHS[name].run(["drawn"], feed)[0][0]
    return drawn


def moved(clicks: Sequence[Click], box: Box, size: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the places (M, 2) of clicks in a box that is resized to ``size``, and their signs."""
    scale = size[0] / (box[1] - box[0]), size[1] / (box[3] - box[2])
    places = [[(r - box[0] + 0.5) * scale[0], (c - box[2] + 0.5) * scale[1]] for r, c, _ in clicks]
    return (np.array(places) - 0.5).astype(np.float32), np.array([sign for *_, sign in clicks])


def region(mask: Array, clicks: Sequence[Click], view: Box) -> Box:
    """Return where the fine level looks: around what the coarse level believes and the clicks."""
    height, width = view[1], view[3]
    boxes = [
        (math.floor(r + 0.5), math.floor(r + 0.5) + 1, math.floor(c + 0.5), math.floor(c + 0.5) + 1)
        for r, c, positive in clicks
        if positive
    ]
    if mask.any():
        (top, bottom), (left, right) = (
            np.flatnonzero(mask.any(axis=axis))[[0, -1]].tolist() for axis in (1, 0)
        )
        rows, cols = mask.shape
        seen = top * height // rows, -(-(bottom + 1) * height // rows)
        boxes.append((*seen, left * width // cols, -(-(right + 1) * width // cols)))
    if not boxes:
        return view
    top, left = (min(box[i] for box in boxes) for i in (0, 2))
    bottom, right = (max(box[i] for box in boxes) for i in (1, 3))
    share = (bottom - top) * (right - left) / (height * width)
    ratio = max(1.4, 2.5 - 4.0 * math.sqrt(share))
    return wider(top, bottom, ratio, height) + wider(left, right, ratio, width)


def wider(start: int, stop: int, ratio: float, limit: int) -> tuple[int, int]:
    """Grow an interval about its centre, at least to the smallest side of a region."""
    least, centre = CONFIG["min_crop"], (start + stop) / 2
    half = max(ratio * (stop - start), float(least)) / 2
    start, stop = max(0, math.floor(centre - half)), min(limit, math.ceil(centre + half))
    return max(0, min(start, stop - least)), min(limit, max(stop, start + least))


def network_size(box: Box, long_side: int) -> tuple[int, int]:
    """Return the input (h, w) of a level: the proportions of the box in multiples of 32."""
    sides = box[1] - box[0], box[3] - box[2]
    scale = long_side / max(sides)
    height, width = (max(32, round(side * scale / 32) * 32) for side in sides)
    return height, width


def framed(values: Array, source: Box, target: Box, size: tuple[int, ...]) -> Array:
    """Show (C, h, w) values that cover one box of the image in another box: (C, *size)."""
    rows = weights(values.shape[1], source[:2], target[:2], size[0])
    cols = weights(values.shape[2], source[2:], target[2:], size[1])
    shown: Array = rows @ values @ cols.T
    return shown


def weights(samples: int, source: tuple[int, int], target: tuple[int, int], count: int) -> Array:
    """Return (count, samples): bilinear, averaging where it shrinks, 0 outside the source."""
    covered = source[1] - source[0]
    edges = target[0] - source[0] + np.arange(count + 1) * (target[1] - target[0]) / count
    edges = edges * samples / covered
    step = edges[1] - edges[0]
    centres = (edges[:-1] + edges[1:]) / 2 - 0.5
    if step <= 1:
        centres = centres.clip(0, samples - 1)
    near = np.abs(centres[:, None] - np.arange(samples)) / max(1.0, step)
    band = np.maximum(0.0, 1.0 - near)
    total = band.sum(axis=1, keepdims=True)
    inside = np.minimum(edges[1:], samples) - np.maximum(edges[:-1], 0)
    share = (inside / np.diff(edges)).clip(0, 1)[:, None]
    found: Array = (band * share / np.where(total > 0, total, 1.0)).astype(np.float32)
    return found


def sigmoid(logits: Array) -> Array:
    """Return probabilities."""
    return 1 / (1 + np.exp(-logits))


def prepared(image: Array) -> Array:
    """Return an image as (3, H, W) in [0, 1], between its percentiles 0.1 and 99.9."""
    low, high = np.percentile(image, (0.1, 99.9))
    scaled = ((image - low) / max(high - low, 1e-12)).clip(0, 1).astype(np.float32)
    return np.repeat(scaled[None], 3, axis=0) if scaled.ndim == 2 else np.moveaxis(scaled, 2, 0)


def main(source: str, output: str, *clicks: str) -> None:
    """Predict click after click, as a user makes them, and write the mask."""
    image = prepared(np.load(source))
    parts = [text.split(",") for text in clicks]
    given = [(float(row), float(col), "-" not in sign) for row, col, *sign in parts]
    found = None
    for count in range(1, len(given) + 1):
        found = interact(image, given[:count], found)
    mask = np.zeros(image.shape[1:], bool)
    if found:
        probability, box = found
        mask[box[0] : box[1], box[2] : box[3]] = probability > 0.5
    np.save(output, mask)


if __name__ == "__main__":
    main(*sys.argv[1:])
