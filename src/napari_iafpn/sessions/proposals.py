"""Objects that were found by themselves, and what the user said to each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Prompts
from napari_iafpn.sessions.plane_key import PlaneKey

OPEN, ACCEPTED, REJECTED, TAKEN, REPLACED = VERDICTS = (
    *("open", "accepted", "rejected", "taken", "replaced"),
)
"""Waits for an answer; is in the labels; is none; became a current object; a later search found
anew what is there."""


@dataclass(frozen=True, slots=True)
class FoundObject:
    """A mask that waits for a yes or no; nothing of it is in the labels.

    Attributes
    ----------
    number : int
        Tells proposals of a document apart.
    plane : PlaneKey
    mask : BoxedMask
    clicks : Prompts
        That drew it.
    quality : float
        Estimated probability that it is right, from 0 to 1.
    category : int
        The class of the exemplars; 0: none.
    """

    number: int
    plane: PlaneKey
    mask: BoxedMask
    clicks: Prompts
    quality: float
    category: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a proposal; each of `VERDICTS`."""

    number: int
    before: str
    after: str


class Proposals:
    """All that was found in a sitting, with the verdicts of now."""

    def __init__(self) -> None:
        self._found: dict[int, FoundObject] = {}
        self._verdicts: dict[int, str] = {}
        self._numbers = count(1)

    def __getitem__(self, number: int) -> FoundObject:
        """Return the proposal of a number; KeyError where there is none."""
        return self._found[number]

    def __len__(self) -> int:
        return len(self._found)

    def next_number(self) -> int:
        """Return a number that no proposal has."""
        return next(self._numbers)

    def add(self, found: Iterable[FoundObject], replaced: Iterable[int] = ()) -> None:
        """Add what was found, instead of others."""
        for each in found:
            self._found[each.number] = each
            self._verdicts.setdefault(each.number, OPEN)
            self._numbers = count(max(next(self._numbers), each.number + 1))
        for number in replaced:
            self.note(number, REPLACED)

    def note(self, number: int, verdict: str) -> None:
        """Give a proposal another verdict, also one that a damaged journal lost.

        What was replaced stays so, whatever is undone and redone.
        """
        if self.verdict(number) != REPLACED:
            self._verdicts[number] = verdict

    def verdict(self, number: int) -> str:
        """Return the verdict of a proposal."""
        return self._verdicts.get(number, OPEN)

    def quality(self, number: int) -> float | None:
        """Return the quality of a proposal, None where a damaged journal lost it."""
        return self._found[number].quality if number in self._found else None

    def category(self, number: int) -> int:
        """Return the class of a proposal, 0 where there is none."""
        return self._found[number].category if number in self._found else 0

    def of(self, plane: PlaneKey, verdict: str = OPEN) -> list[FoundObject]:
        """Return the proposals of a plane with a verdict, the most doubtful first."""
        chosen = [
            each
            for each in self._found.values()
            if each.plane == plane and self.verdict(each.number) == verdict
        ]
        return sorted(chosen, key=lambda each: (each.quality, each.number))
