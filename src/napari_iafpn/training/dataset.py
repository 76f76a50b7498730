"""The endless stream of training samples, each determined by seed and index alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from napari_iafpn.clicks import Click
from napari_iafpn.training.augment import augment
from napari_iafpn.training.clicking import initial_clicks
from napari_iafpn.training.readers import FolderSet
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.sample import Sample
from napari_iafpn.training.targets import choose_target, target_slices
from napari_iafpn.training.views import View, choose_view, cut_view


class Item(TypedDict):
    """One sample: image (3, S, S) uint8, label (S, S) int8 (1, 0, -1 ignore), its clicks."""

    image: Tensor
    label: Tensor
    clicks: list[Click]


@dataclass(frozen=True)
class Batch:
    """A batch on the source grid of S x S pixels."""

    images: Tensor
    """(B, 3, S, S) uint8."""
    labels: Tensor
    """(B, 1, S, S) int8: 1 object, 0 background, -1 ignore."""
    clicks: list[list[Click]]
    """Initial clicks of each sample, in source pixels."""

    def to(self, device: torch.device, **kwargs: Any) -> Batch:
        """Move the tensors, as Fabric asks for."""
        return replace(
            self, images=self.images.to(device, **kwargs), labels=self.labels.to(device, **kwargs)
        )

    @classmethod
    def collate(cls, items: Sequence[Item]) -> Batch:
        """Stack items."""
        return cls(
            torch.stack([item["image"] for item in items]),
            torch.stack([item["label"] for item in items])[:, None],
            [item["clicks"] for item in items],
        )


class ClickDataset(Dataset[Item]):
    """Draws sample ``index`` from the mixture with a generator seeded by (seed, index).

    Decoded images are kept, so a worker needs memory for the whole mixture.
    """

    def __init__(self, recipe: Recipe, root: Path) -> None:
        self.recipe = recipe
        self.sets = [FolderSet.find(root, config) for config in recipe.sets]
        weights = np.array([config.weight for config in recipe.sets])
        self.shares = weights / weights.sum()
        self._decoded: dict[tuple[int, int, int], Sample] = {}

    def __getitem__(self, index: int) -> Item:
        rng = np.random.default_rng([self.recipe.seed, index])
        view = self._view(rng)
        view = augment(view, self.recipe.augment, rng)
        if rng.random() < self.recipe.view.background:
            view = View(view.image, np.zeros_like(view.target), view.others, view.ignore)
        label = np.where(view.ignore, -1, view.target).astype(np.int8)
        return Item(
            image=view.image.contiguous(),
            label=torch.from_numpy(label),
            clicks=initial_clicks(view, self.recipe.clicks, rng),
        )

    def _view(self, rng: np.random.Generator) -> View:
        """Draw until an image offers an object that is still there at the view's resolution."""
        while True:
            chosen = int(rng.choice(len(self.sets), p=self.shares))
            images = self.sets[chosen]
            picture = int(rng.integers(len(images.pairs)))
            annotator = int(rng.integers(len(images.pairs[picture][1])))
            sample = self._sample(chosen, picture, annotator)
            ids = choose_target(sample, images.config.kind, self.recipe.view, rng)
            if ids is None:
                continue
            shape = sample.instances.shape
            box = choose_view(
                (shape[0], shape[1]), target_slices(sample, ids), self.recipe.view, rng
            )
            view = cut_view(sample, ids, box, self.recipe.view.source_size)
            if np.count_nonzero(view.target) >= 16:
                return view

    def _sample(self, chosen: int, picture: int, annotator: int) -> Sample:
        key = (chosen, picture, annotator)
        if key not in self._decoded:
            self._decoded[key] = self.sets[chosen].read(picture, annotator)
        return self._decoded[key]


class Stream(Sampler[int]):
    """The indices from ``start`` to ``stop``: resuming a run is starting later."""

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop - self.start
