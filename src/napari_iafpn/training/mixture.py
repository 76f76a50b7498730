"""The sets of a recipe: opened, looked through, and without what cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_iafpn.evaluation.readers import (
    FORMATS,
    AnnotatedSet,
    FolderSet,
    Sample,
    Selection,
    Survey,
    open_folder,
    survey,
)
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.settings import HeldOutConfig, SetConfig

LOOKED_THROUGH = 5000
"""Images of a set that are looked through before the first step; of larger sets a random draw."""


def open_mixture(
    recipe: Recipe, root: Path, announce: Callable[[str], None] | None = None
) -> tuple[AnnotatedSet, ...]:
    """Open the recipe's sets under the data folder ``root``, without what cannot be used.

    ``announce`` gets, in words, what was found and what is left out in each.

    Raises
    ------
    ValueError
        Where a set is not there or nothing in it can be used; names the set.
    """
    return tuple(_usable(recipe, config, root, announce) for config in recipe.sets)


def open_known(
    root: Path, config: SetConfig | HeldOutConfig, *, regions: bool = False
) -> AnnotatedSet:
    """Open a set by its format; of a folder the images without labels are left out.

    ``regions``: the labels of a folder are partitions by several annotators, in which 255 is an id.
    """
    if config.format not in FORMATS:
        raise ValueError(
            f"format of set {config.name!r} is {config.format!r}; use one of {', '.join(FORMATS)}"
        )
    try:
        if config.format == "folder":
            place = root / config.place
            opened = open_folder(place, config.name, annotators=regions, keep_255=regions)
            return opened.labelled() if isinstance(opened, FolderSet) else opened
        return FORMATS[config.format](root / config.place, config.name)
    except (ValueError, OSError) as error:
        raise ValueError(f"set {config.name!r}: {error}") from error


def annotators(images: AnnotatedSet, index: int) -> int:
    """Return how many truths an image has."""
    if isinstance(images, Selection):
        return annotators(images.base, images.indices[index])
    return images.annotators(index) if isinstance(images, FolderSet) else 1


def read_annotator(images: AnnotatedSet, index: int, annotator: int) -> Sample:
    """Read an image with the truth of one annotator."""
    if isinstance(images, Selection):
        return read_annotator(images.base, images.indices[index], annotator)
    return images.read(index, annotator) if isinstance(images, FolderSet) else images.read(index)


def _usable(
    recipe: Recipe, config: SetConfig, root: Path, announce: Callable[[str], None] | None
) -> AnnotatedSet:
    regions = config.kind == "regions"
    opened = open_known(root, config, regions=regions)
    places = _looked_through(len(opened), recipe.seed)
    drawn = opened if len(places) == len(opened) else Selection.images(opened, places)
    least = 1 if config.kind == "parts" else recipe.view.min_object  # of the whole if not of a part
    seen = survey(drawn, min_area=least)
    if announce is not None:
        announce(_words(seen, opened))
    usable = seen.usable()
    # The ids of a partition differ from annotator to annotator.
    ids = (None,) * len(usable) if regions else usable.chosen
    found = {places[index]: chosen for index, chosen in zip(usable.indices, ids, strict=True)}
    unseen = set(range(len(opened))) - set(places)
    kept = sorted(unseen | set(found))
    return Selection(opened, tuple(kept), tuple(map(found.get, kept)))


def _looked_through(count: int, seed: int) -> list[int]:
    """Return the places of the images that are looked through, of so many."""
    places = np.random.default_rng([seed, 4]).permutation(count)[:LOOKED_THROUGH]
    return sorted(map(int, places))


def _words(seen: Survey, opened: AnnotatedSet) -> str:
    drawn = seen.found_images < len(opened)
    note = (
        f"\n({seen.found_images:,} of {len(opened):,} images looked through; of the others, those "
        "that cannot be used are skipped where they are drawn)"
    )
    return seen.text().rstrip() + (note if drawn else "")
