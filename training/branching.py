"""Draw a set of thin branching objects: roots, cracks, vessels and fibres.

    python training/branching.py DATA [--images 480]

DATA/branching gets images/*.webp, labels/*.png and META.txt. Half of the grounds are noise of
several octaves; the others are cut out of the images of the other sets in DATA, whose licences go
on holding. The same seed draws the same set from the same DATA.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates, zoom

SIDE = 640
FINER = 2
"""Masks are drawn so many times larger, and averaged."""
STEP = 3.0
"""Pixels between the vertices of a branch."""
Branch = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Vertices (n, 2), row and column, and the radius at each, in pixels."""


@dataclass(frozen=True)
class Kind:
    """How objects of a kind grow; pairs are the ends of a uniform distribution.

    Attributes
    ----------
    stems : (least, most)
        Branches that begin at the same point.
    radius : (least, most)
        At the beginning, in pixels.
    taper : (least, most)
        Share of the radius that is left at the end of a branch.
    length : (least, most)
        Of a stem, in sides of the image.
    bend, jitter : float
        Deviation of the direction per step in radians: what adds up, and what does not.
    branching : (least, most)
        Branches for each 100 px.
    depth : int
        Generations of branches.
    contrast : (least, most)
        Of 255 grey levels.
    dark : float
        Grey level of the ground above which most objects are darker than it.
    objects : int
        Most objects of an image.
    """

    stems: tuple[int, int]
    radius: tuple[float, float]
    taper: tuple[float, float]
    length: tuple[float, float]
    bend: float
    jitter: float
    branching: tuple[float, float]
    depth: int
    contrast: tuple[float, float]
    dark: float
    objects: int


KINDS = {
    "root": Kind(
        (1, 4), (2, 9), (0.2, 0.6), (0.4, 1.3), 0.035, 0.03, (0.2, 1.2), 2, (30, 110), 180, 3
    ),
    "crack": Kind(
        (1, 2), (1.2, 4), (0.5, 1), (0.5, 1.6), 0.05, 0.7, (0, 0.7), 2, (25, 80), 90, 2
    ),
    "vessel": Kind(
        (2, 6), (2, 6), (0.3, 0.6), (0.4, 1), 0.04, 0.03, (0.5, 1.5), 2, (25, 80), 110, 1
    ),
    "fibre": Kind(
        (1, 1), (1.5, 5), (0.8, 1), (0.5, 1.5), 0.025, 0.01, (0, 0.2), 1, (30, 110), 150, 6
    ),
}  # fmt: skip


def main() -> None:
    """Draw the set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=480)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    out = options.data / "branching"
    for part in ("images", "labels"):
        (out / part).mkdir(parents=True, exist_ok=True)
    others = sorted(path for path in options.data.glob("*/images/*") if path.parts[-3] != out.name)
    for n in range(options.images):
        rng = np.random.default_rng([options.seed, n])
        kind = list(KINDS)[n % len(KINDS)]
        image, labels = draw(KINDS[kind], ground(rng, others), rng)
        while not labels.any():
            image, labels = draw(KINDS[kind], ground(rng, others), rng)
        Image.fromarray(image).save(out / "images" / f"{kind}_{n:03}.webp", quality=92)
        Image.fromarray(labels).save(out / "labels" / f"{kind}_{n:03}.png")
    (out / "META.txt").write_text(
        "name: branching\nsource: drawn by training/branching.py\n"
        "what: roots, cracks, vessels and fibres, drawn on noise or on images of the other sets\n"
        "licence: those of the other sets\n"
        "meaning: id = one object; where two cross, the upper one\n",
        encoding="utf-8",
    )


def draw(
    kind: Kind, image: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw objects on a ground (H, W, 3) in [0, 255]; return image and labels (H, W).

    Objects that could hardly be seen are left out.
    """
    labels = np.zeros(image.shape[:2], np.uint8)
    dark = image.mean() > rng.normal(kind.dark, 30)
    tint = rng.uniform(0.6, 1.0, 3)
    contrast = rng.uniform(*kind.contrast)
    blur, ridge = rng.uniform(0.4, 1.6), rng.uniform(0.0, 0.5)
    for number in range(1, rng.integers(1, kind.objects + 1) + 1):
        cover, core = (cover_of(grow(kind, rng), image.shape[:2], thin) for thin in (1.0, 0.5))
        alpha = gaussian_filter((1 - ridge) * cover + ridge * gaussian_filter(core, 1.0), blur)
        alpha *= np.exp(0.25 * noise(rng, image.shape[:2], 30)) * rng.uniform(0.7, 1.2)
        drawn = (image + alpha[..., None] * (-1 if dark else 1) * contrast * tint).clip(0, 255)
        seen = cover > 0.5
        if seen.sum() < 300 or np.abs(drawn - image)[seen].mean() < 12:
            continue
        image = drawn
        labels[seen] = number
    image = image + rng.normal(0, rng.uniform(0, 8), image.shape)
    return image.clip(0, 255).astype(np.uint8), labels


def grow(kind: Kind, rng: np.random.Generator) -> list[Branch]:
    """Return the branches of one object."""
    start, heading = rng.uniform(0, SIDE, 2), rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.5:  # from a border inwards
        start[rng.integers(2)] = rng.choice([0, SIDE - 1])
        heading = np.arctan2(*(SIDE / 2 - start)[::-1]) + rng.normal(0, 0.5)
    radius = rng.uniform(*kind.radius)
    taper, density = rng.uniform(*kind.taper), rng.uniform(*kind.branching)
    spread = rng.uniform(0.1, 2 * np.pi)
    stems = rng.integers(kind.stems[0], kind.stems[1] + 1)
    todo = [
        (
            start,
            heading + spread * (k / stems - 0.5) + rng.normal(0, 0.15),
            radius * rng.uniform(0.6, 1),
            rng.uniform(*kind.length) * SIDE,
            0,
        )
        for k in range(stems)
    ]
    found: list[Branch] = []
    while todo and len(found) < 60:
        start, heading, radius, length, depth = todo.pop(0)
        steps = max(4, int(length / STEP))
        turns = gaussian_filter1d(rng.normal(0, 1, steps), 3) * 3.0 * kind.bend
        headings = heading + np.cumsum(turns) + rng.normal(0, kind.jitter, steps)
        steps_rc = np.stack([np.cos(headings), np.sin(headings)], 1) * STEP
        vertices = start + np.cumsum(steps_rc, 0) - steps_rc[:1]
        wobble = np.exp(gaussian_filter1d(rng.normal(0, 1, steps), 2) * (0.15 + kind.jitter))
        radii = np.maximum(0.7, radius * np.linspace(1, taper, steps) * wobble)
        found.append((vertices, radii))
        if depth == kind.depth:
            continue
        for at in rng.integers(2, steps, rng.poisson(density * length / 100)):
            todo.append(
                (
                    vertices[at],
                    headings[at] + rng.choice([-1, 1]) * rng.uniform(0.3, 1.3),
                    radii[at] * rng.uniform(0.45, 0.9),
                    length * rng.uniform(0.15, 0.6),
                    depth + 1,
                )
            )
    return found


def cover_of(branches: list[Branch], shape: tuple[int, ...], thin: float) -> NDArray[np.float64]:
    """Return the share of each pixel that the branches cover, their radii times ``thin``."""
    mask = Image.new("L", (shape[1] * FINER, shape[0] * FINER))
    pen = ImageDraw.Draw(mask)
    for vertices, radii in branches:
        points = (vertices[:, ::-1] + 0.5) * FINER
        for here, there, radius in zip(points[:-1], points[1:], radii * thin * FINER, strict=False):
            pen.line([tuple(here), tuple(there)], 255, max(1, round(2 * radius)))
            pen.ellipse([*(here - radius), *(here + radius)], 255)
    fine = np.asarray(mask, np.float64).reshape(shape[0], FINER, shape[1], FINER)
    return np.asarray(fine.mean((1, 3)) / 255)


def noise(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> NDArray[np.float64]:
    """Return smooth noise (H, W) of mean 0 and deviation 1, with spots of ``scale`` px."""
    coarse = rng.normal(0, 1, [int(side / scale) + 4 for side in shape])
    places = np.meshgrid(*(np.arange(side) / scale + 1 for side in shape), indexing="ij")
    found = map_coordinates(coarse, places, order=3)
    return np.asarray((found - found.mean()) / found.std())


def ground(rng: np.random.Generator, others: list[Path]) -> NDArray[np.float64]:
    """Return a ground (SIDE, SIDE, 3) in [0, 255]."""
    if others and rng.random() < 0.5:
        image = np.asarray(Image.open(others[rng.integers(len(others))]).convert("RGB"), float)
        factor = SIDE / min(image.shape[:2])
        if factor > 1:
            image = zoom(image, (factor + 1e-3, factor + 1e-3, 1), order=1)
        row, col = (rng.integers(side - SIDE + 1) for side in image.shape[:2])
        return image[row : row + SIDE, col : col + SIDE] * rng.uniform(0.6, 1)
    shape = SIDE, SIDE
    octaves = [noise(rng, shape, scale) * rng.uniform(0, 1) for scale in (250, 80, 25, 8)]
    grain = gaussian_filter(rng.normal(0, rng.uniform(0, 3), shape), rng.uniform(0.3, 1.5))
    grey = rng.uniform(60, 190) + rng.uniform(4, 22) * sum(octaves) + rng.uniform(3, 14) * grain
    tint = rng.uniform(0.5, 1.3, 3) if rng.random() < 0.6 else np.ones(3)
    return np.asarray(grey[..., None] * tint)


if __name__ == "__main__":
    main()
