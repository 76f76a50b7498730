"""Several channels as one colour image, as a viewer that adds up layers shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.arrays import load
from napari_iafpn.images.intensity import IntensityScale

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ChannelDisplay:
    """How a channel is shown.

    Attributes
    ----------
    limits : (float, float)
        Image values shown in the dark and in the bright colour.
    gamma : float
        What is between them is raised to this power.
    dark, bright : (red, green, blue)
        From 0 to 1; what is between them is mixed. Colour images keep their colours.
    """

    limits: tuple[float, float]
    gamma: float = 1.0
    dark: Colour = (0.0, 0.0, 0.0)
    bright: Colour = (1.0, 1.0, 1.0)


class Composite:
    """An array-like (H, W, 3) float32 in [0, 1]: the sum of the channels' colours.

    Nothing is read before it is indexed with two slices, and then only what they cover.

    Parameters
    ----------
    channels : sequence of ((H, W) or (H, W, 3 or 4) array-like, ChannelDisplay)
        At least one.

    Raises
    ------
    ValueError
        Where they differ in height or width.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, channels: Sequence[tuple[Any, ChannelDisplay]]) -> None:
        first = channels[0][0]
        for array, _ in channels:
            if array.shape[:2] != first.shape[:2]:
                raise ValueError(
                    f"a channel has {array.shape[0]} x {array.shape[1]} pixels, the first one "
                    f"{first.shape[0]} x {first.shape[1]}; channels of one image are of one size"
                )
        self.shape = (int(first.shape[0]), int(first.shape[1]), 3)
        self.chunks = next(
            (c for array, _ in channels if (c := getattr(array, "chunks", None))), ()
        )
        self._channels = [
            (array, IntensityScale(np.dtype(array.dtype), *channel.limits, channel.gamma), channel)
            for array, channel in channels
        ]

    def __getitem__(self, part: tuple[slice, slice]) -> NDArray[np.float32]:
        total: Any = np.float32(0.0)
        for array, scale, channel in self._channels:
            intensity = scale(load(array, part))
            intensity = intensity if intensity.ndim == 3 else intensity[..., None]
            dark, bright = (
                np.array(colour, np.float32) for colour in (channel.dark, channel.bright)
            )
            total = total + dark + (bright - dark) * intensity
        clipped: NDArray[np.float32] = np.clip(total, 0.0, 1.0)
        return clipped


def composites(channels: Sequence[tuple[Sequence[Any], ChannelDisplay]]) -> list[Composite]:
    """Return the resolutions of a composite.

    Parameters
    ----------
    channels : sequence of (planes, ChannelDisplay)
        Each channel's plane at its resolutions, the finest first; those that not all channels have
        are left out.
    """
    shapes = [[tuple(plane.shape[:2]) for plane in planes] for planes, _ in channels]
    common = [shape for shape in shapes[0] if all(shape in each for each in shapes)]
    if not common or common[0] != shapes[0][0]:
        common = [shapes[0][0]]
    return [
        Composite(
            [
                (planes[own.index(shape)] if shape in own else planes[0], channel)
                for (planes, channel), own in zip(channels, shapes, strict=True)
            ]
        )
        for shape in common
    ]
