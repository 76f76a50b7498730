"""The curves, drawn without the global state of pyplot."""

from __future__ import annotations

import io
import math
import os
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iafpn.evaluation.report.summary import Condition, Summary, names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people tell apart; each with a mark of its own.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: dict[str, Any] = {"80": (0, (1, 1.5)), "85": (0, (5, 2)), "90": "-"}
OTHER_DASH: Any = (0, (5, 2, 1, 2))
PANEL = (3.4, 2.7)
"""Width and height of a panel in inches."""
COLUMNS = 4
DPI = 110
MARKED = 20
"""Curves of more clicks get no marks."""

Draw = Callable[["Axes", Summary, str, str], None]


def curves_png(summaries: Mapping[Condition, Summary]) -> bytes:
    """Return a PNG: mean IoU after k clicks with its 95 % interval, a panel per set and view."""
    return _small_multiples(summaries, "mean IoU", _draw_curve, {})


def success_png(summaries: Mapping[Condition, Summary]) -> bytes:
    """Return a PNG: share of objects that reached 80, 85 and 90 % IoU within k clicks."""
    targets = {target: None for summary in summaries.values() for target in _shown(summary)}
    dashes = {f"{target} % IoU": DASHES.get(target, OTHER_DASH) for target in targets}
    return _small_multiples(summaries, "share of objects", _draw_success, dashes)


def _draw_curve(axes: Axes, summary: Summary, colour: str, mark: str) -> None:
    clicks = np.arange(1, summary.max_clicks + 1)
    curve = summary.iou
    axes.fill_between(clicks, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(clicks, curve.mean, color=colour, marker=mark, **_line(summary))


def _draw_success(axes: Axes, summary: Summary, colour: str, mark: str) -> None:
    clicks = np.arange(1, summary.max_clicks + 1)
    for target in _shown(summary):
        share = np.cumsum(summary.successes[target]) / summary.objects
        dash = DASHES.get(target, OTHER_DASH)
        axes.plot(clicks, share, color=colour, marker=mark, linestyle=dash, **_line(summary))


def _shown(summary: Summary) -> list[str]:
    """Return 80, 85 and 90; where the runs do not tell them, the highest target they tell."""
    usual = [target for target in summary.successes if target in DASHES]
    return usual or list(summary.successes)[-1:]


def _line(summary: Summary) -> dict[str, Any]:
    size = 3 if summary.max_clicks <= MARKED else 0
    return {"linewidth": 1.5, "markersize": size, "markeredgewidth": 0}


def _small_multiples(
    summaries: Mapping[Condition, Summary], y_label: str, draw: Draw, dashes: Mapping[str, Any]
) -> bytes:
    from matplotlib.figure import Figure

    models, keys = names_of(summaries)
    columns = min(COLUMNS, len(keys))
    rows = math.ceil(len(keys) / columns)
    height = PANEL[1] * rows + 0.25 * (len(models) + len(dashes)) / max(columns, 2) + 0.4
    figure = Figure(figsize=(max(PANEL[0] * columns, 4.5), height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    panels = dict(zip(keys, grid.flat, strict=False))
    for condition, summary in summaries.items():
        style = _style(models.index(condition.model))
        draw(panels[condition.key], summary, *style)
        _set_title(panels[condition.key], condition.key, summary.objects)
    for axes in grid.flat[len(keys) :]:
        axes.set_axis_off()
    most = max(summary.max_clicks for summary in summaries.values())
    for number, axes in enumerate(panels.values()):
        last_in_column = number + columns >= len(keys)
        _set_axes(
            axes, most, "clicks" if last_in_column else "", y_label if not number % columns else ""
        )
    _add_legend(figure, models, dashes, columns)
    return _png(figure)


def _style(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]


def _set_title(axes: Axes, key: str, objects: int) -> None:
    name = "\n".join(textwrap.wrap(_drawable(key), 36, max_lines=2, placeholder=" ..."))
    axes.set_title(f"{name} (n = {objects})", fontsize=9, parse_math=False)


def _set_axes(axes: Axes, most: int, x_label: str, y_label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylim(0, 1.02)
    axes.set_xlim(0.5, most + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_tick_params(labelbottom=bool(x_label), labelsize=8)
    axes.yaxis.set_tick_params(labelsize=8)
    axes.set_xlabel(x_label, fontsize=9)
    axes.set_ylabel(y_label, fontsize=9)
    axes.grid(color="0.88", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(
    figure: Figure, models: Sequence[str], dashes: Mapping[str, Any], columns: int
) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=mark, markersize=5)
        for colour, mark in map(_style, range(len(models)))
    ]
    handles += [Line2D([], [], color="0.35", linestyle=dash) for dash in dashes.values()]
    names = [*models, *dashes]
    # The texts are set afterwards: a label that begins with "_" would be left out.
    legend = figure.legend(
        handles,
        [str(number) for number in range(len(names))],
        loc="outside lower center",
        ncols=min(max(columns, 2), len(names)),
        fontsize=8,
        frameon=False,
        handlelength=3,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(shortened(_drawable(name), 60))


def _drawable(name: str) -> str:
    r"""Return a name with bytes that are no UTF-8 as escapes, such as ``\xfc``."""
    return os.fsencode(name).decode(errors="backslashreplace")


def shortened(name: str, length: int) -> str:
    """Return ``name`` without its middle where it is longer than ``length``."""
    if len(name) <= length:
        return name
    head = (length - 3) // 2
    return f"{name[:head]}...{name[3 + head - length :]}"


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # A name may hold letters that the font lacks; they show as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()
