"""Lists of the objects to evaluate: ``objects.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.readers.sets import AnnotatedSet, Selection

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


def _read(path: Path) -> dict[str, Any]:
    try:
        sets = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"the list of objects {path} is no valid JSON: {error}") from error
    if not isinstance(sets, dict):
        raise ValueError(
            f"the list of objects {path} holds no sets; write {{set: [[image, id], ...]}}"
        )
    return sets


def _entries(listed: Any, path: Path) -> list[tuple[str, int]]:
    try:
        return [(str(image), int(label)) for image, label in listed]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the list of objects {path} has an entry that is no pair of image and id; write "
            "{set: [[image, id], ...]}"
        ) from error
