"""File > Open: label images in the formats of other programs, which napari does not read itself."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
import pint
from napari.layers import Image
from napari.utils.notifications import show_info

from napari_iafpn.exchange import FORMATS, format_of, read_labels
from napari_iafpn.exchange.beside import in_all_channels, same_place
from napari_iafpn.plugin.layers import default_image, placement
from napari_iafpn.plugin.writers import place_of_layer

LayerData = tuple[Any, dict[str, Any], str]


def _is_coco(path: Path) -> bool:
    return "annotations" in json.loads(path.read_text(encoding="utf-8"))


def _has_rois(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.lower().endswith(".roi") for name in archive.namelist())


# A file of another kind with these suffixes is somebody else's.
FAMILIAR: dict[str, Callable[[Path], bool]] = {"json": _is_coco, "zip": _has_rois}


def reader_of(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return what reads a file, None where it holds no labels."""
    if not isinstance(path, str):
        return None
    file = Path(path)
    try:
        known = FAMILIAR.get(format_of(file), lambda _: True)(file)
    except (ValueError, OSError, TypeError, zipfile.BadZipFile):
        return None
    return read_layers if known else None


def read_layers(path: str) -> list[LayerData]:
    """Read a file into one Labels layer.

    Outlines that do not tell how large their image is are drawn in the size of the open image, and
    labels without a place of their own lie where it lies.
    """
    image = _open_image() if _is_outlines(path) else None
    about = None if image is None else place_of_layer(image)
    labels = read_labels(Path(path), image=about)
    # napari lines layers up by their last axes: labels need the channels of their image.
    labels = labels if about is None else in_all_channels(labels, about)
    data, place = labels.labels, labels.metadata
    if about is not None and sorted(labels.axes) == sorted(about.axes):
        # The image's rows and columns need not be its last axes.
        data = data.transpose([labels.axes.index(axis) for axis in about.axes])
        place = place.along(about.axes)
    units, notes = _units_in_napari(place.units)
    for note in (*labels.notes, *notes):
        show_info(note)
    attributes: dict[str, Any] = {
        "name": labels.name if labels.name != "labels" else Path(path).name.split(".")[0],
        "scale": place.scale,
        "units": units,
        "translate": place.translate,
        "metadata": {
            **({"classes": dict(labels.classes)} if labels.classes else {}),
            **({"found": sorted(labels.proposed)} if labels.proposed else {}),
        },
    }
    if place.axes:
        attributes["axis_labels"] = tuple(place.axes.lower())
    if image is not None and about is not None and same_place(place, about):
        on_image = placement(image)
        if not about.axes:  # its names say nothing
            del on_image["axis_labels"]
        attributes |= on_image
    return [(data, attributes, "labels")]


def _units_in_napari(given: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the units, pixel instead of those that napari does not have, and notes about them."""
    registry = pint.get_application_registry()
    unknown = [
        unit for unit in dict.fromkeys(given) if not (unit.isidentifier() and unit in registry)
    ]
    units = tuple("pixel" if unit in unknown else unit for unit in given)
    notes = (f"napari has no unit {unit!r}; its numbers are shown as pixels" for unit in unknown)
    return units, tuple(notes)


def _is_outlines(path: str) -> bool:
    return FORMATS[format_of(Path(path))].outlines


def _open_image() -> Image | None:
    viewer = napari.current_viewer()
    return None if viewer is None else default_image(viewer.layers)
