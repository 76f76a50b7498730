"""The boxes and strokes of the current object on the canvas, and the one that is being drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Vectors
from numpy.typing import NDArray

from napari_iafpn.plugin.camera import camera
from napari_iafpn.plugin.layers import pixel_length, place, placement
from napari_iafpn.plugin.overlays import (
    SIGN_COLORS,
    SIGNS,
    add_quietly,
    is_open,
    remove_layer,
)
from napari_iafpn.prompts import Click, Prompt
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

LINE, DASH = 2.5, 8
"""Width of the lines, and length of the dashes of negative strokes, in pixels of the screen."""


class LinesLayer:
    """Lines on one plane, in a layer of their own that comes and goes.

    Parameters
    ----------
    viewer : ViewerModel
    name : str
        Of the layer.
    width : float
        Of the lines on the screen, in its pixels.
    """

    def __init__(self, viewer: ViewerModel, name: str, width: float) -> None:
        self._viewer, self._name, self._width = viewer, name, width
        self._shown: tuple[object, ...] = ()
        self.layer: Vectors | None = None

    def clear(self) -> None:
        """Show nothing."""
        self._shown = ()
        if self.layer is not None and is_open(self._viewer, self.layer):
            self.layer.data = np.empty((0, 2, self.layer.ndim))

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        remove_layer(self._viewer, self.layer)
        self.layer, self._shown = None, ()

    def _show(
        self,
        image: Image,
        key: PlaneKey,
        state: tuple[object, ...],
        draw: Callable[[float], tuple[Sequence[NDArray[np.float64]], Sequence[Any]]],
    ) -> None:
        """Show lines, unless they are as ``state`` was the last time.

        ``draw`` is given the size of a pixel of the screen, and returns the pieces (N, 2, 2) of
        each line and its colour.
        """
        layer = self._layer_for(image)
        place(layer, placement(image))
        pixel = screen_pixel(self._viewer, image)
        if self._shown == (key, pixel, *state):
            return
        self._shown = key, pixel, *state
        lines, colours = draw(pixel)
        counts = [len(line) for line in lines]
        layer.data = vectors_on([np.empty((0, 2, 2)), *lines], key, image.ndim)
        layer.edge_width = self._width * pixel
        if any(counts):
            layer.edge_color = np.repeat(colours, counts, axis=0)

    def _layer_for(self, image: Image) -> Vectors:
        layer = self.layer
        if layer is None or not is_open(self._viewer, layer) or layer.ndim != image.ndim:
            self.remove()
            empty = np.empty((0, 2, image.ndim))
            layer = Vectors(empty, name=self._name, vector_style="line", **placement(image))
            # napari draws the thumbnail piece by piece, which takes longer than all else.
            layer._update_thumbnail = lambda: None
            self.layer = layer
            add_quietly(self._viewer, layer)
        return layer


class PromptsLayer(LinesLayer):
    """Shows the outlines of prompts as lines; those of negative ones are dashed."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer, "Boxes and strokes", LINE)

    def show(self, image: Image, key: PlaneKey, prompts: Iterable[Prompt]) -> None:
        """Show what of ``prompts``, in pixels of the plane ``key`` of ``image``, is no click."""
        prompts = tuple(prompt for prompt in prompts if not isinstance(prompt, Click))
        if prompts or is_open(self._viewer, self.layer):
            colours = [SIGN_COLORS[SIGNS[not prompt.positive]] for prompt in prompts]
            self._show(
                image,
                key,
                prompts,
                lambda pixel: ([_line(prompt, DASH * pixel) for prompt in prompts], colours),
            )


def screen_pixel(viewer: ViewerModel, image: Image) -> float:
    """Return the size of a pixel of the screen in pixels of an image."""
    return 1 / (float(camera(viewer).zoom) * pixel_length(image))


def _line(prompt: Prompt, dash: float) -> NDArray[np.float64]:
    """Return the pieces (N, 2, 2) of a prompt's outline, each from a point to a point."""
    points = np.array(prompt.outline)
    if len(points) == 1:
        points = points + np.array([[0.0, -0.25], [0.0, 0.25]])
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    return pieces if prompt.positive else _dashed(pieces, dash)


def _dashed(pieces: NDArray[np.float64], dash: float) -> NDArray[np.float64]:
    """Return every other part of a line, each of about the length ``dash``."""
    dashes, way = [], 0.0
    for start, stop in pieces:
        length = float(np.hypot(*(stop - start)))
        # Where on this piece dashes begin and end.
        ends = np.arange(-(way % dash), length + dash, dash).clip(0, length) / max(length, 1e-9)
        first = int(way // dash)
        for number, (a, b) in enumerate(pairwise(ends), first):
            if number % 2 == 0 and b > a:
                dashes.append((start + a * (stop - start), start + b * (stop - start)))
        way += length
    return np.array(dashes).reshape(-1, 2, 2)


def vectors_on(lines: list[NDArray[np.float64]], key: PlaneKey, ndim: int) -> NDArray[np.float64]:
    """Return lines of a plane as napari's vectors (N, 2, ndim): where they start and their way."""
    pieces = np.concatenate(lines)
    vectors = np.zeros((len(pieces), 2, ndim))
    vectors[:, 0] = key.to_data(0, 0)
    vectors[:, 0, list(key.axes)] = pieces[:, 0]
    vectors[:, 1, list(key.axes)] = pieces[:, 1] - pieces[:, 0]
    return vectors
