"""The curves of a training: the loss of each step, and the clicks that were counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from napari_iafpn.plugin.evaluation.curve import STYLES
from napari_iafpn.plugin.training.history import SETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_iafpn.plugin.training.history import TrainingHistory

LEAST_HEIGHT = 240
SMOOTH = 20
"""Steps whose mean is drawn over the single losses."""
SMALL = 8


class CurvesView(FigureCanvasQTAgg):
    """Draws a history; `losses` and `clicks` are the axes, to look at."""

    def __init__(self) -> None:
        super().__init__(Figure(figsize=(3, 3), layout="constrained"))
        self.figure.patch.set_alpha(0)
        self.setStyleSheet("background: transparent")
        self.setMinimumHeight(LEAST_HEIGHT)
        self.losses, self.clicks = self.figure.subplots(2, 1, sharex=True)
        self._ink = "#808080"

    def set_ink(self, colour: str) -> None:
        """Draw axes and text in the colour of the window's text."""
        self._ink = colour

    def show_story(self, history: TrainingHistory) -> None:
        """Draw what there is."""
        for axes, title in ((self.losses, "loss"), (self.clicks, "clicks to 85 %")):
            axes.clear()
            self._style(axes, title)
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

    def _style(self, axes: Axes, title: str) -> None:
        axes.set_facecolor("none")
        axes.set_ylabel(title, color=self._ink, fontsize=SMALL)
        axes.tick_params(colors=self._ink, labelsize=SMALL)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(self._ink)


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of each value and up to ``width - 1`` before it."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
