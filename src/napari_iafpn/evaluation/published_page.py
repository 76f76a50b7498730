"""The page ``docs/published.md``: ``python -m napari_iafpn.evaluation.published_page``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from napari_iafpn.evaluation.published import Published, PublishedNumber, Table, published

HEAD = """# Published numbers

Quoted, not measured again; made from `src/napari_iafpn/evaluation/published.toml` by
`python -m napari_iafpn.evaluation.published_page`. `napari-iafpn published RUN_DIR` puts the
numbers of an evaluation beside them.

Lower is better, but for mIoU. NoC@85: clicks to an IoU of 85 %, at most 20. NoF@90: objects that
fail to reach 90 %, a success at the last click included. mIoU@k: mean IoU after k clicks. SPC:
seconds per click. FPM, IAF: the paper's feature propagation and its coarse-to-fine cascade.
A number with "?" is doubtful in its source; "-" is not in the sources. The papers differ in
threshold (0.49 or 0.5), crop policy and input size, so small differences between them mean little.
"""


def published_page(data: Published) -> str:
    """Return the page in Markdown."""
    return "\n".join([HEAD, *_sets(data), *_tables(data), *_sources(data)])


def _tables(data: Published) -> Iterator[str]:
    for table in data.tables:
        yield f"## {_heading(table)}\n"
        entries = [entry for entry in data.entries if entry.table == table.number]
        if table.number == "other":
            yield from _by_training(entries)
        elif entries:
            yield _grid(entries) + "\n"
        if table.missing:
            yield f"Missing: {table.missing}\n"
        if table.misprint:
            yield f"Misprint: {table.misprint}\n"


def _heading(table: Table) -> str:
    return f"Table {table.number}: {table.title}" if table.number.isdigit() else table.title


def _by_training(entries: Sequence[PublishedNumber]) -> Iterator[str]:
    for training in dict.fromkeys(entry.training for entry in entries):
        yield f"### {f'Trained on {training}' if training else 'Training data not given'}\n"
        yield _grid([entry for entry in entries if entry.training == training]) + "\n"


def _grid(entries: Sequence[PublishedNumber]) -> str:
    """Return a table with a column for every set and metric that occurs."""
    columns = sorted(
        dict.fromkeys((entry.set, entry.metric) for entry in entries),
        key=lambda column: (_order(column[0]), column[1]),
    )
    rows: dict[tuple[str, ...], dict[tuple[str, str], str]] = {}
    for entry in entries:
        cells = rows.setdefault(entry.row, {})
        cells[entry.set, entry.metric] = f"{shown(entry)}{'' if entry.certain else '?'}"
    titles = [" ".join(column).strip() for column in columns]
    head = ["method", "backbone", "training", *titles, "source", "note"]
    lines = [head, ["---"] * len(head)]
    for (_, method, backbone, training, source, note), cells in rows.items():
        values = [cells.get(column, "-") for column in columns]
        lines.append([method, backbone or "-", training or "-", *values, source, note])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(entry: PublishedNumber) -> str:
    """Return the number with the digits that its metric is published with."""
    if entry.metric.startswith(("NoC", "parameters", "GFLOP", "CPU SPC")):
        return f"{entry.value:.2f}"
    return f"{entry.value:g}"


def _order(set_name: str) -> int:
    return ["", *published().sets].index(set_name)


def _sets(data: Published) -> Iterator[str]:
    yield "## Sets\n\n| set | objects | note |\n|---|---|---|"
    for item in data.sets.values():
        counts = " or ".join(map(str, item.objects)) or "-"
        yield f"| {item.name} | {counts} | {item.note} |"
    yield ""


def _sources(data: Published) -> Iterator[str]:
    yield "## Sources\n"
    for letter, title in data.sources.items():
        yield f"- {letter}: {title}"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(published_page(published()))
