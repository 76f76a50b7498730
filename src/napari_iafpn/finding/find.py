"""From exemplars to proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.finding.appearance import (
    Appearance,
    Cells,
    Tile,
    cells_to_learn_from,
    cores_of,
    learn,
    resized,
    tile_of,
)
from napari_iafpn.finding.candidates import Candidate, candidates_of
from napari_iafpn.finding.drawing import Drawer, Drawn, Way, choose_way, draw, overlap
from napari_iafpn.finding.exemplars import Exemplars
from napari_iafpn.finding.proposals import DEFAULT_QUALITY, Judge, Proposal, traits_of
from napari_iafpn.geometry import Box, view_around
from napari_iafpn.images import Plane
from napari_iafpn.sessions.cutout import Cutout, difference

BATCH = 4
"""Candidates that are drawn together; a user's click waits for at most so many."""
SURE = 0.85
"""Of this quality a proposal is shown at once; the others wait for better ones of the same place."""
LEAST_FREE = 0.7
"""Share of a mask that must not belong to objects already."""
MOST_SHARED = 0.3
"""IoU, or share of the smaller mask, that two proposals may have in common."""
LEARNING_TILES = 4
SURROUNDINGS = 12.0
"""Sides of an exemplar that are looked at where it lies outside of what is searched."""
SIDE_RANGE = 0.8, 1.25
"""Views are of objects from so many smallest to so many largest sides of the exemplars."""


def find_similar(
    drawer: Drawer,
    plane: Plane | NDArray[Any],
    exemplars: Exemplars | Iterable[Cutout | NDArray[np.bool_]],
    *,
    committed: NDArray[np.bool_] | None = None,
    unlike: NDArray[np.bool_] | None = None,
    region: Box | None = None,
    quality: float = DEFAULT_QUALITY,
    shown_in: Plane | NDArray[Any] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Proposal]:
    """Yield objects that look like the exemplars, each as soon as it is sure.

    Parameters
    ----------
    drawer : Predictor
    plane : Plane or (H, W) or (H, W, 3 or 4) array
    exemplars : Exemplars, or iterable of Cutout or (H, W) bool
        Objects of one kind; see `Exemplars`.
    committed : (H, W) bool, optional
        Pixels of all objects that are done: nothing is found there. The exemplars count as such.
    unlike : (H, W) bool, optional
        Pixels of objects of another kind, or of proposals that were rejected.
    region : Box, optional
        What is searched. Default: the whole plane.
    quality : float
        Proposals below it are left out, from 0 to 1.
    shown_in : Plane or array, optional
        The plane of the exemplars, where that is another one of the same image.
    cancelled : callable, optional
        Asked between runs of the networks whether to stop; what was found stays.

    Raises
    ------
    ValueError
        Where exemplars, region or masks do not fit, or the exemplars tell nothing; before the
        first proposal.
    """
    plane = plane if isinstance(plane, Plane) else Plane(plane)
    if not isinstance(exemplars, Exemplars):
        exemplars = Exemplars.of(exemplars, plane.shape)
    if shown_in is None or isinstance(shown_in, Plane):
        other = shown_in
    else:
        other = Plane(shown_in)
    search = _Search(drawer, plane, exemplars, committed, unlike, region, quality, other)
    return search.run(cancelled or (lambda: False))


class _Search:
    """One search: what is taken already, and what was found so far."""

    def __init__(
        self,
        drawer: Drawer,
        plane: Plane,
        exemplars: Exemplars,
        committed: NDArray[np.bool_] | None,
        unlike: NDArray[np.bool_] | None,
        region: Box | None,
        quality: float,
        shown_in: Plane | None,
    ) -> None:
        whole = Box.whole(plane.shape)
        self.region = region or whole
        if not whole.encloses(self.region):
            raise ValueError(
                f"the region {region} reaches outside the image of {plane.shape[0]} x "
                f"{plane.shape[1]}; choose one inside it"
            )
        if exemplars.shape != plane.shape:
            raise ValueError(
                f"the exemplars are of an image of shape {exemplars.shape}, this one has "
                f"{plane.shape}; give exemplars of the same image"
            )
        for name, mask in (("committed", committed), ("unlike", unlike)):
            if mask is not None and mask.shape != plane.shape:
                raise ValueError(
                    f"the mask {name!r} has shape {mask.shape}, the image {plane.shape}; give a "
                    "mask of the image's size"
                )
        if not 0 <= quality <= 1:
            raise ValueError(f"quality is {quality}; give a number from 0 to 1")
        if shown_in is None:
            exemplars.check_room(self.region)
        self.drawer, self.plane, self.exemplars = drawer, plane, exemplars
        self.shown_in = shown_in or plane
        self.unlike, self.least = unlike, quality
        self.taken = np.zeros(plane.shape, bool) if committed is None else committed.astype(bool)
        for cutout in exemplars.cutouts if shown_in is None else ():
            self.taken[cutout.box.slices] |= cutout.mask
        self.shown: list[Cutout] = []
        self.covered = self.taken.copy()

    def run(self, cancelled: Callable[[], bool]) -> Iterator[Proposal]:
        """Learn, then search part after part."""
        way, redrawn = choose_way(self.drawer, self.shown_in, self.exemplars)
        cores = cores_of(self.region, self.exemplars)
        known: dict[Box, Tile] = {}
        tiles = []
        for core in self._cores_to_learn_from(cores):
            if cancelled():
                return
            tiles.append(tile_of(self.drawer, self.shown_in, self.exemplars, core))
            if core in cores and self.shown_in is self.plane:
                known[core] = tiles[-1]
        rng = np.random.default_rng(0)
        appearance = learn(Cells.joined([self._cells(tile, rng) for tile in tiles]))
        judge = self._judge(appearance, redrawn, tiles)
        for core in cores:
            if cancelled():
                return
            tile = known.pop(core, None)
            tile = tile or tile_of(self.drawer, self.plane, self.exemplars, core)
            yield from self._search(tile, appearance, judge, way, cancelled)

    def _cores_to_learn_from(self, cores: list[Box]) -> list[Box]:
        """Return the parts that show exemplars; around those that lie elsewhere, parts of their own.

        The exemplars of another plane all lie elsewhere.
        """
        chosen: list[Box] = []
        for cutout in self.exemplars.cutouts:
            here = [core for core in cores if core.encloses(cutout.box)]
            if self.shown_in is not self.plane or not here:
                here = [view_around(cutout.box, SURROUNDINGS, self.shown_in.shape)]
            if here[0] not in chosen:
                chosen.append(here[0])
        return chosen[:LEARNING_TILES]

    def _cells(self, tile: Tile, rng: np.random.Generator) -> Cells:
        part = tile.box.slices
        here = self.shown_in is self.plane
        taken = self.taken[part] if here else np.zeros(tile.box.shape, bool)
        unlike = self.unlike[part] if here and self.unlike is not None else None
        return cells_to_learn_from(tile, self.exemplars, taken, unlike, rng)

    def _judge(
        self, appearance: Appearance, redrawn: list[Drawn | None], tiles: list[Tile]
    ) -> Judge:
        """Return the judge that knows how the exemplars look when they are drawn again."""
        maps = [(tile.box, resized(appearance.map(tile), tile.box.shape)) for tile in tiles]
        traits = []
        for drawn, radius in zip(redrawn, self.exemplars.radii, strict=True):
            there = [each for each in maps if drawn and each[0].encloses(drawn.cutout.box)]
            if drawn and there:
                box, pixels = there[0]
                traits.append(traits_of(drawn, pixels, (box.row_start, box.col_start), radius))
        return Judge(self.exemplars, traits)

    def _search(
        self,
        tile: Tile,
        appearance: Appearance,
        judge: Judge,
        way: Way,
        cancelled: Callable[[], bool],
    ) -> Iterator[Proposal]:
        """Draw the candidates of a tile; show what is sure at once, then the best of the others."""
        probability = appearance.map(tile)
        taken = self.taken[tile.box.slices]
        pixels = resized(probability, tile.box.shape)
        corner = tile.box.row_start, tile.box.col_start
        waiting: list[Proposal] = []
        left = candidates_of(tile, probability, self.exemplars, taken)
        while left and not cancelled():
            batch, left = self._next(left)
            clicks = [candidate.click for candidate in batch]
            drawings = draw(self.drawer, self.plane, clicks, self._sides(batch), way)
            for candidate, drawn in zip(batch, drawings, strict=True):
                found = drawn and self._free(drawn)
                if not found or not judge.fits(found.cutout.area):
                    continue
                traits = traits_of(found, pixels, corner, candidate.radius)
                proposal = Proposal(found.cutout, (candidate.click,), judge.quality(traits))
                if proposal.quality < max(self.least, SURE):
                    waiting.append(proposal)
                else:
                    yield from self._shown(proposal)
        for proposal in sorted(waiting, key=lambda each: -each.quality):
            if proposal.quality >= self.least:
                yield from self._shown(proposal)

    def _next(self, left: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
        """Return the candidates to draw next, on nothing that was shown and apart, and the rest."""
        batch: list[Candidate] = []
        later: list[Candidate] = []
        for number, candidate in enumerate(left):
            if self.covered[candidate.click.pixel]:
                continue
            if any(_near(candidate, other) for other in batch):
                later.append(candidate)
            else:
                batch.append(candidate)
            if len(batch) == BATCH:
                return batch, later + left[number + 1 :]
        return batch, later

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
        cutout = drawn.cutout
        free = cutout.mask & ~self.taken[cutout.box.slices]
        if np.count_nonzero(free) < LEAST_FREE * cutout.area:
            return None
        rest = Cutout.of(free, (cutout.box.row_start, cutout.box.col_start))
        return rest and replace(drawn, cutout=rest)

    def _shown(self, proposal: Proposal) -> Iterator[Proposal]:
        """Yield a proposal unless what was shown before has too much of it; it gets the rest."""
        rest: Cutout | None = proposal.cutout
        for other in self.shown:
            common, likeness = overlap(proposal.cutout, other)
            smaller = min(proposal.cutout.area, other.area)
            if likeness > MOST_SHARED or common > MOST_SHARED * smaller:
                return
            rest = difference(rest, other) if common else rest
        if rest is not None:
            self.shown.append(rest)
            self.covered[rest.box.slices] |= rest.mask
            yield replace(proposal, cutout=rest)


def _near(one: Candidate, other: Candidate) -> bool:
    apart = np.hypot(one.click.row - other.click.row, one.click.col - other.click.col)
    return bool(apart < max(one.radius, other.radius))
