"""One training step of each stage: simulated rounds without gradient, then the loss.

Everything is in two frames: the source grid, which plays the image, and the inputs of the levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_iafpn.clicks import Click, ClickPoints
from napari_iafpn.geometry import Box, crop_resize, move_points, resize, zoom_in
from napari_iafpn.geometry.resample import reframe
from napari_iafpn.networks.cascade import Cascade, remembered
from napari_iafpn.networks.level import Level
from napari_iafpn.training.clicking import add_click, next_click
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.losses import cross_entropy, normalized_focal_loss
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.settings import StageConfig, shape_of

Clicks = list[list[Click]]
StepLoss = Callable[[Cascade, Batch, "Rounds"], Tensor]


@dataclass(frozen=True)
class Rounds:
    """How the simulated user goes on in one pass, and at what size.

    Attributes
    ----------
    count : int
        Clicks that are added to each sample, the same in the whole step.
    users : tuple of Generator
        One for each sample, whose clicks then do not depend on the others.
    size : (H, W)
        The level's input.
    view_size : (H, W)
        The coarse level's input where the fine one is trained.
    slots : int
        Clicks of one sign that a sample can have.
    auxiliary : float
        Weight of the auxiliary head's loss.
    """

    count: int
    users: tuple[np.random.Generator, ...]
    size: tuple[int, int]
    view_size: tuple[int, int]
    slots: int = 24
    auxiliary: float = 0.4

    @classmethod
    def draw(
        cls,
        recipe: Recipe,
        config: StageConfig,
        step: int,
        indices: Sequence[int],
    ) -> Rounds:
        """Draw the rounds of a step; ``indices`` are the samples' places in the stream."""
        seed, clicks = recipe.seed, recipe.clicks
        most = clicks.rounds if config.rounds is None else config.rounds
        count = int(np.random.default_rng([seed, 1, step]).integers(most + 1))
        users = tuple(np.random.default_rng([seed, 2, index]) for index in indices)
        sizes = shape_of(config.size_at(step)), shape_of(recipe.coarse.size)
        return cls(count, users, *sizes, clicks.max_initial, config.auxiliary)


def coarse_loss(cascade: Cascade, batch: Batch, rounds: Rounds) -> Tensor:
    """Train the coarse level on whole views; its own output is the next previous mask."""
    size = rounds.size
    source = Box.whole(_source_size(batch))
    images = resize(batch.images.float() / 255.0, size)
    labels = _labels_at(batch.labels, [source] * len(batch.clicks), size)
    clicks = [list(c) for c in batch.clicks]
    previous = _existing_at(batch, size)

    def forward() -> tuple[Tensor, Tensor | None]:
        points = ClickPoints.from_clicks(clicks, images.device)
        points = move_points(points, [source] * len(clicks), size)
        return cascade.coarse.outputs(images, previous, points)

    with torch.no_grad(), _Evaluating(cascade.coarse):
        for turn in range(rounds.count):
            previous = forward()[0].float().sigmoid()
            whole = reframe(previous, [source] * len(clicks), [source] * len(clicks), source.shape)
            _add_clicks(clicks, whole, batch, rounds, turn)
    logits, auxiliary = forward()
    return _loss(logits, auxiliary, labels, rounds.auxiliary)


def fine_loss(cascade: Cascade, batch: Batch, rounds: Rounds) -> Tensor:
    """Train the fine level inside the cascade: coarse, zoom-in, fine, paste, next click."""
    if cascade.fine is None:
        raise ValueError("this model has no fine level; leave out the fine stage")
    fine: Level = cascade.fine
    size = rounds.size
    source = Box.whole(_source_size(batch))
    everywhere = [source] * len(batch.clicks)
    pixels = batch.images.float() / 255.0
    view = resize(pixels, rounds.view_size)
    clicks = [list(c) for c in batch.clicks]
    last, covered = batch.existing.float(), everywhere

    def intention() -> Tensor:
        points = ClickPoints.from_clicks(clicks, view.device)
        points = move_points(points, everywhere, rounds.view_size)
        previous = reframe(last, covered, everywhere, rounds.view_size)
        probability: Tensor = cascade.coarse(view, previous, points).float().sigmoid()
        return probability

    def zoomed(coarse: Tensor) -> tuple[list[Box], tuple[Tensor, Tensor, ClickPoints]]:
        boxes = _regions(coarse, clicks, source, cascade.config.min_crop, size)
        points = move_points(ClickPoints.from_clicks(clicks, view.device), boxes, size)
        crops = crop_resize(pixels, boxes, size)
        meant = reframe(coarse, everywhere, boxes, size)
        drawn = reframe(last, covered, boxes, size)
        return boxes, (crops, remembered(meant, drawn, cascade.config.memory), points)

    with torch.no_grad(), _Evaluating(fine):
        for turn in range(rounds.count):
            boxes, inputs = zoomed(intention())
            last, covered = fine(*inputs).float().sigmoid(), boxes
            whole = reframe(last, covered, everywhere, source.shape)
            _add_clicks(clicks, whole, batch, rounds, turn)
    with torch.no_grad():
        boxes, inputs = zoomed(intention())
    labels = _labels_at(batch.labels, boxes, size)
    return _loss(*fine.outputs(*inputs), labels, rounds.auxiliary)


STEP_LOSSES: dict[str, StepLoss] = {"coarse": coarse_loss, "fine": fine_loss}


class _Evaluating:
    """Put a level into evaluation mode for a while; each module then gets its own mode back."""

    def __init__(self, level: Level) -> None:
        self.level = level

    def __enter__(self) -> None:
        self.modes = [(module, module.training) for module in self.level.modules()]
        self.level.eval()

    def __exit__(self, *_: object) -> None:
        for module, training in self.modes:
            module.training = training


def _source_size(batch: Batch) -> tuple[int, int]:
    return int(batch.images.shape[-2]), int(batch.images.shape[-1])


def _regions(
    coarse: Tensor, clicks: Clicks, view: Box, min_crop: int, size: tuple[int, int]
) -> list[Box]:
    """Zoom in on each sample.

    Boxes get the proportions of ``size`` as far as the view allows, since the batch's crops do.
    """
    masks = (coarse[:, 0] > 0.5).cpu().numpy()
    boxes = []
    for mask, sample in zip(masks, clicks, strict=True):
        positives = [click for click in sample if click.positive]
        box = zoom_in(mask, positives, view, min_crop=min_crop)
        scale = max(box.height / size[0], box.width / size[1])
        boxes.append(box.resized_about_centre(scale * size[0], scale * size[1], view))
    return boxes


def _labels_at(labels: Tensor, boxes: Sequence[Box], size: tuple[int, int]) -> Tensor:
    """Crop and resize (B, 1, H, W) labels: the object where it covers half a pixel or more."""
    objects = crop_resize((labels == 1).float(), boxes, size) >= 0.5
    ignored = crop_resize((labels == -1).float(), boxes, size) >= 0.5
    return torch.where(ignored & ~objects, -1.0, objects.float())


def _existing_at(batch: Batch, size: tuple[int, int]) -> Tensor:
    """Return the masks before the first click in the frame of the view."""
    everywhere = [Box.whole(_source_size(batch))] * len(batch.clicks)
    return reframe(batch.existing.float(), everywhere, everywhere, size)


def _add_clicks(clicks: Clicks, whole: Tensor, batch: Batch, rounds: Rounds, turn: int) -> None:
    """Let the simulated user add one click per sample, on the source grid."""
    slot = rounds.slots - 1 - turn
    probabilities, truths = whole[:, 0].cpu().numpy(), batch.labels[:, 0].cpu().numpy()
    for place, sample in enumerate(clicks):
        truth = truths[place]
        click = next_click(probabilities[place], truth == 1, truth == -1, rounds.users[place])
        if click is not None:
            add_click(sample, click, batch.clicks[place], slot)


def _loss(logits: Tensor, auxiliary: Tensor | None, labels: Tensor, weight: float) -> Tensor:
    """Return the mean over the samples, so that several processes have the mean of theirs."""
    loss = normalized_focal_loss(logits.float(), labels)
    if auxiliary is not None and weight:
        loss = loss + weight * cross_entropy(auxiliary.float(), labels)
    return loss.mean()
