"""`napari-iafpn published`: the numbers of a run beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from napari_iafpn.cli.console import plain_console

if TYPE_CHECKING:
    from napari_iafpn.evaluation.published import PublishedNumber
    from napari_iafpn.evaluation.published_run import Beside


def print_beside_published(run: Path, against: Sequence[str]) -> None:
    """Print a table for every set of the run that is a published one."""
    from napari_iafpn.evaluation.published_run import beside_published

    console = plain_console()
    for beside in beside_published(run, against):
        _print_set(console, beside)
    console.print(
        "sources and notes: docs/published.md; papers differ in threshold, crop policy and"
    )
    console.print("input size, so small differences mean little; SPC also depends on the machine")


def _print_set(console: Console, beside: Beside) -> None:
    console.print(_table(beside))
    if beside.differences:
        console.print("NOT comparable with the published numbers:")
        for difference in beside.differences:
            console.print(f"  - {difference}")
    else:
        console.print("comparable: preset and number of objects are the published ones")
    console.print()


def _table(beside: Beside) -> Table:
    table = Table("", "backbone", "trained on", title=f"{beside.key} ({beside.published_set})")
    table.title_justify = "left"
    table.columns[0].overflow = "fold"
    for metric in beside.metrics:
        table.add_column(metric, justify="right")
    table.add_column("source")
    for model, numbers in beside.numbers.items():
        values = (_shown(metric, numbers.get(metric)) for metric in beside.metrics)
        table.add_row(f"this run: {model}", "", "", *values, f"n = {numbers['n']}")
    table.add_section()
    rows: dict[tuple[str, ...], list[PublishedNumber]] = {}
    for entry in beside.entries:
        rows.setdefault(entry.row, []).append(entry)
    for (_, method, backbone, training, source, _), entries in rows.items():
        cells = {
            entry.metric: _shown(entry.metric, entry.value) + ("" if entry.certain else "?")
            for entry in entries
        }
        values = (cells.get(metric, "-") for metric in beside.metrics)
        table.add_row(method, backbone, training, *values, source)
    return table


def _shown(metric: str, value: float | None) -> str:
    if value is None:
        return "-"
    if metric.startswith("NoF"):
        return f"{value:g}"
    return f"{value:.2f}" if metric.startswith("NoC") else f"{value:.3f}"
