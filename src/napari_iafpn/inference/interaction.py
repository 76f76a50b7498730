"""One interaction: from pixels, clicks and previous mask to the object, eq. (2)-(4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_iafpn.clicks import ClickPoints, ClickSequence
from napari_iafpn.geometry import Box, zoom_in
from napari_iafpn.geometry.resample import move_inside, network_size, paste, resize
from napari_iafpn.images import Plane
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.networks import Cascade, Level


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


@torch.inference_mode()
def interact(
    cascade: Cascade, scene: Scene, execution: Execution
) -> tuple[Box, NDArray[np.float32]]:
    """Return the region of interest and the probability in it, (roi.height, roi.width).

    The coarse level finds the intention in the view, the fine level draws the object in the region
    around it. Without a fine level the coarse one draws, in the whole view as long as there is no
    previous mask, then in the region around that.
    """
    size = network_size(scene.view.shape, cascade.config.coarse_size // execution.shrink)
    previous = _previous(scene, scene.view, size)
    if cascade.fine is None:
        roi = _zoom(cascade, scene, previous) if (previous > 0.5).any() else scene.view
        size = network_size(roi.shape, cascade.config.coarse_size // execution.shrink)
        logits = _logits(cascade.coarse, scene, roi, _previous(scene, roi, size), execution)
    else:
        intention = _logits(cascade.coarse, scene, scene.view, previous, execution).sigmoid()
        roi = _zoom(cascade, scene, intention)
        size = network_size(roi.shape, cascade.config.fine_size // execution.shrink)
        inside = paste(intention, scene.view, roi, size)
        logits = _logits(cascade.fine, scene, roi, inside, execution)
    probability: NDArray[np.float32] = resize(logits, roi.shape).sigmoid()[0, 0].numpy()
    return roi, probability


def _zoom(cascade: Cascade, scene: Scene, evidence: Tensor) -> Box:
    return zoom_in(
        (evidence[0, 0] > 0.5).numpy(),
        scene.clicks.positives,
        scene.view,
        min_crop=cascade.config.min_crop,
        expected_size=scene.expected_size,
    )


def _previous(scene: Scene, box: Box, size: tuple[int, int]) -> Tensor:
    """Return the previous mask's probability in ``box``, (1, 1, h, w) of ``size``."""
    if scene.previous is None:
        return torch.zeros(1, 1, *size)
    values = torch.tensor(scene.previous.roi_probability)[None, None]
    return paste(values, scene.previous.roi, box, size)


def _logits(level: Level, scene: Scene, box: Box, previous: Tensor, execution: Execution) -> Tensor:
    """Run a level on ``box`` in the size of ``previous`` (1, 1, h, w), CPU in and CPU out."""
    size = (previous.shape[-2], previous.shape[-1])
    image = torch.tensor(scene.plane.read(box, size))[None]
    points = ClickPoints.from_clicks([move_inside(scene.clicks, box, size)], execution.device)
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
