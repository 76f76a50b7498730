"""From exemplars to proposals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.finding.appearance import (
    Appearance,
    Cells,
    PixelMap,
    Tile,
    cells_to_learn_from,
    cores_of,
    learn,
    tile_of,
    with_margin,
)
from napari_iafpn.finding.candidates import Candidate, candidates_of
from napari_iafpn.finding.drawing import Drawer, Drawn, choose_way, overlap
from napari_iafpn.finding.exemplars import LEAST_AREA, Exemplars
from napari_iafpn.finding.proposals import (
    DEFAULT_QUALITY,
    MOST_SHARED,
    Judge,
    Proposal,
    traits_of,
)
from napari_iafpn.finding.proposer import Ground, Objects, Proposer, check_objects
from napari_iafpn.geometry import Box, view_around
from napari_iafpn.images import Plane
from napari_iafpn.masks import BoxedMask, difference

BATCH = 4
"""Candidates that are drawn together; a user's click waits for at most so many."""
SURE = 0.85
"""Of this quality a proposal is shown at once; others wait for better ones of the same place."""
ENOUGH, MOST_SURE = 6, 24
"""Exemplars and sure proposals from which, and from at most how many, a tile is searched again."""
LIKELY = 0.6
"""On a mask of this quality no further candidate is drawn."""
PATIENCE, WORTH_IT = 20, 0.06
"""Of about so many candidates, the newest, at least such a share must be proposals; else a tile is
left: who looks for the few that are missing clicks on them in less time."""
HOPELESS = 0.5
"""Below such a share of the least quality a place is not tried again."""
SAME_PLACE, SAME_SIZE = 0.3, 1.25
"""Share of the radius within which, and factor of the radius up to which, it is the same."""
MOST_PIXELS = 400_000_000
LEARNING_TILES = 4
SURROUNDINGS = 12.0
"""Sides of an exemplar that are looked at where it lies outside of what is searched."""


def find_similar(
    drawer: Drawer,
    plane: Plane | NDArray[Any],
    exemplars: Exemplars | Iterable[BoxedMask | NDArray[np.bool_]],
    *,
    committed: Objects | None = None,
    unlike: Objects | None = None,
    avoided: Objects | None = None,
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
    exemplars : Exemplars, or iterable of BoxedMask or (H, W) bool
        Objects of one kind; see `Exemplars`.
    committed : (H, W) bool, or iterable of BoxedMask, optional
        All objects that are done: nothing is found there. The exemplars count as such.
    unlike : (H, W) bool, or iterable of BoxedMask, optional
        Objects of another kind, or proposals that were rejected.
    avoided : (H, W) bool, or iterable of BoxedMask, optional
        Where nothing is looked for either, which tells nothing of the kind.
    region : Box, optional
        What is searched. Default: the whole plane.
    quality : float
        Proposals below it are left out, from 0 to 1.
    shown_in : Plane or array, optional
        The plane of the exemplars, where that is another one: of the same stack, or an image of
        the same kind at the same magnification.
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
    other = shown_in if shown_in is None or isinstance(shown_in, Plane) else Plane(shown_in)
    search = _Search(drawer, plane, exemplars, committed, unlike, avoided, region, quality, other)
    return search.run(cancelled or (lambda: False))


class _Search:
    """One search: what is taken already, and what was found so far."""

    def __init__(
        self,
        drawer: Drawer,
        plane: Plane,
        exemplars: Exemplars,
        committed: Objects | None,
        unlike: Objects | None,
        avoided: Objects | None,
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
        if self.region.area > MOST_PIXELS:
            raise ValueError(
                f"{self.region.height} x {self.region.width} pixels are too many to search at "
                f"once; choose a region of at most {MOST_PIXELS // 10**6} million pixels"
            )
        shows = shown_in or plane
        if exemplars.shape != shows.shape:
            raise ValueError(
                f"the exemplars are of an image of shape {exemplars.shape}, this one has "
                f"{shows.shape}; give exemplars of the same image"
            )
        check_objects("committed", committed, plane.shape)
        check_objects("unlike", unlike, plane.shape)
        check_objects("avoided", avoided, plane.shape)
        if not 0 <= quality <= 1:
            raise ValueError(f"quality is {quality}; give a number from 0 to 1")
        if shown_in is None:
            exemplars.check_room(self.region)
        self.drawer, self.plane, self.exemplars = drawer, plane, exemplars
        self.shown_in, self.least = shows, quality
        room = with_margin(self.region, exemplars, plane.shape)
        own = () if shown_in is not None else exemplars.boxed_masks
        self.unlike = Ground(room).take(() if unlike is None else unlike)
        self.taken = Ground(room).take(() if committed is None else committed).take(own)
        # What was rejected is not proposed again.
        self.covered = self.taken.joined(self.unlike).take(() if avoided is None else avoided)
        self.shown: list[BoxedMask] = []
        self.hopeless: list[Candidate] = []
        self.sure = list(own)

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
        cells = {tile.core: self._cells(tile, self.exemplars, self.taken) for tile in tiles}
        if not any(len(each.anywhere) for each in cells.values()):
            raise ValueError(
                "what is to be searched is full of objects already; search another part"
            )
        appearance = learn(Cells.joined(list(cells.values())))
        judge = self._judge(appearance, redrawn, tiles)
        proposer = Proposer(self.drawer, self.plane, self.exemplars, judge, way, self.taken)
        for core in cores:
            if cancelled():
                return
            tile = known.pop(core, None)
            tile = tile or tile_of(self.drawer, self.plane, self.exemplars, core)
            first = self._candidates(tile, appearance, self.exemplars)
            yield from self._search(appearance.of_pixels(tile), first, proposer, cancelled)
            if len(self.sure) < ENOUGH or cancelled():
                continue
            # What was found shows more of the kind.
            more = Exemplars(tuple(self.sure), self.plane.shape)
            again = {**cells, core: self._cells(tile, more, self.covered)}
            better = learn(Cells.joined(list(again.values())))
            second = self._candidates(tile, better, more)
            yield from self._search(better.of_pixels(tile), second, proposer, cancelled)

    def _cores_to_learn_from(self, cores: list[Box]) -> list[Box]:
        """Return the parts that show exemplars; those that lie elsewhere get parts of their own.

        The exemplars of another plane all lie elsewhere.
        """
        chosen: list[Box] = []
        for boxed in self.exemplars.boxed_masks:
            here = [core for core in cores if core.encloses(boxed.box)]
            if self.shown_in is not self.plane or not here:
                here = [view_around(boxed.box, SURROUNDINGS, self.shown_in.shape)]
            if here[0] not in chosen:
                chosen.append(here[0])
        return chosen[:LEARNING_TILES]

    def _cells(self, tile: Tile, exemplars: Exemplars, done: Ground) -> Cells:
        here = self.shown_in is self.plane or exemplars is not self.exemplars
        nothing = np.zeros(tile.box.shape, bool)
        taken, unlike = (
            ground.within(tile.box) if here else nothing for ground in (done, self.unlike)
        )
        rng = np.random.default_rng(0)
        return cells_to_learn_from(tile, exemplars, taken, unlike, rng)

    def _candidates(
        self, tile: Tile, appearance: Appearance, exemplars: Exemplars
    ) -> list[Candidate]:
        taken = self.covered.within(tile.box)
        return candidates_of(tile, appearance.map(tile), exemplars, taken)

    def _judge(
        self, appearance: Appearance, redrawn: list[Drawn | None], tiles: list[Tile]
    ) -> Judge:
        """Return the judge that knows how the exemplars look when they are drawn again."""
        maps = [appearance.of_pixels(tile) for tile in tiles]
        traits = []
        for drawn, radius in zip(redrawn, self.exemplars.some().radii, strict=True):
            there = [m for m in maps if drawn and m.box.intersection(drawn.boxed.box)]
            if drawn and there:
                traits.append(traits_of(drawn, there[0], radius, 1.0))
        return Judge(self.exemplars, traits)

    def _search(
        self,
        looks: PixelMap,
        left: list[Candidate],
        proposer: Proposer,
        cancelled: Callable[[], bool],
    ) -> Iterator[Proposal]:
        """Draw the candidates of a tile; show what is sure at once, then the best of the others."""
        waiting: list[Proposal] = []
        success = 1.0
        while left and success >= WORTH_IT and not cancelled():
            batch, left = self._next(left)
            drawn = list(proposer.propose(batch, looks))
            for candidate in batch:
                here = (p.quality for p in drawn if p.boxed.contains(candidate.click))
                quality = max(here, default=0.0)
                success += (float(quality >= self.least) - success) / PATIENCE
                if quality < HOPELESS * self.least:
                    self.hopeless.append(candidate)
            for proposal in drawn:
                if proposal.quality >= max(self.least, SURE):
                    yield from self._shown(proposal)
                    continue
                waiting.append(proposal)
                if proposal.quality >= LIKELY:
                    self.covered.take([proposal.boxed])
        for proposal in sorted(waiting, key=lambda each: -each.quality):
            if proposal.quality >= self.least:
                yield from self._shown(proposal)

    def _next(self, left: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
        """Return the candidates to draw next, on nothing that was shown and apart, and the rest."""
        batch: list[Candidate] = []
        later: list[Candidate] = []
        for number, candidate in enumerate(left):
            if self.covered.holds(candidate.click) or self._is_hopeless(candidate):
                continue
            if any(_near(candidate, other) for other in batch):
                later.append(candidate)
            else:
                batch.append(candidate)
            if len(batch) == BATCH:
                return batch, later + left[number + 1 :]
        return batch, later

    def _is_hopeless(self, candidate: Candidate) -> bool:
        """Tell whether the same was drawn in vain."""
        return any(
            _apart(candidate, other) < SAME_PLACE * other.radius
            and 1 / SAME_SIZE < candidate.radius / other.radius < SAME_SIZE
            for other in self.hopeless
        )

    def _shown(self, proposal: Proposal) -> Iterator[Proposal]:
        """Yield a proposal unless what was shown before has too much of it; it gets the rest."""
        rest: BoxedMask | None = proposal.boxed
        for other in self.shown:
            common, likeness = overlap(proposal.boxed, other)
            smaller = min(proposal.boxed.area, other.area)
            if likeness > MOST_SHARED or common > MOST_SHARED * smaller:
                return
            rest = difference(rest, other) if common else rest
        if rest is not None:
            self.shown.append(rest)
            self.covered.take([rest])
            shows = rest.area >= LEAST_AREA and len(self.sure) < MOST_SURE
            if proposal.quality >= SURE and shows:
                self.sure.append(rest)
            yield replace(proposal, boxed=rest)


def _near(one: Candidate, other: Candidate) -> bool:
    return _apart(one, other) < max(one.radius, other.radius)


def _apart(one: Candidate, other: Candidate) -> float:
    return math.hypot(one.click.row - other.click.row, one.click.col - other.click.col)
