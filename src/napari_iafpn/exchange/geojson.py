"""GeoJSON as QuPath reads and writes it: annotations with their outlines in pixels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.atomic import write_file
from napari_iafpn.exchange.canvas import Canvas, canvas_of
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.exchange.outlines import Piece, Ring, outlines
from napari_iafpn.images.opening import UnfitError, opening


def write_geojson(labels: LabelImage, path: Path) -> None:
    """Write a FeatureCollection with a feature per object and plane, (x, y) at pixel corners."""
    content = {
        "type": "FeatureCollection",
        "features": [
            _feature(labels, label, pieces, index)
            for index, plane in labels.planes()
            for label, pieces in outlines(plane).items()
        ],
        **labels.metadata.holder(classes=False),
    }
    payload = json.dumps(content).encode()
    write_file(path, lambda file: file.write(payload))


def _feature(
    labels: LabelImage, label: int, pieces: tuple[Piece, ...], index: tuple[int, ...]
) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in piece.rings] for piece in pieces]
    geometry: dict[str, Any] = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    if index:
        place = dict(zip(labels.axes, index, strict=False))
        geometry["plane"] = {
            "c": place.get("C", -1),
            "z": place.get("Z", 0),
            "t": place.get("T", 0),
        }
    properties: dict[str, Any] = {"objectType": "annotation", "name": str(label)}
    if label in labels.classes:
        properties["classification"] = {"name": labels.classes[label]}
    properties["measurements"] = {"id": label} | ({"found": 1} if label in labels.proposed else {})
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _closed(ring: Ring) -> list[list[int]]:
    corners: list[list[int]] = ring[:, ::-1].tolist()
    return [*corners, corners[0]]


def read_geojson(path: Path, image: LabelMetadata | None = None) -> LabelImage:
    """Read the polygons of a file; objects without an id are numbered from 1.

    Files of QuPath do not tell the shape of their ``image``.
    """
    with opening(path, "GeoJSON"):
        content = json.loads(path.read_text(encoding="utf-8"))
        features = content.get("features") if isinstance(content, dict) else content
        if not isinstance(features, list):
            raise UnfitError("it has no list of features")
        areas = [feature for feature in features if _polygons(feature)]
        labels = _labels(areas)
        places = [_position(feature) for feature in areas]
        moving = {axis for place in places for axis, number in place.items() if number > 0}
        metadata = canvas_of(LabelMetadata.found(content), image, path, moving)
        canvas = Canvas(metadata, max(labels, default=0))
        classes: dict[int, str] = {}
        for label, feature, place in zip(labels, areas, places, strict=True):
            index = canvas.index(place, f"object {label} of {path.name}")
            for rings in _polygons(feature):
                canvas.outline(label, index, list(_corners(rings)))
            named = (feature.get("properties") or {}).get("classification") or {}
            if "name" in named or "names" in named:
                classes[label] = str(named.get("name") or ": ".join(named["names"]))
        if lost := len(features) - len(areas):
            canvas.notes.append(f"{lost} feature(s) of {path.name} are no areas and were left out")
        return canvas.finished(path, classes)


def _polygons(feature: dict[str, Any]) -> list[list[Any]]:
    """Return the polygons of a feature as lists of rings, none where it is no area."""
    geometry = feature.get("geometry") or {}
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        return [p for part in geometry["geometries"] for p in _polygons({"geometry": part})]
    found: list[list[Any]] = geometry["coordinates"] if kind == "MultiPolygon" else []
    return [geometry["coordinates"]] if kind == "Polygon" else found


def _corners(rings: list[Any]) -> Iterator[NDArray[np.float64]]:
    for ring in rings:
        yield np.array(ring, float)[:, 1::-1]


def _labels(features: list[dict[str, Any]]) -> list[int]:
    ids = [_id(feature) for feature in features]
    if all(ids):
        return [label for label in ids if label]
    return list(range(1, len(features) + 1))


def _id(feature: dict[str, Any]) -> int | None:
    measured = (feature.get("properties") or {}).get("measurements") or {}
    if isinstance(measured, list):  # of QuPath before 0.4
        measured = {entry["name"]: entry["value"] for entry in measured}
    value = measured.get("id")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and value > 0 else None


def _position(feature: dict[str, Any]) -> dict[str, int]:
    """Return the plane of a feature, counted from 0; -1 stands for all channels."""
    plane = feature["geometry"].get("plane") or {}
    return {axis: max(int(plane.get(axis.lower(), 0)), 0) for axis in "TCZ"}
