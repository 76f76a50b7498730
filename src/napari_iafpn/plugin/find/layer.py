"""The proposals on the canvas: outlines of their own colour, nothing of them in the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from skimage.measure import find_contours

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.overlays import is_open
from napari_iafpn.plugin.prompts_layer import LinesLayer
from napari_iafpn.sessions import FoundObject, PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel

COLOUR, AT_COLOUR, SURE_COLOUR = (1.0, 0.5, 0.1, 1.0), (1.0, 1.0, 1.0, 1.0), (1.0, 0.85, 0.2, 1.0)
"""Of proposals, of the one that is looked at, and of those that *accept all* would take."""
LINE = 2.0
"""Width on the screen, in its pixels."""
EVERY, LEAST = 3, 12
"""So many pixels of an outline are one straight piece, unless that leaves too few: hundreds of
outlines are to be drawn again and again."""


class ProposalsLayer(LinesLayer):
    """Shows proposals of one plane."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer, "Proposals", LINE)
        self._outlines: dict[BoxedMask, NDArray[np.float64]] = {}

    def show(
        self,
        image: Image,
        key: PlaneKey,
        proposals: Sequence[FoundObject],
        at: FoundObject | None,
        quality: float,
    ) -> None:
        """Show ``proposals`` of the plane ``key`` of an image; sure ones are brighter."""
        if not proposals and not is_open(self._viewer, self.layer):
            return
        proposals = tuple(proposals)

        def draw(_pixel: float) -> tuple[list[NDArray[np.float64]], list[tuple[float, ...]]]:
            self._outlines = {each.mask: self._outline(each.mask) for each in proposals}
            colours = [_colour(each, at, quality) for each in proposals]
            return [self._outlines[each.mask] for each in proposals], colours

        self._show(image, key, (proposals, at, quality), draw)

    def _outline(self, mask: BoxedMask) -> NDArray[np.float64]:
        known = self._outlines.get(mask)
        return outline_of(mask) if known is None else known


def outline_of(mask: BoxedMask) -> NDArray[np.float64]:
    """Return the pieces (N, 2, 2) of a mask's outline, each from a point to another."""
    corner = np.array([mask.box.row_start, mask.box.col_start]) - 1
    found = find_contours(np.pad(mask.mask, 1), 0.5)  # type: ignore[no-untyped-call]
    rings = [ring[:: EVERY if len(ring) > LEAST * EVERY else 1] + corner for ring in found]
    return np.concatenate([np.stack([r, np.roll(r, -1, axis=0)], axis=1) for r in rings])


def _colour(found: FoundObject, at: FoundObject | None, quality: float) -> tuple[float, ...]:
    if at is not None and found.number == at.number:
        return AT_COLOUR
    return SURE_COLOUR if found.quality >= quality else COLOUR
