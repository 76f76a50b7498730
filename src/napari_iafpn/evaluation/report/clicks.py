"""The file ``objects.csv``: every click of every object."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from napari_iafpn.evaluation.protocol import ObjectResult

SECONDS = ("network_seconds", "user_seconds", "other_seconds")
"""Last, since only they differ between two runs."""
COLUMNS = (
    "model",
    "set",
    "view",
    "image",
    "object",
    "click",
    "row",
    "col",
    "sign",
    "iou",
    "boundary_iou",
    *SECONDS,
)


def objects_csv(objects: Iterable[ObjectResult]) -> str:
    """Return the table, one line per click, in the order of ``objects``.

    ``view`` is "whole" or the view scale, ``click`` counts from 1, ``sign`` is + or -. A box or a
    stroke before the clicks has the line of click 2, since it costs two; its place is its middle,
    its sign its kind.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in objects:
        writer.writerows(_lines(result))
    return stream.getvalue()


def _lines(result: ObjectResult) -> Iterator[tuple[object, ...]]:
    view = "whole" if result.view_scale is None else f"{result.view_scale:g}"
    place = (result.model, result.set, view, result.image, result.label)
    shown = [(c.row, c.col, "+" if c.positive else "-") for c in result.clicks]
    if result.first is not None:
        box = result.first.extent
        middle = (box.row_start + box.row_stop - 1) / 2, (box.col_start + box.col_stop - 1) / 2
        shown.insert(0, (*middle, result.first.kind))
    for index, (row, col, sign) in enumerate(shown, len(result.ious) - len(shown)):
        seconds = (getattr(result, part)[index] for part in SECONDS)
        yield (
            *place,
            index + 1,
            repr(row),
            repr(col),
            sign,
            repr(float(result.ious[index])),
            repr(float(result.boundary_ious[index])),
            *(repr(float(value)) for value in seconds),
        )
