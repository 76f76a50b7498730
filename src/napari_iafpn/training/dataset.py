"""The endless stream of training samples, each determined by seed and index alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from napari_iafpn.evaluation.readers import AnnotatedSet, Sample
from napari_iafpn.images.intensity import as_rgb8
from napari_iafpn.prompts import Click
from napari_iafpn.training.augment import augment
from napari_iafpn.training.clicking import initial_clicks, neighbour_clicks
from napari_iafpn.training.initial_masks import (
    Mask,
    correcting_clicks,
    draw_initial_mask,
    misplaced_mask,
    placing_clicks,
)
from napari_iafpn.training.mixture import annotators, read_annotator
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.settings import Size
from napari_iafpn.training.views import (
    View,
    choose_target,
    choose_view,
    cut_view,
    seen_pixels,
    target_slices,
)

logger = logging.getLogger(__name__)

CACHE_BYTES = 2 * 2**30
ATTEMPTS = 1000
"""Draws without a usable object after which a set is given up."""
SET_ATTEMPTS = 50
"""So many of them from one set, or sets of small objects would be seen less than they weigh."""
MIN_SEEN = 16
"""Pixels of the target that a view must show."""


class Item(TypedDict):
    """One sample.

    Image (3, H, W) uint8, label (H, W) int8 (1, 0, -1 ignore), the mask before the first click
    (H, W) bool, the clicks, those that the user did not make but the neighbours are known by,
    whether several objects are meant, and how many of its pixels make one of the image.
    """

    image: Tensor
    label: Tensor
    initial_mask: Tensor
    clicks: list[Click]
    context: list[Click]
    merged: bool
    scale: float


@dataclass(frozen=True)
class Batch:
    """A batch on the source grid of H x W pixels."""

    images: Tensor
    """(B, 3, H, W) uint8."""
    labels: Tensor
    """(B, 1, H, W) int8: 1 object, 0 background, -1 ignore."""
    initial_mask: Tensor
    """(B, 1, H, W) bool: the masks before the first click, empty where there are none."""
    clicks: list[list[Click]]
    """The user's initial clicks of each sample, in source pixels."""
    context: list[list[Click]]
    """Negative clicks in neighbours that were finished before, of each sample."""
    merged: list[bool]
    """Whether the target of a sample is several objects, each of which has a click."""
    scale: list[float]
    """Source pixels to a pixel of the image, of each sample."""

    @property
    def initial(self) -> list[list[Click]]:
        """All clicks of the first forward pass, the user's last."""
        return [[*a, *b] for a, b in zip(self.context, self.clicks, strict=True)]

    def to(self, device: torch.device, **kwargs: Any) -> Batch:
        """Move the tensors, as Fabric asks for."""
        return replace(
            self,
            images=self.images.to(device, **kwargs),
            labels=self.labels.to(device, **kwargs),
            initial_mask=self.initial_mask.to(device, **kwargs),
        )

    @classmethod
    def collate(cls, items: Sequence[Item]) -> Batch:
        """Stack items."""
        return cls(
            torch.stack([item["image"] for item in items]),
            torch.stack([item["label"] for item in items])[:, None],
            torch.stack([item["initial_mask"] for item in items])[:, None],
            [item["clicks"] for item in items],
            [item["context"] for item in items],
            [item["merged"] for item in items],
            [item["scale"] for item in items],
        )


class ClickDataset(Dataset[Item]):
    """Draws sample ``index`` from the mixture with a generator seeded by (seed, index).

    Parameters
    ----------
    recipe : Recipe
    sets : sequence of AnnotatedSet
        Those that ``recipe.sets`` describes, in its order.
    cache_bytes : int
        Decoded images are kept up to this size, in each worker.
    """

    def __init__(
        self,
        recipe: Recipe,
        sets: Sequence[AnnotatedSet],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        if len(sets) != len(recipe.sets):
            raise ValueError(
                f"the recipe has {len(recipe.sets)} sets, but {len(sets)} were opened; "
                "give one for each"
            )
        self.recipe = recipe
        self.sets = tuple(sets)
        weights = np.array([config.weight for config in recipe.sets])
        self.shares = weights / weights.sum()
        self._decoded = _Cache(cache_bytes)
        self._skipped: set[tuple[int, ...]] = set()

    def seen_at(self, size: Size | None) -> ClickDataset:
        """Return the same samples, of another number of pixels; None: as they are."""
        if size is None:
            return self
        recipe = replace(self.recipe, view=replace(self.recipe.view, source_size=size))
        return ClickDataset(recipe, self.sets, self._decoded.limit)

    def __getitem__(self, index: int) -> Item:
        rng = np.random.default_rng([self.recipe.seed, index])
        view = augment(self._view(rng), self.recipe.augment, rng)
        if rng.random() < self.recipe.view.background:
            view = view.without_target()
        label = np.where(view.ignore, -1, view.target).astype(np.int8)
        initial_mask, clicks = self._beginning(view, rng)
        config = self.recipe.clicks
        known = config.context and rng.random() < config.context
        return Item(
            image=view.image.contiguous(),
            label=torch.from_numpy(label),
            initial_mask=torch.from_numpy(np.ascontiguousarray(initial_mask)),
            clicks=clicks,
            context=neighbour_clicks(view, rng) if known else [],
            merged=bool(view.parts),
            scale=view.scale,
        )

    def _beginning(self, view: View, rng: np.random.Generator) -> tuple[Mask, list[Click]]:
        """Draw what there is at the first pass: a mask to correct, or nothing, and clicks."""
        config = self.recipe.clicks
        if (config.existing or config.misplaced) and view.target.any():
            drawn = rng.random()
            if drawn < config.existing:
                initial_mask = draw_initial_mask(view, rng)
                if clicks := correcting_clicks(view, initial_mask, rng):
                    return initial_mask, clicks
            elif drawn < config.existing + config.misplaced:
                elsewhere = misplaced_mask(view, rng)
                if clicks := placing_clicks(view, elsewhere, rng):
                    return elsewhere, clicks
        return np.zeros_like(view.target), initial_clicks(view, config, rng)

    def _view(self, rng: np.random.Generator) -> View:
        """Draw until an image offers an object that is still there at the view's resolution."""
        config = self.recipe.view
        for attempt in range(ATTEMPTS):
            if attempt % SET_ATTEMPTS == 0:
                chosen = int(rng.choice(len(self.sets), p=self.shares))
            kind = self.recipe.sets[chosen].kind
            sample = self._sample(chosen, rng)
            ids = None if sample is None else choose_target(sample, kind, config, rng)
            if sample is None or ids is None:
                continue
            box = choose_view(sample.shape, target_slices(sample, ids), config, rng)
            if seen_pixels(sample, ids, box, config.source_size) >= MIN_SEEN:
                merged = kind == "instances" and len(ids) > 1
                return cut_view(sample, ids, box, config.source_size, parts=merged)
        raise ValueError(
            f"none of {ATTEMPTS} draws from set {self.recipe.sets[chosen].name!r} and its like had "
            f"an object of view.min_object = {config.min_object} pixels in an image that can be "
            "read; lower it or check images and labels"
        )

    def _sample(self, chosen: int, rng: np.random.Generator) -> Sample | None:
        """Draw an image of a set; None, which is told once, where it cannot be used."""
        images = self.sets[chosen]
        picture = int(rng.integers(len(images)))
        truths = annotators(images, picture)
        which = int(rng.integers(truths)) if truths > 1 else 0
        key = chosen, picture, which

        def read() -> Sample:
            return read_annotator(images, picture, which) if truths > 1 else images.read(picture)

        try:
            return self._decoded.get(key, read)
        except (ValueError, OSError) as error:
            if key not in self._skipped:
                self._skipped.add(key)
                logger.warning(
                    "an image of set %r is skipped: %s", self.recipe.sets[chosen].name, error
                )
            return None


class _Cache:
    """Decoded samples, the oldest of which make room for new ones."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._samples: dict[tuple[int, ...], Sample] = {}

    def get(self, key: tuple[int, ...], read: Callable[[], Sample]) -> Sample:
        """Return the sample of a key in 8-bit colours."""
        if key not in self._samples:
            sample = read()
            sample = replace(sample, image=as_rgb8(sample.image))
            self._samples[key] = sample
            self.used += _size(sample)
            while self.used > self.limit and len(self._samples) > 1:
                self.used -= _size(self._samples.pop(next(iter(self._samples))))
        return self._samples[key]


def _size(sample: Sample) -> int:
    masks = () if sample.masks is None else sample.masks.values()
    return int(sample.image.nbytes + sample.instances.nbytes + sum(m.nbytes for m in masks))
