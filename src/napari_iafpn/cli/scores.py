"""What an evaluation found, as tables and sentences for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from napari_iafpn.cli.console import PrintableConsole

if TYPE_CHECKING:
    from napari_iafpn.evaluation import Problem, Protocol, Results
    from napari_iafpn.evaluation.report import Condition, Summary
    from napari_iafpn.evaluation.statistics import Interval

SHOWN_PROBLEMS = 5
FILE_WIDTH = 160
"""Columns of the table where the output is no terminal."""


def print_scores(results: Results, protocol: Protocol) -> None:
    """Print a row for each model, set and view, how models compare, and the problems."""
    from napari_iafpn.evaluation.report import by_condition, summarise
    from napari_iafpn.evaluation.report.comparison import compare_models
    from napari_iafpn.evaluation.report.wording import comparison_sentence

    console = score_console()
    groups = by_condition(results.objects)
    summaries = {condition: summarise(group, protocol) for condition, group in groups.items()}
    console.print(score_table(summaries))
    for comparison in compare_models(groups, protocol):
        console.print(f"{comparison.key}: {comparison_sentence(comparison)}")
    for line in problem_lines(results.problems):
        console.print(line)


def score_console() -> PrintableConsole:
    """Return a console for tables; ``plain_console`` would not fold their cells."""
    console = PrintableConsole(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console


def score_table(summaries: Mapping[Condition, Summary]) -> Table:
    """Return the numbers of each condition, with 95 % intervals over images."""
    targets = list(next(iter(summaries.values())).noc)
    hardest = targets[-1]
    table = Table(
        caption="clicks per object: mean and, in brackets, its 95 % interval",
        caption_justify="left",
    )
    for column in ("model", "set", "view"):
        table.add_column(column, overflow="fold")
    table.add_column("objects", justify="right")
    for target in targets:
        table.add_column(f"clicks to {target} % IoU", justify="right")
    table.add_column(f"failed at {hardest} %", justify="right")
    table.add_column("s per click", justify="right")
    for condition, summary in summaries.items():
        table.add_row(
            condition.model,
            condition.set,
            condition.view,
            str(summary.objects),
            *(_interval(summary.noc[target]) for target in targets),
            f"{summary.failures[hardest]}",
            f"{summary.seconds.total:.3f}",
        )
    return table


def problem_lines(problems: tuple[Problem, ...]) -> list[str]:
    """Return the first problems, and how many there are."""
    if not problems:
        return []
    lines = [f"{len(problems)} problem(s); what they concern is not in the numbers:"]
    lines += [f"  {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f"  ... and {len(problems) - SHOWN_PROBLEMS} more in the report")
    return lines


def _interval(interval: Interval) -> str:
    return f"{interval.mean:.2f} ({interval.low:.2f} to {interval.high:.2f})"
