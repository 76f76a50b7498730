"""The bundled sample images: a table, a reader, and what File > Open Sample calls.

Nothing here knows napari or Qt, so the demo of the command line may read the samples too.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LayerTuple = tuple[NDArray[np.uint8], dict[str, Any], str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One bundled image; ``file`` lies in sample_images/, its labels beside it."""

    title: str
    file: str
    click: tuple[int, int]
    """(row, col) on an object that shows well what a click does."""

    @property
    def labels_file(self) -> str:
        """The file with the instance ids."""
        return f"{self.file.rsplit('.', 1)[0]}_labels.png"


SAMPLES = {
    "nuclei": Sample("Nuclei (fluorescence)", "nuclei.png", (272, 487)),
    "cytology": Sample("Stained cells (brightfield)", "cytology.png", (67, 232)),
    "phase_contrast": Sample("Adherent cells (phase contrast)", "phase_contrast.png", (60, 273)),
    "axons": Sample("Axons (electron microscope)", "axons.png", (343, 257)),
    "superalloy": Sample("Superalloy (electron microscope)", "superalloy.png", (270, 145)),
    "coffee": Sample("Coffee cup (photograph)", "coffee.webp", (113, 290)),
}


def load_image(name: str) -> NDArray[np.uint8]:
    """Read a sample: uint8, (H, W) or, for the photograph, (H, W, 3)."""
    return _read(_find(name).file)


def load_labels(name: str) -> NDArray[np.uint8]:
    """Read the true objects of a sample: uint8 ids (H, W), 0 = background."""
    return _read(_find(name).labels_file)


def _find(name: str) -> Sample:
    if name not in SAMPLES:
        raise ValueError(f"there is no sample {name!r}; choose one of {', '.join(SAMPLES)}")
    return SAMPLES[name]


def _read(file: str) -> NDArray[np.uint8]:
    source = files("napari_iafpn.plugin") / "sample_images" / file
    with source.open("rb") as stream, Image.open(stream) as picture:
        return np.array(picture)


def _layers(name: str) -> list[LayerTuple]:
    image = load_image(name)
    return [(image, {"name": SAMPLES[name].title, "rgb": image.ndim == 3}, "image")]


def open_nuclei() -> list[LayerTuple]:
    """Open the fluorescence image of nuclei."""
    return _layers("nuclei")


def open_cytology() -> list[LayerTuple]:
    """Open the brightfield image of stained cells."""
    return _layers("cytology")


def open_phase_contrast() -> list[LayerTuple]:
    """Open the phase contrast image of adherent cells."""
    return _layers("phase_contrast")


def open_axons() -> list[LayerTuple]:
    """Open the electron micrograph of axons."""
    return _layers("axons")


def open_superalloy() -> list[LayerTuple]:
    """Open the electron micrograph of a superalloy."""
    return _layers("superalloy")


def open_coffee() -> list[LayerTuple]:
    """Open the colour photograph of a cup of coffee."""
    return _layers("coffee")
