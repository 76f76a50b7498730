"""The sample images: a table, their readers, and what File > Open Sample calls.

Nothing here knows napari or Qt, so the demo of the command line may read the samples too.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FOLDER = files("napari_iafpn.plugin") / "sample_images"
LayerTuple = tuple[Any, dict[str, Any], str]
"""The pixels (for the slide a list of levels), the layer's options and its kind."""


@dataclass(frozen=True, slots=True)
class BundledImage:
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
    "nuclei": BundledImage("Nuclei (fluorescence)", "nuclei.png", (272, 487)),
    "cytology": BundledImage("Stained cells (brightfield)", "cytology.png", (67, 232)),
    "phase_contrast": BundledImage(
        "Adherent cells (phase contrast)", "phase_contrast.png", (60, 273)
    ),
    "axons": BundledImage("Axons (electron microscope)", "axons.png", (343, 257)),
    "superalloy": BundledImage("Superalloy (electron microscope)", "superalloy.png", (270, 145)),
    "coffee": BundledImage("Coffee cup (photograph)", "coffee.webp", (113, 290)),
}
STACK = "Brain (magnetic resonance, stack)"
STACK_SPACING = (3.0, 1.0, 1.0)
"""Millimetres between the voxels of the stack."""
SLIDE = "Slide of 32,768 pixels (immunohistochemistry)"
SLIDE_SIDE = 32_768
SLIDE_FACTORS = (1, 4, 16, 64)
"""How much smaller each level of the slide is than the first."""


def load_image(name: str) -> NDArray[np.uint8]:
    """Read a sample: uint8, (H, W) or, for the photograph, (H, W, 3)."""
    return _read(_find(name).file)


def load_labels(name: str) -> NDArray[np.uint8]:
    """Read the true objects of a sample: uint8 ids (H, W), 0 = background."""
    return _read(_find(name).labels_file)


def load_stack() -> NDArray[np.uint8]:
    """Read the stack: uint8 (18, 193, 157), bottom to top, spaced by ``STACK_SPACING``."""
    import tifffile

    with (_FOLDER / "brain.tif").open("rb") as stream:
        return np.asarray(tifffile.imread(stream))


def load_slide() -> list[Any]:
    """Return the levels of the slide, dask arrays of uint8 (H, W, 3) that are made when read.

    scikit-image's field of 512 x 512 pixels is mirrored to the right and down, so that the copies
    of the four meet without a seam.
    """
    import dask.array as da
    from skimage.data import immunohistochemistry
    from skimage.transform import downscale_local_mean

    half = immunohistochemistry()
    half = np.concatenate([half, half[:, ::-1]], axis=1)
    whole = np.concatenate([half, half[::-1]])
    copies = SLIDE_SIDE // len(whole)
    levels = []
    for factor in SLIDE_FACTORS:
        tile = downscale_local_mean(whole, (factor, factor, 1)).round().astype(np.uint8)
        level = da.tile(da.from_array(tile), (copies, copies, 1))
        levels.append(level.rechunk((len(whole), len(whole), 3)))
    return levels


def _find(name: str) -> BundledImage:
    if name not in SAMPLES:
        raise ValueError(f"there is no sample {name!r}; choose one of {', '.join(SAMPLES)}")
    return SAMPLES[name]


def _read(file: str) -> NDArray[np.uint8]:
    with (_FOLDER / file).open("rb") as stream, Image.open(stream) as picture:
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


def open_brain() -> list[LayerTuple]:
    """Open the slices of a brain, in millimetres."""
    options = {"scale": STACK_SPACING, "units": ("mm",) * 3, "axis_labels": ("z", "y", "x")}
    return [(load_stack(), {"name": STACK, **options}, "image")]


def open_slide() -> list[LayerTuple]:
    """Open the slide, a pyramid of four levels."""
    return [(load_slide(), {"name": SLIDE, "rgb": True, "multiscale": True}, "image")]
