"""Lists of the objects to evaluate: ``objects.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.readers.sets import AnnotatedSet, Selection
from napari_iafpn.images.opening import UnfitError, opening

LIST_NAME = "objects.json"


def choose_listed(annotated: AnnotatedSet, path: Path, *names: str) -> AnnotatedSet:
    """Choose the objects that ``{set: [[image, id], ...]}`` in a JSON file lists for a set.

    The set is looked for under ``names``, one after the other; where the file lists none of them,
    all objects are taken. Images keep the order of the list.

    Raises
    ------
    ValueError
        Where the file is no such list, or names an image that the set does not have.
    """
    listed = next((sets[name] for sets in [_read(path)] for name in names if name in sets), None)
    if listed is None:
        return annotated
    chosen: dict[str, tuple[int, ...]] = {}
    for image, label in _entries(listed, path):
        if label not in chosen.get(image, ()):
            chosen[image] = (*chosen.get(image, ()), label)
    places = {annotated.image_name(index): index for index in range(len(annotated))}
    missing = next((image for image in chosen if image not in places), None)
    if missing is not None:
        raise ValueError(
            f"{path} names image {missing!r}, which the set {annotated.name!r} does not have; "
            "correct the list"
        )
    return Selection(annotated, tuple(places[image] for image in chosen), tuple(chosen.values()))


def lists_any(path: Path, *names: str) -> bool:
    """Tell whether a file lists objects of a set that has one of ``names``."""
    sets = _read(path)
    return any(name in sets for name in names)


def _read(path: Path) -> dict[str, Any]:
    with opening(path, "a list of objects"):
        sets = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(sets, dict):
            raise UnfitError("it holds no sets as in {set: [[image, id], ...]}")
        return sets


def _entries(listed: Any, path: Path) -> list[tuple[str, int]]:
    try:
        return [(str(image), int(label)) for image, label in listed]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the list of objects {path} has an entry that is no pair of image and id; write "
            "{set: [[image, id], ...]}"
        ) from error
