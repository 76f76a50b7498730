"""One training step of each stage: simulated rounds, and the loss after the last or after each.

Everything is in two frames: the source grid, which plays the image, and the inputs of the levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_iafpn.clicks import Click, ClickPoints
from napari_iafpn.geometry import Box, crop_resize, move_points, resize, zoom_in
from napari_iafpn.geometry.resample import reframe
from napari_iafpn.networks.cascade import Cascade, remembered
from napari_iafpn.networks.level import Level
from napari_iafpn.networks.refiner import SHARPNESS
from napari_iafpn.training.clicking import add_click, next_click
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.losses import cross_entropy, mask_loss, normalized_focal_loss
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
    annotated = _Annotated.begin(cascade, batch, rounds)
    with torch.no_grad(), _Evaluating(cascade.fine):
        for _ in range(rounds.count):
            look = annotated.look(annotated.meant())
            annotated.go_on(look, look.refined(cascade, cascade.fine(*look.inputs)))
    with torch.no_grad():
        look = annotated.look(annotated.meant())
    labels = _labels_at(batch.labels, look.boxes, rounds.size)
    return _loss(*cascade.fine.outputs(*look.inputs), labels, rounds.auxiliary)


def refiner_loss(cascade: Cascade, batch: Batch, rounds: Rounds) -> Tensor:
    """Train the refiner after every click, the levels in front as they are in use.

    The first click lies deep in the object, as users click, not anywhere.
    """
    if cascade.fine is None or cascade.refiner is None:
        raise ValueError("this model has no refiner; leave out the refiner stage")
    batch = replace(batch, clicks=_deep_clicks(batch, rounds.users))
    annotated = _Annotated.begin(cascade, batch, replace(rounds, aims=True))
    losses = []
    for turn in range(rounds.count + 1):
        with torch.no_grad():
            look = annotated.look(annotated.meant())
            drawn = cascade.fine(*look.inputs).float()
        refined = look.refined(cascade, drawn)
        labels = _labels_at(batch.labels, look.boxes, rounds.size)
        losses.append(mask_loss(SHARPNESS * refined, labels).mean())
        if turn < rounds.count:
            annotated.go_on(look, refined.detach())
    return torch.stack(losses).mean()


def cascade_losses(cascade: Cascade, batch: Batch, rounds: Rounds) -> Iterator[Tensor]:
    """Train everything together, as it is in use: yield the loss after every click.

    The fine level, with the refiner behind it, learns after every click, the coarse level after the
    first two and then after every fourth; no gradient goes from one level to the other. Whoever
    takes a loss may change the weights before the next one. Clicks as in ``refiner_loss``.
    """
    if cascade.fine is None:
        raise ValueError("this model has no fine level; leave out the cascade stage")
    batch = replace(batch, clicks=_deep_clicks(batch, rounds.users))
    annotated = _Annotated.begin(cascade, batch, replace(rounds, aims=True))
    in_view = _labels_at(batch.labels, annotated.everywhere, rounds.view_size)
    for turn in range(rounds.count + 1):
        with torch.set_grad_enabled(turn < 2 or turn % 4 == 1):
            meant = annotated.meant()
        with torch.no_grad():
            look = annotated.look(meant)
        refined = look.refined(cascade, cascade.fine(*look.inputs).float())
        labels = _labels_at(batch.labels, look.boxes, rounds.size)
        loss = mask_loss(SHARPNESS * refined, labels).mean()
        if meant.requires_grad:
            loss = loss + mask_loss(SHARPNESS * meant, in_view, least=100).mean()
        yield loss
        if turn < rounds.count:
            annotated.go_on(look, refined.detach())


@dataclass(frozen=True)
class _Look:
    """What the fine level and the refiner are given: one region of each sample."""

    boxes: list[Box]
    inputs: tuple[Tensor, Tensor, ClickPoints]
    intention: Tensor
    last: Tensor
    points: ClickPoints
    """All clicks, also those outside the region."""

    def refined(self, cascade: Cascade, logits: Tensor) -> Tensor:
        """Return the logits as they leave the cascade."""
        if cascade.refiner is None:
            return logits
        corrected: Tensor = cascade.refiner(logits, self.intention, self.last, self.points)
        return corrected


@dataclass
class _Annotated:
    """A batch under annotation: its clicks, and its masks in the regions that they cover."""

    cascade: Cascade
    batch: Batch
    rounds: Rounds
    pixels: Tensor
    view: Tensor
    clicks: Clicks
    last: Tensor
    covered: list[Box]
    turn: int = 0

    @classmethod
    def begin(cls, cascade: Cascade, batch: Batch, rounds: Rounds) -> _Annotated:
        """Begin with the batch's clicks and with the masks that are there before them."""
        pixels = batch.images.float() / 255.0
        view = resize(pixels, rounds.view_size)
        everywhere = [Box.whole(_source_size(batch))] * len(batch.clicks)
        clicks, last = [list(c) for c in batch.clicks], batch.existing.float()
        return cls(cascade, batch, rounds, pixels, view, clicks, last, everywhere)

    @property
    def everywhere(self) -> list[Box]:
        """The whole source grid, for each sample."""
        return [Box.whole(_source_size(self.batch))] * len(self.clicks)

    @property
    def points(self) -> ClickPoints:
        """All clicks, on the source grid."""
        return ClickPoints.from_clicks(self.clicks, self.view.device)

    def meant(self) -> Tensor:
        """Run the coarse level: its logits in the view."""
        view_size, everywhere = self.rounds.view_size, self.everywhere
        previous = reframe(self.last, self.covered, everywhere, view_size)
        points = move_points(self.points, everywhere, view_size)
        logits: Tensor = self.cascade.coarse(self.view, previous, points)
        return logits.float()

    def look(self, meant: Tensor) -> _Look:
        """Zoom in on what the coarse level's logits mean."""
        size, everywhere, points = self.rounds.size, self.everywhere, self.points
        coarse, config = meant.sigmoid(), self.cascade.config
        boxes = _regions(coarse, self.clicks, everywhere[0], config.min_crop, size)
        moved = move_points(points, boxes, size)
        crops = crop_resize(self.pixels, boxes, size)
        intention = reframe(coarse, everywhere, boxes, size)
        drawn = reframe(self.last, self.covered, boxes, size)
        inputs = crops, remembered(intention, drawn, config.memory), moved
        return _Look(boxes, inputs, intention, drawn, replace(moved, valid=points.valid))

    def go_on(self, look: _Look, logits: Tensor) -> None:
        """Take the mask in, and let the simulated user add a click to each sample."""
        self.last, self.covered = logits.float().sigmoid(), look.boxes
        shape = _source_size(self.batch)
        whole = reframe(self.last, self.covered, self.everywhere, shape)
        _add_clicks(self.clicks, whole, self.batch, self.rounds, self.turn)
        self.turn += 1


STEP_LOSSES: dict[str, StepLoss] = {
    "coarse": coarse_loss,
    "fine": fine_loss,
    "refiner": refiner_loss,
}
"""Of the stages that learn once from each batch."""


def step_losses(stage: str, cascade: Cascade, batch: Batch, rounds: Rounds) -> Iterator[Tensor]:
    """Yield the losses of a stage's pass: one, or of the whole cascade one after every click."""
    if stage == "cascade":
        yield from cascade_losses(cascade, batch, rounds)
    else:
        yield STEP_LOSSES[stage](cascade, batch, rounds)


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


def _deep_clicks(batch: Batch, users: Sequence[np.random.Generator]) -> Clicks:
    """Return one click deep in each object; where there is a mask or no object, the batch's."""
    found = []
    truths, existing = batch.labels[:, 0].cpu().numpy(), batch.existing.cpu().numpy()
    for truth, mask, given, user in zip(truths, existing, batch.clicks, users, strict=True):
        nothing = np.zeros(truth.shape, np.float32)
        deep = None if mask.any() else next_click(nothing, truth == 1, truth == -1, user)
        found.append(given if deep is None else [deep])
    return found


def _add_clicks(clicks: Clicks, whole: Tensor, batch: Batch, rounds: Rounds, turn: int) -> None:
    """Let the simulated user add one click per sample, on the source grid."""
    slot = rounds.slots - 1 - turn
    probabilities, truths = whole[:, 0].cpu().numpy(), batch.labels[:, 0].cpu().numpy()
    for place, sample in enumerate(clicks):
        truth = truths[place]
        user = rounds.users[place]
        least = user.uniform(0.5, 1.0) if rounds.aims else 0.5
        click = next_click(probabilities[place], truth == 1, truth == -1, user, least)
        if click is not None:
            add_click(sample, click, batch.clicks[place], slot)


def _loss(logits: Tensor, auxiliary: Tensor | None, labels: Tensor, weight: float) -> Tensor:
    """Return the mean over the samples, so that several processes have the mean of theirs."""
    loss = normalized_focal_loss(logits.float(), labels)
    if auxiliary is not None and weight:
        loss = loss + weight * cross_entropy(auxiliary.float(), labels)
    return loss.mean()
