"""Which image file goes with which label file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_iafpn.images.files import SUFFIXES

LABEL_ENDINGS = (
    "_mask",
    "_masks",
    "_label",
    "_labels",
    "_seg",
    "_segmentation",
    "_instances",
    "_gt",
    "_cp_masks",
)
"""What programs append to an image's name for its labels."""
IMAGE_ENDINGS = ("_img", "_image", "_raw", "_im")
"""What they append for the image itself."""

_ANNOTATOR = re.compile(r"_a\d+$")


@dataclass(frozen=True)
class Pair:
    """An image and its label files: one, one per annotator, or none where none was found.

    ``name`` is unique; ``image`` and ``labels`` are names of files in their folders.
    """

    name: str
    image: str
    labels: tuple[str, ...]


def stem_of(path: Path) -> str:
    """Return a file's name without its suffix (``.ome.tif`` is one suffix)."""
    return path.stem.removesuffix(".ome")


def image_files(folder: Path) -> list[Path]:
    """List the image files of a folder in the order of their names; hidden ones are left out."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def pair_files(images: Path, labels: Path, *, annotators: bool = False) -> tuple[Pair, ...]:
    """Pair the images of one folder with the labels of another, or of the same one.

    Labels are called as their image, or with one of ``LABEL_ENDINGS`` behind it; an image may carry
    one of ``IMAGE_ENDINGS``. With ``annotators`` there may be several: STEM_a0, STEM_a1 ...
    """
    label_files: dict[str, list[str]] = {}
    for path in image_files(labels):
        stem = _ANNOTATOR.sub("", stem_of(path)) if annotators else stem_of(path)
        label_files.setdefault(stem, []).append(path.name)
    found = image_files(images)
    if images == labels:
        found = [path for path in found if not _belongs_to(stem_of(path), map(stem_of, found))]
    stems = [stem_of(path) for path in found]
    return tuple(
        Pair(
            stem if stems.count(stem) == 1 else path.name,
            path.name,
            _labels_of(path, stem, label_files, same_folder=images == labels),
        )
        for path, stem in zip(found, stems, strict=True)
    )


def unpaired_labels(pairs: Iterable[Pair], labels: Path, images: Path) -> list[str]:
    """List the label files that no image claims."""
    claimed = {name for pair in pairs for name in pair.labels}
    if images == labels:
        claimed |= {pair.image for pair in pairs}
    return [path.name for path in image_files(labels) if path.name not in claimed]


def _labels_of(
    path: Path, stem: str, label_files: dict[str, list[str]], *, same_folder: bool
) -> tuple[str, ...]:
    for candidate in _label_stems(stem):
        names = [
            name
            for name in label_files.get(candidate, [])
            if not (same_folder and name == path.name)
        ]
        if names:
            return tuple(names)
    return ()


def _label_stems(stem: str) -> Iterator[str]:
    """Yield the names that an image's labels may have, the likeliest first."""
    bases = [stem, *(stem.removesuffix(end) for end in IMAGE_ENDINGS if stem.endswith(end))]
    yield stem
    yield from (base + end for base in bases for end in LABEL_ENDINGS)
    yield from bases[1:]


def _belongs_to(stem: str, stems: Iterable[str]) -> bool:
    """Tell whether a file is the labels of another one in the same folder."""
    return any(other != stem and stem in _label_stems(other) for other in stems)
