"""What the results so far say, as the widget shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.metrics import first_success, mean_kept_iou_curve

if TYPE_CHECKING:
    from napari_iafpn.evaluation import ObjectResult, Protocol
    from napari_iafpn.evaluation.statistics import Interval

MOST_ROWS = 200
LEAST_CLICKS = 5
"""A curve goes at least so far."""


@dataclass(frozen=True, eq=False)
class MeanCurve:
    """The mean overlap of one model after 1, 2, ... clicks, (K,)."""

    model: str
    overlap: NDArray[np.float64]


@dataclass(frozen=True)
class WorstObject:
    """One object in the list of the worst ones; ``clicks`` to the target, None: never."""

    result: ObjectResult
    clicks: int | None

    @property
    def key(self) -> tuple[str, str]:
        """Tells the rows apart."""
        return self.result.model, self.result.name


@dataclass(frozen=True)
class ScoresSoFar:
    """The results so far.

    Attributes
    ----------
    models : tuple of str
    protocol : Protocol
    results : tuple of ObjectResult
        In any order.
    """

    models: tuple[str, ...]
    protocol: Protocol
    results: tuple[ObjectResult, ...] = ()

    @property
    def target(self) -> float:
        """The overlap that clicks are counted up to."""
        from napari_iafpn.evaluation.report.summary import headline_target

        return headline_target(self.protocol)

    def of(self, model: str) -> list[ObjectResult]:
        """Return the results of one model."""
        return [result for result in self.results if result.model == model]

    def lines(self) -> list[MeanCurve]:
        """Return a curve per model, as far as any object of any model took clicks."""
        longest = max((len(result.ious) for result in self.results), default=0)
        count = min(max(longest, LEAST_CLICKS), self.protocol.max_clicks)
        runs = {model: [result.ious for result in self.of(model)] for model in self.models}
        return [
            MeanCurve(model, mean_kept_iou_curve(found, count)) for model, found in runs.items()
        ]

    def worst(self, model: str) -> list[WorstObject]:
        """Return the objects of one model, those that took the most clicks first."""
        most = self.protocol.max_clicks
        rows = [WorstObject(r, first_success(r.ious, self.target, most)) for r in self.of(model)]
        rows.sort(key=lambda row: (-(row.clicks or most + 1), row.result.ious[-1], row.key))
        return rows[:MOST_ROWS]

    def sentences(self) -> list[str]:
        """Say how many clicks each model needs and how many the second one saves."""
        from napari_iafpn.evaluation.report import summarise
        from napari_iafpn.evaluation.report.wording import clicks_sentence

        found = {model: self.of(model) for model in self.models}
        said = []
        for model, results in found.items():
            if results:
                sentence = clicks_sentence(summarise(results, self.protocol), self.target)
                said.append(sentence if len(self.models) == 1 else f"{model}: {sentence}")
        if len(said) == 2:
            said.append(self._saved(*found.values()))
        return said

    def _saved(self, first: Sequence[ObjectResult], second: Sequence[ObjectResult]) -> str:
        from napari_iafpn.evaluation.report import compare

        try:
            compared = compare(first, second, self.protocol, self.target)
        except ValueError:  # no object is finished by both yet
            return ""
        return saved_sentence(compared.second, compared.difference)


def saved_sentence(model: str, difference: Interval) -> str:
    """Say how many clicks ``model`` saves, where ``difference`` is its clicks minus the other's."""
    from napari_iafpn.evaluation.report.wording import interval_phrase

    saved, low, high = (
        round(-value, 1) + 0.0 for value in (difference.mean, difference.high, difference.low)
    )
    if saved == 0:
        said = f"{model} saves no clicks and costs none"
        interval = f"{interval_phrase(difference)} {low:.1f} to {high:.1f} saved"
    elif saved > 0:
        said = f"{model} saves {saved:.1f} clicks per object"
        interval = f"{interval_phrase(difference)} {low:.1f} to {high:.1f}"
    else:
        said = f"{model} costs {-saved:.1f} more clicks per object"
        interval = f"{interval_phrase(difference)} {-high + 0.0:.1f} to {-low:.1f}"
    unsure = "; these objects do not tell the two apart" if low <= 0 <= high else ""
    return f"{said} ({interval}{unsure})."
