"""Readers of annotated image folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from napari_iafpn.training.recipe import SetConfig
from napari_iafpn.training.sample import Sample

IGNORE_ID = 255
"""In 8-bit labels this id marks pixels without a truth."""


@dataclass(frozen=True)
class FolderSet:
    """The images of one set, ``images/STEM.*`` with ``labels/STEM.*`` or ``labels/STEM_aK.*``."""

    config: SetConfig
    pairs: Sequence[tuple[Path, tuple[Path, ...]]]
    """Each image with its label files: one, or one per annotator."""

    @classmethod
    def find(cls, root: Path, config: SetConfig) -> FolderSet:
        """List the pairs of ``root / config.name`` in the order of their names."""
        folder = root / config.name
        labels: dict[str, list[Path]] = {}
        for path in sorted((folder / "labels").glob("*.*")):
            stem = path.stem.rsplit("_a", 1)[0] if config.kind == "regions" else path.stem
            labels.setdefault(stem, []).append(path)
        images = sorted((folder / "images").glob("*.*"))
        pairs = [(image, tuple(labels[image.stem])) for image in images if image.stem in labels]
        if not pairs:
            raise ValueError(
                f"no pairs of images and labels in {folder}; expected images/NAME.webp (or .png, "
                ".tif) and labels/NAME.png"
            )
        return cls(config, pairs)

    def read(self, index: int, annotator: int = 0) -> Sample:
        """Decode one image with one of its label files."""
        image_path, label_paths = self.pairs[index]
        image = np.asarray(Image.open(image_path).convert("RGB"))
        with Image.open(label_paths[annotator % len(label_paths)]) as file:
            labels = np.asarray(file)
        if self.config.kind == "regions" or labels.dtype != np.uint8:
            return Sample(image, labels.astype(np.int32))
        ignore = labels == IGNORE_ID
        kept = np.where(ignore, 0, labels).astype(np.int32)
        return Sample(image, kept, ignore if ignore.any() else None)
