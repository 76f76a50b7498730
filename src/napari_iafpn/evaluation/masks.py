"""Masks as text, for results that travel in JSON."""

from __future__ import annotations

import base64
import zlib
from dataclasses import astuple, dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask

BoxNumbers = Annotated[
    Box,
    PlainValidator(lambda given: given if isinstance(given, Box) else Box(*given)),
    PlainSerializer(astuple),
]
"""In JSON row start, row stop, column start and column stop."""


@dataclass(frozen=True)
class MaskCode:
    """A mask, compressed: the box around its pixels and the bits in the box.

    Attributes
    ----------
    shape : (H, W)
        The image, in pixels.
    box : Box or None
        Around the mask, in the image frame; None where the mask is empty.
    bits : str
        The pixels of the box row by row, eight to a byte, zlib, base64.
    """

    shape: tuple[int, int]
    box: BoxNumbers | None
    bits: str

    @classmethod
    def encode(
        cls,
        mask: NDArray[np.bool_],
        shape: tuple[int, int] | None = None,
        origin: tuple[int, int] = (0, 0),
    ) -> MaskCode:
        """Compress ``mask`` (h, w), whose first pixel is ``origin`` of an image of ``shape``."""
        boxed = BoxedMask.of(mask, origin)
        shape = shape or (int(mask.shape[0]), int(mask.shape[1]))
        if boxed is None:
            return cls(shape, None, "")
        packed = zlib.compress(boxed.packed, 9)
        return cls(shape, boxed.box, base64.b64encode(packed).decode("ascii"))

    def decode(self) -> NDArray[np.bool_]:
        """Return the mask, (H, W) bool."""
        if self.box is None:
            return np.zeros(self.shape, np.bool_)
        packed = zlib.decompress(base64.b64decode(self.bits))
        return BoxedMask(self.box, packed).within(Box.whole(self.shape))
