"""The cascade's step: what the prompts mean, where that is, and the object drawn there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from array_api_compat import array_namespace
from numpy.typing import NDArray

from napari_iafpn.geometry import Box, network_size, reframe, resize, zoom_in
from napari_iafpn.geometry.arrays import (
    Array,
    device_of,
    in_full_precision,
    probability,
    to_numpy,
)
from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.prompts import Prompt, PromptTensors

LevelOfAnyEngine = Callable[[Array, Array, PromptTensors], Array]
"""From image, previous mask and prompts to logits (B, 1, H, W)."""
Crop = Callable[[Sequence[Box], tuple[int, int]], Array]
"""From one box per sample and a size (H, W) to (B, 3, H, W) float RGB in [0, 1]."""
RunLevel = Callable[[LevelOfAnyEngine, Array, Array, PromptTensors], Array]
"""From a level and its inputs to its logits (B, 1, H, W)."""


@dataclass(frozen=True)
class BoxedMasks:
    """Masks of a batch, each stored in its box only.

    Attributes
    ----------
    values : (B, 1, h, w) float
        Probabilities, at any resolution; 0 outside the box.
    boxes : sequence of B boxes
        In the image frame.
    """

    values: Array
    boxes: Sequence[Box]

    def seen_in(self, boxes: Sequence[Box], size: tuple[int, int]) -> Array:
        """Return (B, 1, H, W), the masks in other boxes, resized to ``size``."""
        if list(boxes) == list(self.boxes):
            return resize(self.values, size)
        return reframe(self.values, self.boxes, boxes, size)


@dataclass(frozen=True)
class Scene:
    """What a step starts from, for a batch; boxes and prompts are in the image frame.

    Attributes
    ----------
    crop : callable
        Reads the pixels.
    prompts : sequence of iterables of Prompt
        Of each sample, in their order.
    previous : BoxedMasks
        The masks so far.
    views : sequence of Box
        What the coarse level looks at.
    view_size, fine_size : (H, W)
        Inputs of the levels, common to the batch. Regions of interest get the proportions of
        ``fine_size`` as far as the view allows. None, for one sample: the checkpoint's long side,
        in the proportions of the view and of the region.
    min_crop : sequence of B float, optional
        The smallest regions of interest, instead of the checkpoint's.
    shrink : int
        Divisor of the checkpoint's sizes, where memory is short.
    """

    crop: Crop
    prompts: Sequence[Iterable[Prompt]]
    previous: BoxedMasks
    views: Sequence[Box]
    view_size: tuple[int, int] | None = None
    fine_size: tuple[int, int] | None = None
    min_crop: Sequence[float] | None = None
    shrink: int = 1


@dataclass(frozen=True)
class Region:
    """What the fine level and the refiner are given: one region of interest of each sample.

    Attributes
    ----------
    boxes : tuple of B boxes
    intention, last : (B, 1, H, W) float
        Probabilities of the coarse level and of the previous mask, in the regions.
    prompts : sequence of iterables of Prompt
    """

    boxes: tuple[Box, ...]
    intention: Array
    last: Array
    prompts: Sequence[Iterable[Prompt]]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the inputs."""
        return self.last.shape[-2], self.last.shape[-1]


class CascadeStep(ABC):
    """The coarse level, which reads the intention, and the fine level, which draws the object.

    Its subclasses are the engines, which compute the parts: on tensors of torch or on arrays.

    Attributes
    ----------
    engine : str
    config : CascadeConfig
    coarse : level
    fine : level or None
        None in the ablation without IAF.
    refiner : callable or None
        None in all published settings.
    """

    engine: ClassVar[str]
    config: CascadeConfig
    coarse: Any
    fine: Any
    refiner: Any

    @abstractmethod
    def given(self, values: NDArray[Any]) -> Array:
        """Return numpy ``values``, which may be read-only, as this engine takes them."""

    @abstractmethod
    def infer(
        self,
        part: Callable[..., Array],
        given: Sequence[Array | PromptTensors],
        device: str,
        autocast: str | None = None,
    ) -> Array:
        """Return in float32, in the computer's memory, what a part makes of what it is given.

        ``autocast`` is the type of torch in which it may compute.
        """

    @abstractmethod
    def prepared(self, device: str) -> CascadeStep:
        """Return what predicts on a device; this one stays as it is."""

    @abstractmethod
    def move(self, device: str) -> None:
        """Bring the weights to a device where they may not be."""

    @abstractmethod
    def forget(self, device: str) -> None:
        """Give back the memory of a device that nothing uses."""

    @abstractmethod
    def predicting(self) -> AbstractContextManager[Any]:
        """Return the context in which predictions are made."""

    def step(self, scene: Scene, run: RunLevel | None = None) -> tuple[Array, tuple[Box, ...]]:
        """Take one step, eq. (2)-(4): coarse level, zoom-in, fine level, refiner.

        Returns
        -------
        logits : (B, 1, H, W) float
            In the regions of interest.
        boxes : tuple of B boxes
            The regions of interest, in the image frame.
        """
        region = self.zoom(scene, self.intend(scene, run))
        return self.draw(scene, region, run), region.boxes

    def intend(self, scene: Scene, run: RunLevel | None = None) -> Array:
        """Run the coarse level on the views: logits (B, 1, H, W) of what the prompts mean."""
        return _run(run, self.coarse, *self.view_inputs(scene))

    def zoom(self, scene: Scene, intention: Array) -> Region:
        """Zoom in on the coarse level's logits of the views, without their gradient; eq. (3)."""
        believed = BoxedMasks(probability(intention), scene.views)
        boxes = self.regions(scene, believed.values)
        size = scene.fine_size or self.input_size(scene, boxes[0], self.config.fine_size)
        last = scene.previous.seen_in(boxes, size)
        return Region(boxes, believed.seen_in(boxes, size), last, scene.prompts)

    def draw(self, scene: Scene, region: Region, run: RunLevel | None = None) -> Array:
        """Run the fine level and the refiner on the regions: the object's logits (B, 1, H, W)."""
        assert self.fine is not None
        return self.refine(_run(run, self.fine, *self.region_inputs(scene, region)), region)

    def view_inputs(self, scene: Scene) -> tuple[Array, Array, PromptTensors]:
        """Return the coarse level's image, previous mask and prompts."""
        size = scene.view_size or self.input_size(scene, scene.views[0], self.config.coarse_size)
        previous = scene.previous.seen_in(scene.views, size)
        prompts = PromptTensors.seen_in(scene.prompts, scene.views, size, device_of(previous))
        return scene.crop(scene.views, size), previous, prompts

    def region_inputs(self, scene: Scene, region: Region) -> tuple[Array, Array, PromptTensors]:
        """Return the fine level's image, previous mask and prompts."""
        share = self.config.memory
        previous = blend_previous_mask(region.intention, region.last, share)
        prompts = PromptTensors.seen_in(
            region.prompts, region.boxes, region.size, device_of(region.last)
        )
        return scene.crop(region.boxes, region.size), previous, prompts

    def refine(self, logits: Array, region: Region) -> Array:
        """Correct the fine level's logits where there is a refiner."""
        if self.refiner is None:
            return logits
        prompts = PromptTensors.seen_in(
            region.prompts, region.boxes, region.size, device_of(logits), beyond=True
        )
        corrected: Array = self.refiner(logits, region.intention, region.last, prompts)
        return corrected

    def regions(self, scene: Scene, intention: Array) -> tuple[Box, ...]:
        """Return the region of interest of each sample, eq. (3), in the image frame.

        ``intention`` is (B, 1, H, W) float, probabilities over the views.
        """
        masks = to_numpy(intention[:, 0] > 0.5)
        least = scene.min_crop or (self.config.min_crop,) * len(scene.views)
        boxes = []
        for mask, prompts, view, side in zip(masks, scene.prompts, scene.views, least, strict=True):
            box = zoom_in(mask, prompts, view, min_crop=side)
            if scene.fine_size is not None:
                height, width = scene.fine_size
                scale = max(box.height / height, box.width / width)
                box = box.resized_about_centre(scale * height, scale * width, view)
            boxes.append(box)
        return tuple(boxes)

    def input_size(self, scene: Scene, box: Box, long_side: int) -> tuple[int, int]:
        """Return the input (H, W) of a level for one sample's ``box``."""
        if len(scene.views) > 1:
            raise ValueError(
                f"{len(scene.views)} samples have no common input; give view_size and fine_size"
            )
        return network_size(box.shape, long_side // scene.shrink)


def _run(run: RunLevel | None, level: LevelOfAnyEngine, *given: Any) -> Array:
    logits = level(*given) if run is None else run(level, *given)
    return in_full_precision(logits)


def blend_previous_mask(intention: Array, last: Array, share: float) -> Array:
    """Return the fine level's previous mask: the intention, and what that level drew before.

    The coarse level sees the last mask at its own resolution, so that finer details would be drawn
    anew at every click. With a share of the last mask the fine level knows what it drew, and where
    the intention has changed.

    Parameters
    ----------
    intention, last : (B, 1, h, w) float
        Probabilities in the region of interest. Where all of ``last`` is 0 there is no mask yet,
        and the intention alone counts.
    share : float
        ``CascadeConfig.memory``.
    """
    known = array_namespace(last).any(last > 0, axis=(1, 2, 3), keepdims=True)
    return intention + known * (share * (last - intention))
