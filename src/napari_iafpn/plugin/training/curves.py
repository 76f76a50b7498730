"""The curves of a training: the loss of each step, and the clicks that were counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from napari_iafpn.plugin.evaluation.curve import SMALL, STYLES, Curves
from napari_iafpn.plugin.training.history import SETS

if TYPE_CHECKING:
    from napari_iafpn.plugin.training.history import TrainingHistory

LEAST_HEIGHT = 240
SMOOTH = 20
"""Steps whose mean is drawn over the single losses."""


class CurvesView(Curves):
    """Draws a history; `losses` and `clicks` are the axes, to look at."""

    def __init__(self) -> None:
        super().__init__(LEAST_HEIGHT)
        self.losses, self.clicks = self.figure.subplots(2, 1, sharex=True)

    def show_story(self, history: TrainingHistory) -> None:
        """Draw what there is."""
        for axes, title in ((self.losses, "loss"), (self.clicks, "clicks to 85 %")):
            axes.clear()
            self._style(axes, title)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
            for start in sorted(history.starts.values())[1:]:
                axes.axvline(start, color=self._ink, linewidth=0.8, linestyle=(0, (4, 3)))
        self._draw_losses(history)
        self._draw_clicks(history)
        self.losses.tick_params(labelbottom=False)
        self.clicks.set_xlabel("steps", color=self._ink, fontsize=SMALL)
        self.clicks.set_xlim(left=0)
        self.draw_idle()

    def _draw_losses(self, history: TrainingHistory) -> None:
        if not history.losses:
            return
        steps, losses = np.array(history.losses).T
        colour = STYLES[0][0]
        self.losses.plot(steps, losses, color=colour, linewidth=0.6, alpha=0.45)
        self.losses.plot(steps, running_mean(losses, SMOOTH), color=colour, linewidth=1.6)
        self.losses.set_ylim(bottom=0)

    def _draw_clicks(self, history: TrainingHistory) -> None:
        for (key, name), (colour, mark) in zip(SETS.items(), STYLES, strict=True):
            counts = history.counts.get(key, [])
            if counts:
                steps = [count.step for count in counts]
                values = [count.clicks.noc85 for count in counts]
                self.clicks.plot(
                    steps, values, color=colour, marker=mark, markersize=5, label=name, zorder=3
                )
        if self.clicks.get_legend_handles_labels()[0]:
            self.clicks.set_ylim(0, 1.1 * self.clicks.get_ylim()[1])
            self.clicks.legend(
                loc="lower left",
                bbox_to_anchor=(0, 1),
                ncols=2,
                borderpad=0,
                frameon=False,
                fontsize=SMALL,
                labelcolor=self._ink,
            )


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of each value and up to ``width - 1`` before it."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
