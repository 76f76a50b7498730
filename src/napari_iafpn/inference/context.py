"""What the objects that are done tell about the current one.

Where the network runs into one of them, it is asked again with the deepest points of the nearest
ones as negative clicks, which the user does not see. Elsewhere it is not: objects that only touch
are drawn better without.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.prompts.deepest import deepest

MOST_NEIGHBOURS = 4
REACH = 1.5
"""How far a neighbour's click may be from the first click, in sides of the kind."""
PIXELS = 64
"""Pixels that are looked at along the side of an object are at least so many; of larger ones not
all, since a click waits for this."""


def neighbours(
    first: Click, side: float, shape: tuple[int, int], read: Callable[[Box], NDArray[Any]]
) -> Prompts:
    """Return a negative click on each of the nearest objects, the farthest first.

    Parameters
    ----------
    first : Click
        The first one on the new object, in the image frame. An object under it is no neighbour.
    side : float
        Usual side of the objects that are done, in pixels; 0: there are none.
    shape : (H, W)
        The plane, in pixels.
    read : callable
        Returns the ids in a part of the plane, (box.height, box.width) int, 0 on the background.
    """
    if not side:
        return Prompts()
    reach = REACH * side
    room = 2 * math.ceil(reach) + 1
    box = Box.pixel(*first.pixel).grown_to(room, room, Box.whole(shape))
    labels, step = read(box), max(1, int(side) // PIXELS)
    seen = labels[::step, ::step]
    ids, numbers = np.unique(seen, return_inverse=True)
    numbers = numbers.reshape(seen.shape)
    row, col = first.pixel
    done = (ids != 0) & (ids != labels[row - box.row_start, col - box.col_start])
    near = []
    for number, part in enumerate(ndimage.find_objects(numbers + 1)):
        if part is None or not done[number]:
            continue
        depth = deepest((numbers[part] == number).view(np.uint8))
        assert depth is not None
        at = (
            step * (depth[1] + part[0].start) + box.row_start,
            step * (depth[2] + part[1].start) + box.col_start,
        )
        distance = math.dist(at, (first.row, first.col))
        if distance <= reach:
            near.append((distance, Click(*at, positive=False)))
    near.sort(key=lambda each: each[0], reverse=True)
    return Prompts.of(click for _, click in near[-MOST_NEIGHBOURS:])
