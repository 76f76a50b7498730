"""Objects that may overlap, drawn into one label image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.facts import Facts
from napari_iafpn.exchange.label_image import DEFAULT_AXES, LabelImage


class Canvas:
    """Background on which objects are drawn; the earlier one keeps its pixels."""

    def __init__(self, facts: Facts, largest: int) -> None:
        self.facts = facts
        self.labels: NDArray[np.integer] = facts.empty_labels(largest)
        self.contested = 0
        self.notes: list[str] = []

    def draw(
        self,
        label: int,
        index: tuple[int, ...],
        slices: tuple[slice, slice],
        mask: NDArray[np.bool_],
    ) -> None:
        """Draw the pixels of ``mask``, which lie at ``slices`` of the plane at ``index``."""
        place = self.labels[index][slices]
        self.contested += int(np.count_nonzero(mask & (place != 0) & (place != label)))
        place[mask & (place == 0)] = label

    def finished(self, path: Path, classes: dict[int, str]) -> LabelImage:
        """Return the label image of the file ``path``."""
        if self.contested:
            self.notes.append(
                f"{self.contested} pixel(s) of {path.name} belong to several objects; each stays "
                "with the first of them in the file"
            )
        facts = self.facts
        return LabelImage(
            self.labels,
            stem(path),
            facts.scale,
            facts.units,
            facts.axes,
            classes,
            notes=tuple(self.notes),
        )


def facts_or_shape(facts: Facts, shape: tuple[int, ...] | None, path: Path) -> Facts:
    """Return the facts of a file of outlines; where it has none, those of a given shape.

    Raises
    ------
    ValueError
        Where neither is there.
    """
    if not facts.shape and shape is None:
        raise ValueError(
            f"{path} does not say how large its image is; give the image, or its shape such as "
            "(512, 512)"
        )
    if facts.shape or shape is None:
        return facts
    if len(shape) not in DEFAULT_AXES or min(shape) < 1:
        raise ValueError(f"the shape {shape} is not that of an image; give 2 to 4 sizes above 0")
    return replace(facts, shape=tuple(shape), axes=DEFAULT_AXES[len(shape)])


def stem(path: Path) -> str:
    """Return the name of a file without its suffix, of which ``.ome`` is a part."""
    name = path.name
    for suffix in (path.suffix, ".ome"):
        if suffix and name.lower().endswith(suffix.lower()):
            name = name[: -len(suffix)]
    return name or path.name
