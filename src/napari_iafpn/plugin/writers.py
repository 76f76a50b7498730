"""File > Save Selected Layers: a Labels layer in the formats of other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_warning
from napari.utils.transforms import Affine

from napari_iafpn.exchange import FORMATS, LabelImage, LabelMetadata, place_of, write_labels
from napari_iafpn.exchange.axes import letter_of
from napari_iafpn.plugin.layers import full_resolution

_PLACES = ("scale", "translate", "rotate", "shear")

_NUMBERS = (str, int, float, np.integer, np.floating)

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
            labels = label_image(data, attributes)
            place = place_of(labels, named, name)
            if place != Path(path) and place.exists():  # nobody was asked about that one
                raise ValueError(f"{place} exists already; give the labels another name")
            saved = write_labels(labels, named, name)
        except ValueError as error:
            raise NotSavedError(str(error)) from error
        for note in labels.notes:
            show_warning(note)
        return [str(saved)]

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
    """Return a label image of a layer's data and attributes; of a multiscale layer its finest.

    Its notes say what of the layer's axes, place and classes it does not hold.
    """
    labels = np.asarray(data[0] if attributes.get("multiscale") else data)
    name = str(attributes.get("name") or "labels")
    metadata, notes = layer_metadata(labels.shape, name, attributes)
    classes, proposed, others = said_of_objects(attributes)
    if others:
        named = ", ".join(others[:5]) + (" ..." if len(others) > 5 else "")
        notes += (
            f"the classes of {named} in {name!r} are not saved; the id of an object is a whole "
            "number",
        )
    metadata = replace(metadata, classes=classes, proposed=proposed)
    return LabelImage.of(labels, name, metadata, notes)


def place_of_layer(layer: Image | Labels) -> LabelMetadata:
    """Return axes and place of a layer."""
    shape = full_resolution(layer).shape[: layer.ndim]
    names = ("affine", "axis_labels", "units", *_PLACES)
    return layer_metadata(shape, layer.name, {name: getattr(layer, name) for name in names})[0]


def layer_metadata(
    shape: Sequence[int], name: str, attributes: Mapping[str, Any]
) -> tuple[LabelMetadata, tuple[str, ...]]:
    """Return axes and place of a layer by its attributes, and sentences about what they lack.

    Parameters
    ----------
    shape : sequence of int
        Without colours.
    name : str
        Of the layer.
    attributes : mapping
        ``axis_labels``, ``scale``, ``units``, ``translate``, ``rotate``, ``shear``, ``affine``;
        what is absent is as napari has it by default.
    """
    ndim = len(shape)
    own = Affine(
        **{key: attributes[key] for key in _PLACES if attributes.get(key) is not None}, ndim=ndim
    )
    further = attributes.get("affine")
    further = np.eye(ndim + 1) if further is None else np.asarray(further)
    world = further @ own.affine_matrix
    linear, scale = world[:-1, :-1], np.diag(world)[:-1]
    units = [str(unit) for unit in attributes.get("units") or ()]
    names = [str(axis) for axis in attributes.get("axis_labels") or ()]
    notes = []
    small = 1e-9 * np.abs(linear).max()
    if not np.allclose(linear, np.diag(scale), atol=small) or not scale.all():
        notes.append(
            f"the rotation and shear of {name!r} are not saved, no file of labels holds them; "
            "scale and translation are those of the layer without them"
        )
        scale, world = own.scale, own.affine_matrix
    if (scale < 0).any():
        notes.append(f"{name!r} is mirrored by a negative scale; it is saved with a positive one")
    metadata = LabelMetadata.named(
        shape, names, np.abs(scale).tolist(), units, world[:-1, -1].tolist()
    )
    odd = [
        axis
        for axis in names
        if not letter_of(axis) and axis.strip() and not axis.lstrip("-").isdigit()
    ]
    if odd:
        taken = metadata.letters or "what is usual"
        notes.append(
            f"the axes {', '.join(odd)} of {name!r} have names that no file of labels holds; "
            f"all axes are taken for {taken}"
        )
    return metadata, tuple(notes)


def said_of_objects(
    attributes: Mapping[str, Any],
) -> tuple[dict[int, str], frozenset[int], list[str]]:
    """Return what a layer says of its objects; what is no id, since others wrote it, is left out.

    Returns
    -------
    The class of each id, from ``metadata["classes"]`` or a column of the features; the ids that
    were proposed, from ``metadata["found"]``; and what has a class, but is no id. In a table of
    features, the column ``index`` or ``label`` has the ids, else the row's number.
    """
    metadata = attributes.get("metadata") or {}
    given, found = metadata.get("classes"), metadata.get("found")
    named = given.items() if isinstance(given, Mapping) else _named_in(attributes.get("features"))
    classes, others = dict[int, str](), list[str]()
    for key, name in named:
        if (label := _whole(key)) is None:
            others.append(str(key))
        elif label:
            classes[label] = str(name)
    proposed = map(_whole, found) if isinstance(found, list | tuple | set | frozenset) else ()
    return classes, frozenset(label for label in proposed if label), others


def _named_in(features: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a table of features calls an id, and its class."""
    columns = {} if features is None else dict(features.items())
    names = next((columns[name] for name in CLASS_COLUMNS if name in columns), None)
    if names is None:
        return
    ids = next((columns[name] for name in ("index", "label") if name in columns), names.index)
    for label, name, there in zip(ids, names, names.notna(), strict=True):
        if there and str(name):
            yield label, name


def _whole(given: Any) -> int | None:
    """Return a whole number, also one in a text; None for anything else."""
    if isinstance(given, bool) or not isinstance(given, _NUMBERS):
        return None
    try:
        number = int(given)
    except (ValueError, OverflowError):  # of NaN and infinity
        return None
    return number if isinstance(given, str) or number == given else None
