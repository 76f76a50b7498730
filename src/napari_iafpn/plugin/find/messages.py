"""What the GUI thread and the worker tell each other of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.finding import Proposal


@dataclass(frozen=True, slots=True)
class Kind:
    """Objects that look alike.

    Attributes
    ----------
    category : int
        Their class; 0: none.
    exemplars : tuple of BoxedMask
    unlike : tuple of BoxedMask
        Objects of other classes, and proposals of this class or of none that were rejected.
    trouble : str
        Why nothing can be learned of them; then there is no exemplar.
    """

    category: int
    exemplars: tuple[BoxedMask, ...]
    unlike: tuple[BoxedMask, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SearchWanted:
    """Find what looks like the exemplars.

    Attributes
    ----------
    model : str
        A shipped model's name or a file.
    source : PlaneSource
        What is searched.
    region : Box
        Where.
    kinds : tuple of Kind
    committed : tuple of BoxedMask
        What is done, and what waits for an answer elsewhere; nothing is found there.
    rejected : tuple of BoxedMask
        Proposals of any class that were none; nothing is found there.
    shown_in : PlaneSource, optional
        The plane of the exemplars, where that is another one.
    troubles : tuple of str
        Sentences about classes that cannot be searched.
    replaced : tuple of int
        Proposals that give way to what is found now, once all was searched.
    """

    model: str
    source: PlaneSource
    region: Box
    kinds: tuple[Kind, ...]
    committed: tuple[BoxedMask, ...] = ()
    rejected: tuple[BoxedMask, ...] = ()
    shown_in: PlaneSource | None = None
    troubles: tuple[str, ...] = ()
    replaced: tuple[int, ...] = ()

    @property
    def plane(self) -> PlaneKey:
        """Where it looks."""
        return self.source.key


@dataclass(frozen=True, slots=True)
class ProposalFound:
    """An object of the class ``category`` may be there."""

    wanted: SearchWanted
    category: int
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class SearchOver:
    """All was searched; ``troubles`` are sentences about classes that could not be."""

    wanted: SearchWanted
    troubles: tuple[str, ...] = ()


SearchReport = ProposalFound | SearchOver
