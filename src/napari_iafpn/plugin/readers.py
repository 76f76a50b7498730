"""File > Open: label images in the formats of other programs, which napari does not read itself."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
from napari.utils.notifications import show_info

from napari_iafpn.exchange import FORMATS, format_of, read_labels
from napari_iafpn.plugin.layers import default_image, spatial_shape

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

    Outlines that do not tell how large their image is are drawn in the size of the open image.
    """
    labels = read_labels(Path(path), _shape_of_open_image() if _is_outlines(path) else None)
    for note in labels.notes:
        show_info(note)
    attributes = {
        "name": labels.name if labels.name != "labels" else Path(path).name.split(".")[0],
        "scale": labels.scale,
        "units": labels.units,
        "metadata": {"classes": dict(labels.classes)} if labels.classes else {},
    }
    return [(labels.labels, attributes, "labels")]


def _is_outlines(path: str) -> bool:
    return FORMATS[format_of(Path(path))].outlines


def _shape_of_open_image() -> tuple[int, ...] | None:
    viewer = napari.current_viewer()
    image = None if viewer is None else default_image(viewer.layers)
    return None if image is None else spatial_shape(image)
