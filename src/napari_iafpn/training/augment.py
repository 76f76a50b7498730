"""Augmentation of views: geometry by flips and quarter turns, appearance by torchvision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from napari_iafpn.training.settings import AugmentConfig
from napari_iafpn.training.views import View


def augment(view: View, config: AugmentConfig, rng: np.random.Generator) -> View:
    """Return a changed view; every choice comes from ``rng``."""
    if rng.random() < config.flip:
        view = view.changed(lambda image: image.flip(-1), lambda mask: mask[:, ::-1])
    if rng.random() < config.rotate90:
        turns = int(rng.integers(1, 4))
        view = view.changed(
            lambda image: torch.rot90(image, turns, (-2, -1)), lambda mask: np.rot90(mask, turns)
        )
    if config.rotate and rng.random() < config.rotate:
        view = _rotated(view, float(rng.uniform(0, 2 * np.pi)))
    return replace(view, image=_appearance(view.image, config, rng))


def _rotated(view: View, angle: float) -> View:
    """Turn a view about its middle; what comes from beyond the border is ignored.

    A view whose target would leave it stays as it is.
    """
    height, width = view.target.shape
    sin, cos = np.sin(angle), np.cos(angle)
    turn = torch.tensor([[[cos, -sin * height / width, 0], [sin * width / height, cos, 0]]])
    grid = F.affine_grid(turn.float(), [1, 1, height, width], align_corners=False)

    def pixels(image: Tensor) -> Tensor:
        values = image[None].float()
        turned = F.grid_sample(values, grid, padding_mode="reflection", align_corners=False)
        return turned[0].round().clamp(0, 255).byte()

    def labels(mask: NDArray[Any]) -> NDArray[Any]:
        values = torch.from_numpy(mask.astype(np.float32))[None, None]
        turned = F.grid_sample(values, grid, mode="nearest", align_corners=False)
        found: NDArray[Any] = turned[0, 0].numpy().astype(mask.dtype)
        return found

    turned = view.changed(pixels, labels)
    if view.target.any() and not turned.target.any():
        return view
    return replace(turned, ignore=turned.ignore | ~labels(np.ones_like(view.target)))


def _appearance(image: Tensor, config: AugmentConfig, rng: np.random.Generator) -> Tensor:
    """Change colours, contrast and sharpness of a (3, H, W) uint8 image."""
    if rng.random() < config.stretch:
        image = _stretched(image)
    if rng.random() < config.colour:
        image = V.adjust_brightness(image, float(rng.uniform(0.7, 1.3)))
        image = V.adjust_contrast(image, float(rng.uniform(0.6, 1.4)))
        image = V.adjust_saturation(image, float(rng.uniform(0.5, 1.5)))
        image = V.adjust_hue(image, float(rng.uniform(-0.06, 0.06)))
    if rng.random() < config.gamma:
        image = V.adjust_gamma(image, float(np.exp(rng.uniform(-0.7, 0.7))))
    if rng.random() < config.invert:
        image = V.invert(image)
    if rng.random() < config.grey:
        image = V.rgb_to_grayscale(image, num_output_channels=3)
    elif rng.random() < config.shuffle:
        image = image[torch.from_numpy(rng.permutation(3))]
    if rng.random() < config.blur:
        sigma = float(rng.uniform(0.4, 2.0))
        image = V.gaussian_blur(image, [9, 9], [sigma, sigma])
    if rng.random() < config.noise:
        noise = rng.normal(0.0, rng.uniform(2.0, 16.0), size=(1, *image.shape[-2:]))
        image = (image + torch.from_numpy(noise.astype(np.float32))).clamp(0, 255).byte()
    return image


def _stretched(image: Tensor) -> Tensor:
    low, high = np.percentile(image.numpy()[:, ::4, ::4], (0.1, 99.9))
    if high <= low:
        return image
    stretched: Tensor = ((image.float() - low) * (255.0 / (high - low))).clamp(0, 255).byte()
    return stretched
