"""Pictures out: masks, and an image with the outline of a mask and the prompts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_iafpn.geometry import Box, pick_nearest
from napari_iafpn.images import Plane
from napari_iafpn.prompts import Prompt

LONGEST_SIDE = 1600
"""Larger images are shown reduced, so that a picture costs little memory."""
BAND_ROWS = 64
OUTLINE = (255, 214, 0)
POSITIVE = (0, 200, 83)
NEGATIVE = (255, 23, 68)


def draw_overlay(plane: Plane, mask: NDArray[np.bool_], prompts: Iterable[Prompt]) -> bytes:
    """Return a PNG of ``plane`` with the outline of ``mask`` (H, W) and the prompts."""
    height, width = plane.shape
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    canvas = _pixels(plane, size)
    canvas[outline(pick_nearest(mask, size))] = OUTLINE
    picture = Image.fromarray(canvas)
    _draw_prompts(ImageDraw.Draw(picture), prompts, Box.whole((height, width)), size)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of ``mask`` (H, W) that have a 4-neighbour outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    border: NDArray[np.bool_] = mask & ~inner
    return border


def _pixels(plane: Plane, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the whole plane in ``size`` (h, w), as (h, w, 3), read band by band to save memory."""
    canvas = np.empty((*size, 3), np.uint8)
    height, width = plane.shape
    for start in range(0, size[0], BAND_ROWS):
        stop = min(start + BAND_ROWS, size[0])
        box = Box(start * height // size[0], stop * height // size[0], 0, width)
        pixels = plane.read(box, (stop - start, size[1]))  # (3, rows, w) in [0, 1]
        canvas[start:stop] = (pixels.transpose(1, 2, 0) * 255).round()
    return canvas


def _draw_prompts(
    draw: ImageDraw.ImageDraw, prompts: Iterable[Prompt], whole: Box, size: tuple[int, int]
) -> None:
    for prompt in prompts:
        colour = POSITIVE if prompt.positive else NEGATIVE
        seen = prompt.moved(whole, size)
        if len(seen.outline) > 1:
            draw.line([(col, row) for row, col in seen.outline], fill=colour, width=3)
        for row, col in seen.nodes:
            draw.ellipse((col - 4, row - 4, col + 4, row + 4), fill=colour, outline="white")


def encode_mask(mask: NDArray[np.bool_], suffix: str) -> bytes:
    """Encode a bool (H, W) mask as 0 and 255 in uint8, in the format of a file name's suffix."""
    values = mask.view(np.uint8) * np.uint8(255)
    stream = io.BytesIO()
    MASK_WRITERS[suffix](stream, values)
    return stream.getvalue()


MASK_WRITERS: dict[str, Callable[[io.BytesIO, NDArray[np.uint8]], object]] = {
    ".npy": lambda stream, values: np.save(stream, values),
    ".png": lambda stream, values: Image.fromarray(values).save(stream, "PNG"),
    ".tif": lambda stream, values: tifffile.imwrite(stream, values, compression="zlib"),
    ".tiff": lambda stream, values: tifffile.imwrite(stream, values, compression="zlib"),
}
