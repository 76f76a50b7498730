"""A search in the worker: it steps back whenever the user wants something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_iafpn.plugin.find.messages import ProposalFound, SearchOver, SearchReport, SearchWanted
from napari_iafpn.plugin.messages import sentence_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_iafpn.geometry import Box
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Prediction, Predictor
    from napari_iafpn.prompts import Click

KEPT = "your objects are kept, try again"


class PoliteDrawer:
    """Draws candidates, and before each run of the networks lets others go first.

    Parameters
    ----------
    predictor : Predictor
    cancelled : callable
        Does what the user wants meanwhile, and tells whether the search is off.
    """

    def __init__(self, predictor: Predictor, cancelled: Callable[[], bool]) -> None:
        self._predictor = predictor
        self._cancelled = cancelled
        # On a processor several at once are no quicker, and a click would wait for all of them.
        self._most = 1 if str(predictor.device) == "cpu" else 4

    def features(self, plane: Plane, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return features of a box, see `Predictor`."""
        self._give_way()
        return self._predictor.features(plane, box, size)

    def predict_each(
        self,
        plane: Plane,
        batch: Sequence[Sequence[Click]],
        views: Sequence[Box],
        sizes: tuple[int, int] | None = None,
    ) -> list[Prediction]:
        """Segment several objects, see `Predictor`."""
        found: list[Prediction] = []
        for start in range(0, len(batch), self._most):
            self._give_way()
            some = slice(start, start + self._most)
            found += self._predictor.predict_each(plane, batch[some], views[some], sizes)
        return found

    def _give_way(self) -> None:
        from napari_iafpn.inference import Cancelled

        if self._cancelled():
            raise Cancelled


def searched(
    predictor: Predictor, wanted: SearchWanted, cancelled: Callable[[], bool]
) -> Iterator[SearchReport]:
    """Yield what is found, class after class; what goes wrong with one is told at the end."""
    from napari_iafpn.finding import Kinds, find_similar
    from napari_iafpn.inference import Cancelled

    drawer = PoliteDrawer(predictor, cancelled)
    taken = [*wanted.committed]
    troubles = [*wanted.troubles]
    kinds: Kinds | None = None
    with suppress(Cancelled):
        for kind in wanted.kinds:
            try:
                plane = wanted.source.open()
                elsewhere = None if wanted.shown_in is None else wanted.shown_in.open()
                if len(wanted.kinds) > 1 and kinds is None:
                    shown = {each.category: each.exemplars for each in wanted.kinds}
                    kinds = Kinds(elsewhere or plane, shown)
                for proposal in find_similar(
                    drawer,
                    plane,
                    kind.exemplars,
                    committed=taken,
                    unlike=kind.unlike,
                    avoided=wanted.rejected,
                    region=wanted.region,
                    shown_in=elsewhere,
                    cancelled=cancelled,
                ):
                    taken.append(proposal.boxed)
                    category = kinds.of(plane, proposal.boxed) if kinds else kind.category
                    yield ProposalFound(wanted, category, proposal)
            except Cancelled:
                raise
            except Exception as error:  # noqa: BLE001  the end of the thread's stack
                troubles.append(sentence_of(error, "the search failed", KEPT))
        yield SearchOver(wanted, tuple(dict.fromkeys(troubles)))
