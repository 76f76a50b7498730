"""One interaction: the cascade step on a plane, and what contradicts the prompts put right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from napari_iafpn.geometry import Box, network_size, resize, sticky_zoom_in
from napari_iafpn.geometry.arrays import Array, probability, to_numpy
from napari_iafpn.images import Plane
from napari_iafpn.inference.click_constraints import enforce_clicks
from napari_iafpn.inference.policy import PLUGIN, PUBLISHED, Policy
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.networks.step import BoxedMasks, CascadeStep, Crop, LevelOfAnyEngine, Scene
from napari_iafpn.prompts import Click, Prompts, PromptTensors

OUTSIDE = 20.0
"""Logit, below 0, of what a box prompt excludes."""


@dataclass(frozen=True)
class Execution:
    """How the networks run: autocast type (None: float32) and a divisor of the network sizes."""

    device: str
    autocast: str | None = None
    shrink: int = 1


def interact(
    cascade: CascadeStep,
    plane: Plane,
    prompts: Prompts,
    previous: Prediction | None,
    view: Box,
    execution: Execution,
    policy: Policy = PLUGIN,
) -> Prediction:
    """Find the object that the prompts mean.

    Without a fine level the coarse one draws, in the whole view as long as there is no previous
    mask, then in the region around that.
    """

    def run(level: LevelOfAnyEngine, image: Array, mask: Array, seen: PromptTensors) -> Array:
        return _run(cascade, level, image, mask, seen, execution, flip=policy.flip)

    scene = Scene(
        _crops(cascade, plane),
        (prompts,),
        _boxed(cascade, previous, prompts, view),
        (view,),
        min_crop=(0,) if policy.crop == PUBLISHED else None,
        shrink=execution.shrink,
    )
    zoomed = True
    if cascade.fine is None:
        region = _region_of_one_level(cascade, scene, previous, policy)
        roi, zoomed = region or view, region is not None
        logits = cascade.intend(replace(scene, views=(roi,)), run)
    else:
        logits, (roi,) = cascade.step(scene, run)
    return _prediction(logits, roi, prompts, view, plane, policy, zoomed=zoomed)


def interact_each(
    cascade: CascadeStep,
    plane: Plane,
    batch: Sequence[Prompts],
    views: Sequence[Box],
    sizes: tuple[int, int],
    execution: Execution,
) -> list[Prediction]:
    """Find several objects, each from its first prompts, in one run of the networks.

    ``views`` have the proportions of one input; ``sizes`` are the long sides of the levels' inputs.
    """

    def run(level: LevelOfAnyEngine, image: Array, mask: Array, seen: PromptTensors) -> Array:
        return _run(cascade, level, image, mask, seen, execution, flip=False)

    coarse, fine = (side // execution.shrink for side in sizes)
    nothing = np.zeros((len(batch), 1, 1, 1), np.float32)
    scene = Scene(
        _crops(cascade, plane),
        batch,
        BoxedMasks(cascade.given(nothing), views),
        views,
        view_size=network_size(views[0].shape, coarse),
        fine_size=network_size((fine, fine), fine),
    )
    if cascade.fine is None:
        logits, regions = cascade.intend(scene, run), tuple(views)
    else:
        logits, regions = cascade.step(scene, run)
    zoomed = cascade.fine is not None
    return [
        _prediction(part[None], roi, prompts, view, plane, PLUGIN, zoomed=zoomed)
        for part, roi, prompts, view in zip(logits, regions, batch, views, strict=True)
    ]


def bare_features(
    cascade: CascadeStep, pixels: NDArray[np.float32], execution: Execution
) -> NDArray[np.float32]:
    """Return what the coarse level sees without prompts: (C, H / 4, W / 4) of (3, H, W) pixels."""
    given = [cascade.given(pixels[None])]
    seen = cascade.infer(cascade.coarse.bare_features, given, execution.device)
    features: NDArray[np.float32] = to_numpy(seen[0])
    return features


def _crops(cascade: CascadeStep, plane: Plane) -> Crop:
    """Return what reads a plane for the engine of a cascade."""
    return lambda boxes, size: cascade.given(np.stack([plane.read(box, size) for box in boxes]))


def _prediction(
    logits: Array,
    roi: Box,
    prompts: Prompts,
    view: Box,
    plane: Plane,
    policy: Policy,
    *,
    zoomed: bool,
) -> Prediction:
    """Bring the logits (1, 1, h, w) of a region to its size, and into line with the prompts."""
    found: NDArray[np.float32] = to_numpy(resize(logits, roi.shape)[0, 0])
    if policy.enforce_clicks:
        found = enforce_clicks(found, [prompt.moved(roi, roi.shape) for prompt in prompts])
    found = _within_boxes(found, prompts, roi, view)
    return Prediction(plane.shape, roi, probability(found), view, zoomed=zoomed)


def _boxed(
    cascade: CascadeStep, previous: Prediction | None, prompts: Prompts, view: Box
) -> BoxedMasks:
    """Return the previous mask as the cascade takes it.

    Without one, what the newest box or lasso encloses stands for it.
    """
    if previous is not None and previous.roi_probability.any():
        known, box = previous.roi_probability, previous.roi
    else:
        drawn = ((p.first_mask(), p.extent) for p in reversed(prompts.prompts))
        nothing = np.zeros((1, 1), np.float32), view
        known, box = next(((mask, box) for mask, box in drawn if mask is not None), nothing)
    return BoxedMasks(cascade.given(known[None, None]), (box,))


def _region_of_one_level(
    cascade: CascadeStep, scene: Scene, previous: Prediction | None, policy: Policy
) -> Box | None:
    """Return the region of interest of a single level, None for the whole view."""
    view = scene.views[0]
    if policy.crop == PUBLISHED:
        return _sticky_region(scene, previous)
    size = cascade.input_size(scene, view, cascade.config.coarse_size)
    evidence = scene.previous.seen_in(scene.views, size)
    return cascade.regions(scene, evidence)[0] if (evidence > 0.5).any() else None


def _sticky_region(scene: Scene, last: Prediction | None) -> Box | None:
    """Return the region of interest of published runs; the first click sees the whole view."""
    view, clicks = scene.views[0], [p for p in scene.prompts[0] if isinstance(p, Click)]
    if last is None or len(clicks) <= 1:
        return None
    inside = Box.around(last.probability_in(view) > 0.5)
    found = None if inside is None else inside.shifted(view.row_start, view.col_start)
    kept = last.roi if last.zoomed and view.encloses(last.roi) else None
    return sticky_zoom_in(found, [c for c in clicks if c.positive], view, kept)


def _within_boxes(
    logits: NDArray[np.float32], prompts: Prompts, roi: Box, view: Box
) -> NDArray[np.float32]:
    """Return the region's logits with nothing beyond the newest box, see ``Prompt.allowed``.

    A mark on the object beyond it says that the box was too small.
    """
    limits = [limit for prompt in prompts if (limit := prompt.allowed(view)) is not None]
    others = [p.evidence for p in prompts if p.evidence and p.allowed(view) is None]
    if not limits or not all(map(limits[-1].encloses, others)):
        return logits
    outside = np.full_like(logits, -OUTSIDE)
    allowed = limits[-1].intersection(roi)
    if allowed is not None:
        part = allowed.shifted(-roi.row_start, -roi.col_start).slices
        outside[part] = logits[part]
    return outside


def _run(
    cascade: CascadeStep,
    level: LevelOfAnyEngine,
    image: Array,
    previous: Array,
    prompts: PromptTensors,
    execution: Execution,
    *,
    flip: bool,
) -> Array:
    """Run a level; ``flip`` averages with its mirror image."""
    xp = array_namespace(image)
    if flip:
        image, previous = (xp.concat([a, xp.flip(a, axis=-1)]) for a in (image, previous))
        prompts = prompts.joined(prompts.mirrored(image.shape[-1]))
    given = image, previous, prompts
    found = cascade.infer(level, given, execution.device, execution.autocast)
    return (found[:1] + xp.flip(found[1:], axis=-1)) / 2 if flip else found
