"""From candidates to proposals: drawn, drawn once more, told apart where they touch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.finding.appearance import PixelMap
from napari_iafpn.finding.candidates import Candidate
from napari_iafpn.finding.drawing import Drawer, Drawn, Way, draw, lobes, overlap
from napari_iafpn.finding.exemplars import Exemplars, deepest_click
from napari_iafpn.finding.proposals import MOST_SHARED, Judge, Proposal, traits_of
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click

Objects = NDArray[np.bool_] | Iterable[BoxedMask]
"""Pixels of objects: an (H, W) mask of the plane, or each one by itself."""


class Ground:
    """Pixels of a part of a plane, each taken or free; what lies outside is free.

    Parameters
    ----------
    box : Box
        The part, in the image frame.
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        self._pixels = np.zeros(box.shape, bool)

    def take(self, objects: Objects) -> Ground:
        """Take the pixels of objects; return the ground itself."""
        if isinstance(objects, np.ndarray):
            self._pixels |= objects[self.box.slices].astype(bool)
            return self
        for boxed in objects:
            common = self.box.intersection(boxed.box)
            if common is not None:
                self._pixels[self._here(common).slices] |= boxed.within(common)
        return self

    def joined(self, other: Ground) -> Ground:
        """Return what is taken in either, in this part."""
        both = Ground(self.box)
        both._pixels = self._pixels | other.within(self.box)
        return both

    def within(self, box: Box) -> NDArray[np.bool_]:
        """Return (box.height, box.width) bool, where the pixels of ``box`` are taken."""
        return self.box.shown_in(box, self._pixels)

    def holds(self, click: Click) -> bool:
        """Tell whether a click is on a pixel that is taken."""
        if not self.box.contains(click):
            return False
        row, col = click.pixel
        return bool(self._pixels[row - self.box.row_start, col - self.box.col_start])

    def _here(self, box: Box) -> Box:
        return box.shifted(-self.box.row_start, -self.box.col_start)


def check_objects(name: str, objects: Objects | None, shape: tuple[int, int]) -> None:
    """Raise ValueError where objects are a mask of another size than a plane of ``shape``."""
    if isinstance(objects, np.ndarray) and objects.shape != shape:
        raise ValueError(
            f"the mask {name!r} has shape {objects.shape}, the image {shape}; give a mask of the "
            "image's size"
        )


LEAST_FREE = 0.7
"""Share of a mask that must not belong to objects already."""
NEAR, NEAR_SIDE, SURE, SETTLED = 0.2, (0.6, 1.5), 0.9, 0.98
"""How far a click may lie from the deepest point, in sides of the object, and how large the object
may be beside the side that was expected, and how stable beside the exemplars, for a drawing that is
not repeated; and what repeating it would give: the IoU of both."""
SIDE_RANGE = 0.8, 1.25
"""Views are of objects from so many smallest to so many largest sides of the exemplars."""


@dataclass(frozen=True)
class Proposer:
    """Draws candidates on a plane, and judges what it drew.

    Attributes
    ----------
    drawer : Drawer
    plane : Plane
    exemplars : Exemplars
    judge : Judge
    way : Way
        That draws the exemplars well.
    taken : Ground
        Pixels of objects, on which nothing is proposed.
    """

    drawer: Drawer
    plane: Plane
    exemplars: Exemplars
    judge: Judge
    way: Way
    taken: Ground

    def propose(self, batch: list[Candidate], looks: PixelMap) -> Iterator[Proposal]:
        """Draw candidates, and what fits once more from its deepest point, as a user clicks.

        An object is the same from both clicks. One that is sure, and was clicked on near that
        point, is not drawn again: it would be the same, and that takes half of the time.
        """
        sides = self._sides(batch)
        first = self._drawn([c.click for c in batch], sides, looks.box)
        deep = {number: deepest_click(drawn.boxed) for number, drawn in first.items()}
        doubtful = [
            number
            for number, drawn in first.items()
            if not self._is_settled(drawn, batch[number].click, deep[number], sides[number])
        ]
        again = self._drawn(
            [deep[number] for number in doubtful],
            [float(max(first[number].boxed.box.shape)) for number in doubtful],
            looks.box,
        )
        for number, before in first.items():
            click, drawn, agreement = batch[number].click, before, SETTLED
            if number in doubtful:
                found = again.get(doubtful.index(number))
                if found is None:
                    continue
                click, drawn = deep[number], found
                agreement = overlap(before.boxed, drawn.boxed)[1]
            traits = traits_of(drawn, looks, batch[number].radius, agreement)
            whole = Proposal(drawn.boxed, (click,), self.judge.quality(traits))
            parts = self._parts(drawn, looks) if self.judge.is_pinched(traits) else []
            better = parts and np.mean([part.quality for part in parts]) > whole.quality
            yield from parts if better else [whole]

    def _is_settled(self, drawn: Drawn, click: Click, deepest: Click, side: float) -> bool:
        """Tell whether a drawing from its deepest point, in a view for it, would be the same."""
        own = float(max(drawn.boxed.box.shape))
        away = math.hypot(click.row - deepest.row, click.col - deepest.col)
        as_seen = NEAR_SIDE[0] * side <= own <= NEAR_SIDE[1] * side
        sure = drawn.stability >= SURE * self.judge.typical_stability
        return as_seen and sure and away <= NEAR * own

    def _parts(self, drawn: Drawn, looks: PixelMap) -> list[Proposal]:
        """Draw each lobe of a mask that may be several objects, with the others beside it.

        None where one of them is no object of the kind, or they share pixels.
        """
        clicks = lobes(drawn.boxed)
        if len(clicks) < 2:
            return []
        others = [[replace(c, positive=False) for c in clicks if c != own] for own in clicks]
        side = float(max(drawn.boxed.box.shape)) / math.sqrt(len(clicks))
        found = self._drawn(clicks, [side] * len(clicks), looks.box, others)
        boxed_masks = [part.boxed for part in found.values()]
        if len(found) < len(clicks) or any(
            overlap(one, other)[1] > MOST_SHARED / 2 for one, other in combinations(boxed_masks, 2)
        ):
            return []
        covered = sum(overlap(boxed, drawn.boxed)[0] for boxed in boxed_masks)
        agreement = min(1.0, covered / drawn.boxed.area)
        return [
            Proposal(
                part.boxed,
                (*others[number], clicks[number]),
                self.judge.quality(traits_of(part, looks, self.exemplars.radius, agreement)),
            )
            for number, part in found.items()
        ]

    def _drawn(
        self,
        clicks: list[Click],
        sides: list[float],
        seen: Box,
        beside: Sequence[Sequence[Click]] = (),
    ) -> dict[int, Drawn]:
        """Return what was drawn at the clicks, by their numbers, where it is free and fits.

        What lies wholly outside ``seen`` cannot be judged.
        """
        drawings = draw(self.drawer, self.plane, clicks, sides, self.way, beside)
        free = {
            n: self._free(drawn)
            for n, drawn in enumerate(drawings)
            if drawn is not None and seen.intersection(drawn.boxed.box) is not None
        }
        return {n: d for n, d in free.items() if d is not None and self.judge.fits(d)}

    def _sides(self, batch: list[Candidate]) -> list[float]:
        """Return the longer sides of the objects that the candidates may be."""
        exemplars, (low, high) = self.exemplars, SIDE_RANGE
        sides = np.array([exemplars.stretch * candidate.radius for candidate in batch])
        clipped: list[float] = np.clip(
            sides, low * exemplars.sides.min(), high * exemplars.sides.max()
        ).tolist()
        return clipped

    def _free(self, drawn: Drawn) -> Drawn | None:
        """Return what of a drawing belongs to no object yet, None where that is too little."""
        boxed = drawn.boxed
        free = boxed.mask & ~self.taken.within(boxed.box)
        if np.count_nonzero(free) < LEAST_FREE * boxed.area:
            return None
        rest = BoxedMask.of(free, (boxed.box.row_start, boxed.box.col_start))
        return None if rest is None else replace(drawn, boxed=rest)
