"""Masks out: the formats in which the commands write them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image


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
