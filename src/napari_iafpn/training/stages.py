"""One training step of each stage: simulated rounds without gradient, then the loss.

Everything is in two frames: the source grid of S x S pixels, which plays the image, and the square
inputs of the levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from napari_iafpn.clicks import Click, ClickPoints
from napari_iafpn.geometry import Box, crop_resize, move_points, resize, zoom_in
from napari_iafpn.geometry.resample import reframe
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.level import Level
from napari_iafpn.training.clicking import next_click
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.losses import normalized_focal_loss

Clicks = list[list[Click]]
StepLoss = Callable[[Cascade, Batch, "Round"], Tensor]


class Round:
    """The randomness of one step: the number of rounds and where the next clicks go."""

    def __init__(self, seed: int, step: int, most: int, size: int) -> None:
        self.rng = np.random.default_rng([seed, 1, step])
        self.count = int(self.rng.integers(most + 1))
        self.size = size


def coarse_loss(cascade: Cascade, batch: Batch, rounds: Round) -> Tensor:
    """Train the coarse level on whole views; its own output is the next previous mask."""
    size = (rounds.size, rounds.size)
    source = Box.whole(_source_size(batch))
    images = resize(batch.images.float() / 255.0, size)
    labels = _labels_at(batch.labels, [source] * len(batch.clicks), size)
    clicks = [list(c) for c in batch.clicks]
    previous = images.new_zeros(images.shape[0], 1, *size)

    def forward() -> tuple[Tensor, Tensor | None]:
        points = ClickPoints.from_clicks(clicks, images.device)
        points = move_points(points, [source] * len(clicks), size)
        return cascade.coarse.outputs(images, previous, points)

    with torch.no_grad(), _Evaluating(cascade.coarse):
        for _ in range(rounds.count):
            previous = forward()[0].float().sigmoid()
            whole = reframe(previous, [source] * len(clicks), [source] * len(clicks), source.shape)
            _add_clicks(clicks, whole, batch.labels, rounds.rng)
    logits, auxiliary = forward()
    loss = normalized_focal_loss(logits.float(), labels).mean()
    if auxiliary is not None:
        loss = loss + 0.4 * _bce(auxiliary.float(), labels)
    return loss


def fine_loss(cascade: Cascade, batch: Batch, rounds: Round) -> Tensor:
    """Train the fine level inside the cascade: coarse, zoom-in, fine, paste, next click."""
    if cascade.fine is None:
        raise ValueError("this model has no fine level; leave out the fine stage")
    fine: Level = cascade.fine
    size = (rounds.size, rounds.size)
    source = Box.whole(_source_size(batch))
    everywhere = [source] * len(batch.clicks)
    pixels = batch.images.float() / 255.0
    view = resize(pixels, size)
    clicks = [list(c) for c in batch.clicks]
    previous = view.new_zeros(view.shape[0], 1, *size)

    def intention() -> Tensor:
        points = move_points(ClickPoints.from_clicks(clicks, view.device), everywhere, size)
        probability: Tensor = cascade.coarse(view, previous, points).float().sigmoid()
        return probability

    def zoomed(coarse: Tensor) -> tuple[list[Box], tuple[Tensor, Tensor, ClickPoints]]:
        boxes = _regions(coarse, clicks, source, cascade.config.min_crop)
        points = move_points(ClickPoints.from_clicks(clicks, view.device), boxes, size)
        crops = crop_resize(pixels, boxes, size)
        return boxes, (crops, reframe(coarse, everywhere, boxes, size), points)

    with torch.no_grad(), _Evaluating(fine):
        for _ in range(rounds.count):
            boxes, inputs = zoomed(intention())
            probability = fine(*inputs).float().sigmoid()
            whole = reframe(probability, boxes, everywhere, source.shape)
            _add_clicks(clicks, whole, batch.labels, rounds.rng)
            previous = reframe(probability, boxes, everywhere, size)
    with torch.no_grad():
        boxes, inputs = zoomed(intention())
    labels = _labels_at(batch.labels, boxes, size)
    return normalized_focal_loss(fine(*inputs).float(), labels).mean()


STEP_LOSSES: dict[str, StepLoss] = {"coarse": coarse_loss, "fine": fine_loss}


class _Evaluating:
    """Put a level into evaluation mode for a while."""

    def __init__(self, level: Level) -> None:
        self.level = level

    def __enter__(self) -> None:
        self.training = self.level.training
        self.level.eval()

    def __exit__(self, *_: object) -> None:
        self.level.train(self.training)


def _source_size(batch: Batch) -> tuple[int, int]:
    return int(batch.images.shape[-2]), int(batch.images.shape[-1])


def _regions(coarse: Tensor, clicks: Clicks, view: Box, min_crop: int) -> list[Box]:
    """Zoom in on each sample.

    Boxes are made square as far as the view allows, since the batch's crops are.
    """
    masks = (coarse[:, 0] > 0.5).cpu().numpy()
    boxes = []
    for mask, sample in zip(masks, clicks, strict=True):
        positives = [click for click in sample if click.positive]
        box = zoom_in(mask, positives, view, min_crop=min_crop)
        side = max(box.shape)
        boxes.append(box.resized_about_centre(side, side, view))
    return boxes


def _labels_at(labels: Tensor, boxes: Sequence[Box], size: tuple[int, int]) -> Tensor:
    """Crop and resize (B, 1, S, S) labels: the object where it covers half a pixel or more."""
    objects = crop_resize((labels == 1).float(), boxes, size) >= 0.5
    ignored = crop_resize((labels == -1).float(), boxes, size) >= 0.5
    return torch.where(ignored & ~objects, -1.0, objects.float())


def _add_clicks(clicks: Clicks, whole: Tensor, labels: Tensor, rng: np.random.Generator) -> None:
    """Let the simulated user add one click per sample, on the source grid."""
    probabilities = whole[:, 0].cpu().numpy()
    truths = labels[:, 0].cpu().numpy()
    for sample, probability, truth in zip(clicks, probabilities, truths, strict=True):
        click = next_click(probability, truth == 1, truth == -1, rng)
        if click is not None:
            sample.append(click)


def _bce(logits: Tensor, labels: Tensor) -> Tensor:
    valid = labels != -1
    return torch.nn.functional.binary_cross_entropy_with_logits(logits[valid], labels[valid])
