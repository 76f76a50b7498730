"""The curve: mean overlap after each click, one line per model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_iafpn.plugin.evaluation.scores import MeanCurve

# Okabe and Ito's colours that show on dark and on light ground, each with a mark of its own.
STYLES = (("#56b4e9", "o"), ("#e69f00", "s"))
LEAST_HEIGHT = 170
SMALL = 8


class Curves(FigureCanvasQTAgg):
    """A transparent figure in the colour of the window's text.

    Parameters
    ----------
    least_height : int
        In pixels.
    """

    def __init__(self, least_height: int) -> None:
        super().__init__(Figure(figsize=(3, 2), layout="constrained"))
        self.figure.patch.set_alpha(0)
        self.setStyleSheet("background: transparent")
        self.setMinimumHeight(least_height)
        self._ink = "#808080"

    def set_ink(self, colour: str) -> None:
        """Draw axes and text in the colour of the window's text."""
        self._ink = colour

    def _style(self, axes: Axes, label: str) -> None:
        axes.set_facecolor("none")
        axes.set_ylabel(label, color=self._ink, fontsize=SMALL)
        axes.tick_params(colors=self._ink, labelsize=SMALL)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(self._ink)


class CurveView(Curves):
    """Draws lines; `axes` is there to look at."""

    def __init__(self) -> None:
        super().__init__(LEAST_HEIGHT)
        self.axes = self.figure.add_subplot()

    def show_lines(self, lines: Sequence[MeanCurve], target: float) -> None:
        """Draw the lines and the overlap that is aimed at."""
        axes = self.axes
        axes.clear()
        self._style(axes, "mean overlap (IoU)")
        axes.set_ylim(0, 1)
        axes.set_xlabel("clicks", color=self._ink, fontsize=SMALL)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.axhline(target, color=self._ink, linewidth=0.8, linestyle=(0, (4, 3)))
        for line, (colour, mark) in zip(lines, STYLES, strict=False):
            if line.overlap.size:
                clicks = range(1, line.overlap.size + 1)
                axes.plot(
                    clicks, line.overlap, color=colour, marker=mark, markersize=4, label=line.model
                )
        if len(axes.get_lines()) > 2:
            axes.legend(loc="lower right", frameon=False, fontsize=SMALL, labelcolor=self._ink)
        axes.set_xlim(left=0.7)
        self.draw_idle()
