"""One interaction: from pixels, clicks and previous mask to the object, eq. (2)-(4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_iafpn.clicks import Click, ClickPoints, ClickSequence
from napari_iafpn.geometry import Box, sticky_zoom_in, zoom_in
from napari_iafpn.geometry.resample import move_click, move_inside, network_size, paste, resize
from napari_iafpn.images import Plane
from napari_iafpn.inference.obedience import obeying
from napari_iafpn.inference.policy import PLUGIN, Policy
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.networks import Cascade, Level
from napari_iafpn.networks.cascade import remembered


@dataclass(frozen=True)
class Scene:
    """What an interaction starts from; boxes and clicks are in the image frame."""

    plane: Plane
    clicks: ClickSequence
    previous: Prediction | None
    view: Box
    expected_size: float | None


@dataclass(frozen=True)
class Execution:
    """How the networks run: autocast type (None: float32) and a divisor of the network sizes."""

    device: torch.device
    autocast: torch.dtype | None = None
    shrink: int = 1


@dataclass(frozen=True, eq=False)
class Found:
    """What an interaction gives: the probability in the region of interest, 0 outside.

    ``probability`` is (roi.height, roi.width) float32; ``zoomed`` tells that the region was chosen
    around the object.
    """

    roi: Box
    zoomed: bool
    probability: NDArray[np.float32]


@torch.inference_mode()
def interact(
    cascade: Cascade, scene: Scene, execution: Execution, policy: Policy = PLUGIN
) -> Found:
    """Find the object that the clicks of ``scene`` mean.

    The coarse level finds the intention in the view, the fine level draws the object in the region
    around it. Without a fine level the coarse one draws, in the whole view as long as there is no
    previous mask, then in the region around that. What contradicts a click is put right.
    """
    run, config = _Run(cascade, scene, execution, policy), cascade.config
    if cascade.fine is None:
        zoomed = run.zoom_on_previous()
        roi = zoomed or scene.view
        logits = run.logits(cascade.coarse, roi, run.last(roi, config.coarse_size))
    else:
        last = run.last(scene.view, config.coarse_size)
        intention = run.logits(cascade.coarse, scene.view, last).sigmoid()
        roi = zoomed = run.zoom(intention)
        last = run.last(roi, config.fine_size)
        intention = paste(intention, scene.view, roi, (last.shape[-2], last.shape[-1]))
        logits = run.logits(cascade.fine, roi, remembered(intention, last, config.memory))
        logits = run.refined(logits, intention, last, roi)
    found = resize(logits, roi.shape)[0, 0]
    if not policy.published:
        found = torch.from_numpy(obeying(found.numpy(), move_inside(scene.clicks, roi, roi.shape)))
    return Found(roi, zoomed is not None, found.sigmoid().numpy())


@dataclass(frozen=True)
class _Run:
    """One interaction; tensors are (1, 1, h, w) on the CPU."""

    cascade: Cascade
    scene: Scene
    execution: Execution
    policy: Policy

    def last(self, box: Box, long_side: int) -> Tensor:
        """Return the previous mask's probability in ``box``, in the input size of a level."""
        size = network_size(box.shape, long_side // self.execution.shrink)
        if self.scene.previous is None:
            return torch.zeros(1, 1, *size)
        values = torch.tensor(self.scene.previous.roi_probability)[None, None]
        return paste(values, self.scene.previous.roi, box, size)

    def zoom(self, evidence: Tensor) -> Box:
        """Return the region of interest, eq. (3), around ``evidence`` in the view."""
        return zoom_in(
            (evidence[0, 0] > 0.5).numpy(),
            self.scene.clicks.positives,
            self.scene.view,
            min_crop=0 if self.policy.published else self.cascade.config.min_crop,
            expected_size=self.scene.expected_size,
        )

    def zoom_on_previous(self) -> Box | None:
        """Return the region of interest of a single level, None for the whole view."""
        if self.policy.published:
            return _sticky_region(self.scene)
        evidence = self.last(self.scene.view, self.cascade.config.coarse_size)
        return self.zoom(evidence) if (evidence > 0.5).any() else None

    def logits(self, level: Level, box: Box, previous: Tensor) -> Tensor:
        """Run a level on ``box`` in the size of ``previous``, averaged with its mirror image."""
        size = (previous.shape[-2], previous.shape[-1])
        image = torch.tensor(self.scene.plane.read(box, size))[None]
        clicks = [move_inside(self.scene.clicks, box, size)]
        if self.policy.flip:
            image, previous = (torch.cat([t, t.flip(-1)]) for t in (image, previous))
            clicks.append([replace(click, col=size[1] - 1 - click.col) for click in clicks[0]])
        found = _forward(level, image, previous, clicks, self.execution)
        return (found[:1] + found[1:].flip(-1)) / 2 if self.policy.flip else found

    def refined(self, logits: Tensor, intention: Tensor, last: Tensor, box: Box) -> Tensor:
        """Correct the fine level's logits of ``box`` where the cascade has a refiner."""
        if self.cascade.refiner is None:
            return logits
        size = (logits.shape[-2], logits.shape[-1])
        clicks = [move_click(click, box, size) for click in self.scene.clicks]
        device = self.execution.device
        points = ClickPoints.from_clicks([clicks], device)
        maps = (values.to(device) for values in (logits, intention, last))
        corrected: Tensor = self.cascade.refiner(*maps, points)
        return corrected.cpu()


def _sticky_region(scene: Scene) -> Box | None:
    """Return the region of interest of published runs; the first click sees the whole view."""
    last = scene.previous
    if last is None or len(scene.clicks) <= 1:
        return None
    inside = Box.around(last.probability_in(scene.view) > 0.5)
    found = None if inside is None else inside.shifted(scene.view.row_start, scene.view.col_start)
    kept = last.roi if last.zoomed and scene.view.encloses(last.roi) else None
    return sticky_zoom_in(found, scene.clicks.positives, scene.view, kept)


def _forward(
    level: Level,
    image: Tensor,
    previous: Tensor,
    clicks: list[list[Click]],
    execution: Execution,
) -> Tensor:
    """Run a level on a batch, CPU in and CPU out: (B, 1, h, w) logits."""
    points = ClickPoints.from_clicks(clicks, execution.device)
    with torch.autocast(
        execution.device.type,
        dtype=execution.autocast or torch.bfloat16,
        enabled=execution.autocast is not None,
    ):
        logits: Tensor = level(
            image.to(execution.device, memory_format=torch.channels_last),
            previous.to(execution.device),
            points,
        )
    return logits.float().cpu()
