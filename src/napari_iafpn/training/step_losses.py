"""One training step of each stage: simulated rounds, and the loss after the last or after each.

Everything is in two frames: the source grid, which plays the image, and the inputs of the levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_iafpn.geometry import Box, crop_resize, resize
from napari_iafpn.geometry.arrays import Array
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.networks.level import Level
from napari_iafpn.networks.refiner import SHARPNESS
from napari_iafpn.networks.step import BoxedMasks, Scene
from napari_iafpn.prompts import Click
from napari_iafpn.training.clicking import add_click, aimed_click, next_click
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.losses import cross_entropy, mask_loss, normalized_focal_loss
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.settings import StageConfig, shape_of

MOST_JITTER = 0.5
"""Largest jitter of the user who aims, drawn for each click, see ``prompts.jittered_click``."""
Clicks = list[list[Click]]
StepLoss = Callable[[Cascade, Batch, "ClickSchedule"], Tensor]


@dataclass(frozen=True)
class ClickSchedule:
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
    aims : bool
        Whether the user aims at the middle of what is wrong, now better, now worse. Else the click
        is anywhere deep inside.
    """

    count: int
    users: tuple[np.random.Generator, ...]
    size: tuple[int, int]
    view_size: tuple[int, int]
    slots: int = 24
    auxiliary: float = 0.4
    aims: bool = False

    @classmethod
    def draw(
        cls,
        recipe: Recipe,
        config: StageConfig,
        step: int,
        indices: Sequence[int],
    ) -> ClickSchedule:
        """Draw the rounds of a step; ``indices`` are the samples' places in the stream."""
        seed, clicks = recipe.seed, recipe.clicks
        most = clicks.rounds if config.rounds is None else config.rounds
        count = int(np.random.default_rng([seed, 1, step]).integers(most + 1))
        users = tuple(np.random.default_rng([seed, 2, index]) for index in indices)
        sizes = shape_of(config.size_at(step)), shape_of(recipe.coarse.size)
        return cls(count, users, *sizes, clicks.max_initial, config.auxiliary)


def coarse_loss(cascade: Cascade, batch: Batch, rounds: ClickSchedule) -> Tensor:
    """Train the coarse level on whole views; its own output is the next previous mask."""
    annotation = SimulatedAnnotation(batch, replace(rounds, view_size=rounds.size), cascade.config)
    with torch.no_grad(), _Evaluating(cascade.coarse):
        for _ in range(rounds.count):
            annotation.go_on(cascade.intend(annotation.scene), annotation.scene.views)
    labels = _labels_at(batch.labels, annotation.scene.views, rounds.size)
    inputs = cascade.view_inputs(annotation.scene)
    return _loss(*cascade.coarse.outputs(*inputs), labels, rounds.auxiliary)


def fine_loss(cascade: Cascade, batch: Batch, rounds: ClickSchedule) -> Tensor:
    """Train the fine level inside the cascade: coarse, zoom-in, fine, paste, next click."""
    if cascade.fine is None:
        raise ValueError("this model has no fine level; leave out the fine stage")
    annotation = SimulatedAnnotation(batch, rounds, cascade.config)
    with torch.no_grad(), _Evaluating(cascade.fine):
        for _ in range(rounds.count):
            annotation.go_on(*cascade.step(annotation.scene))
    with torch.no_grad():
        region = cascade.zoom(annotation.scene, cascade.intend(annotation.scene))
    labels = _labels_at(batch.labels, region.boxes, rounds.size)
    inputs = cascade.region_inputs(annotation.scene, region)
    return _loss(*cascade.fine.outputs(*inputs), labels, rounds.auxiliary)


def refiner_loss(cascade: Cascade, batch: Batch, rounds: ClickSchedule) -> Tensor:
    """Train the refiner after every click, the levels in front as they are in use.

    The first click lies deep in the object, as users click, not anywhere.
    """
    if cascade.fine is None or cascade.refiner is None:
        raise ValueError("this model has no refiner; leave out the refiner stage")
    batch = replace(batch, clicks=_deep_clicks(batch, rounds.users))
    annotation = SimulatedAnnotation(batch, replace(rounds, aims=True), cascade.config)
    losses = []
    for turn in range(rounds.count + 1):
        with torch.no_grad():
            region = cascade.zoom(annotation.scene, cascade.intend(annotation.scene))
            drawn = cascade.fine(*cascade.region_inputs(annotation.scene, region)).float()
        refined = cascade.refine(drawn, region)
        labels = _labels_at(batch.labels, region.boxes, rounds.size)
        losses.append(mask_loss(SHARPNESS * refined, labels).mean())
        if turn < rounds.count:
            annotation.go_on(refined.detach(), region.boxes)
    return torch.stack(losses).mean()


def cascade_losses(cascade: Cascade, batch: Batch, rounds: ClickSchedule) -> Iterator[Tensor]:
    """Train everything together, as it is in use: yield the loss after every click.

    The fine level, with the refiner behind it, learns after every click, the coarse level after the
    first two and then after every fourth; no gradient goes from one level to the other. Whoever
    takes a loss may change the weights before the next one. Clicks as in ``refiner_loss``.
    """
    if cascade.fine is None:
        raise ValueError("this model has no fine level; leave out the cascade stage")
    batch = replace(batch, clicks=_deep_clicks(batch, rounds.users))
    annotation = SimulatedAnnotation(batch, replace(rounds, aims=True), cascade.config)
    in_view = _labels_at(batch.labels, annotation.scene.views, rounds.view_size)
    for turn in range(rounds.count + 1):
        with torch.set_grad_enabled(turn < 2 or turn % 4 == 1):
            intention = cascade.intend(annotation.scene)
        region = cascade.zoom(annotation.scene, intention)
        drawn = cascade.draw(annotation.scene, region)
        labels = _labels_at(batch.labels, region.boxes, rounds.size)
        loss = mask_loss(SHARPNESS * drawn, labels).mean()
        if intention.requires_grad:
            loss = loss + mask_loss(SHARPNESS * intention, in_view, least=100).mean()
        yield loss
        if turn < rounds.count:
            annotation.go_on(drawn.detach(), region.boxes)


class SimulatedAnnotation:
    """A batch under annotation: the scene that the networks see, and the simulated user."""

    def __init__(self, batch: Batch, rounds: ClickSchedule, config: CascadeConfig) -> None:
        self.batch, self.rounds, self.turn = batch, rounds, 0
        self.clicks = batch.initial
        pixels = batch.images.float() / 255.0
        self.shape = int(pixels.shape[-2]), int(pixels.shape[-1])
        views = (Box.whole(self.shape),) * len(pixels)
        whole = resize(pixels, rounds.view_size)

        def crop(boxes: Sequence[Box], size: tuple[int, int]) -> Array:
            return whole if boxes is views else crop_resize(pixels, boxes, size)

        self.scene = Scene(
            crop,
            self.clicks,
            BoxedMasks(batch.initial_mask.float(), views),
            views,
            rounds.view_size,
            rounds.size,
            [config.min_crop * scale for scale in batch.scale],
        )

    def go_on(self, logits: Tensor, boxes: Sequence[Box]) -> None:
        """Take the masks in, and let the simulated user add a click to each sample."""
        previous = BoxedMasks(logits.float().sigmoid(), boxes)
        self.scene = replace(self.scene, previous=previous)
        seen = previous.seen_in(self.scene.views, self.shape)
        _add_clicks(self.clicks, seen, self.batch, self.rounds, self.turn)
        self.turn += 1


STEP_LOSSES: dict[str, StepLoss] = {
    "coarse": coarse_loss,
    "fine": fine_loss,
    "refiner": refiner_loss,
}
"""Of the stages that learn once from each batch."""


def step_losses(
    stage: str, cascade: Cascade, batch: Batch, rounds: ClickSchedule
) -> Iterator[Tensor]:
    """Yield the losses of a stage's pass: one, or of the whole cascade one after every click."""
    if stage == "cascade":
        yield from cascade_losses(cascade, batch, rounds)
    else:
        yield STEP_LOSSES[stage](cascade, batch, rounds)


class _Evaluating:
    """Put a level into evaluation mode for a while; each module then gets its own mode back.

    What autocast has cast meanwhile is dropped: older torch keeps weights that were cast without
    gradient, and whoever learns next would get none.
    """

    def __init__(self, level: Level) -> None:
        self.level = level

    def __enter__(self) -> None:
        self.modes = [(module, module.training) for module in self.level.modules()]
        self.level.eval()

    def __exit__(self, *_: object) -> None:
        for module, training in self.modes:
            module.training = training
        torch.clear_autocast_cache()


def _labels_at(labels: Tensor, boxes: Sequence[Box], size: tuple[int, int]) -> Tensor:
    """Crop and resize (B, 1, H, W) labels: the object where it covers half a pixel or more."""
    objects = crop_resize((labels == 1).float(), boxes, size) >= 0.5
    ignored = crop_resize((labels == -1).float(), boxes, size) >= 0.5
    return torch.where(ignored & ~objects, -1.0, objects.float())


def _deep_clicks(batch: Batch, users: Sequence[np.random.Generator]) -> Clicks:
    """Return one click deep in each object; the batch's for a mask, for no object or several."""
    found = []
    truths, initial_mask = batch.labels[:, 0].cpu().numpy(), batch.initial_mask.cpu().numpy()
    samples = zip(truths, initial_mask, batch.clicks, batch.merged, users, strict=True)
    for truth, mask, given, merged, user in samples:
        nothing = np.zeros(truth.shape, np.float32)
        kept = merged or mask.any()
        deep = None if kept else next_click(nothing, truth == 1, truth == -1, user)
        found.append(given if deep is None else [deep])
    return found


def _add_clicks(
    clicks: Clicks, whole: Tensor, batch: Batch, rounds: ClickSchedule, turn: int
) -> None:
    """Let the simulated user add one click per sample, on the source grid."""
    slot, initial = rounds.slots - 1 - turn, batch.initial
    probabilities, truths = whole[:, 0].cpu().numpy(), batch.labels[:, 0].cpu().numpy()
    for place, sample in enumerate(clicks):
        truth = truths[place]
        user, wrong = rounds.users[place], (probabilities[place], truth == 1, truth == -1)
        if rounds.aims:
            click = aimed_click(*wrong, user, user.uniform(0.0, MOST_JITTER))
        else:
            click = next_click(*wrong, user)
        if click is not None:
            add_click(sample, click, initial[place], slot)


def _loss(logits: Tensor, auxiliary: Tensor | None, labels: Tensor, weight: float) -> Tensor:
    """Return the mean over the samples, so that several processes have the mean of theirs."""
    loss = normalized_focal_loss(logits.float(), labels)
    if auxiliary is not None and weight:
        loss = loss + weight * cross_entropy(auxiliary.float(), labels)
    return loss.mean()
