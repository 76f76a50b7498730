"""File > Save Selected Layers: a Labels layer in the formats of other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_iafpn.exchange import FORMATS, LabelImage, write_labels

CLASS_COLUMNS = ("class", "category", "class_name")


class NotSavedError(RuntimeError):
    """A layer cannot be saved.

    No ValueError: napari takes one to mean that there is no such writer, and drops the sentence.
    """


Writer = Callable[[str, Any, dict[str, Any]], list[str]]


def _writer(name: str) -> Writer:
    def write(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
        suffixes = FORMATS[name].suffixes
        named = Path(path if path.lower().endswith(suffixes) else f"{path}{suffixes[0]}")
        try:
            return [str(write_labels(label_image(data, attributes), named, name))]
        except ValueError as error:
            raise NotSavedError(str(error)) from error

    write.__doc__ = f"Save a Labels layer as {FORMATS[name].title}."
    return write


write_tif = _writer("tif")
write_ome_tif = _writer("ome.tif")
write_ome_zarr = _writer("ome.zarr")
write_npz = _writer("npz")
write_png = _writer("png")
write_json = _writer("json")
write_zip = _writer("zip")
write_geojson = _writer("geojson")
write_csv = _writer("csv")


def label_image(data: Any, attributes: Mapping[str, Any]) -> LabelImage:
    """Return a label image of a layer's data and attributes; of a multiscale layer its finest."""
    labels = np.asarray(data[0] if attributes.get("multiscale") else data)
    return LabelImage(
        labels,
        str(attributes.get("name") or "labels"),
        tuple(abs(float(size)) for size in attributes.get("scale") or ()),
        tuple(str(unit) for unit in attributes.get("units") or ()),
        _axes(labels.ndim, attributes.get("axis_labels") or ()),
        classes_of(attributes),
    )


def _axes(ndim: int, names: Any) -> str:
    """Return TYX where a layer of three axes calls the first one time; else what is usual."""
    first = str(names[0]).lower() if len(names) else ""
    return "TYX" if ndim == 3 and first in ("t", "time", "frame") else ""


def classes_of(attributes: Mapping[str, Any]) -> dict[int, str]:
    """Return the class of each id, from ``metadata["classes"]`` or a column of the features.

    In a table of features, the column ``index`` or ``label`` has the ids, else the row's number.
    """
    given = (attributes.get("metadata") or {}).get("classes")
    if isinstance(given, Mapping):
        return {int(label): str(name) for label, name in given.items()}
    features = attributes.get("features")
    columns = [] if features is None else list(features.columns)
    column = next((name for name in CLASS_COLUMNS if name in columns), None)
    if features is None or column is None:
        return {}
    ids = next((features[name] for name in ("index", "label") if name in columns), features.index)
    known = features[column].notna()
    return {
        int(label): str(name)
        for label, name, there in zip(ids, features[column], known, strict=True)
        if there and str(name) and int(label) != 0
    }
