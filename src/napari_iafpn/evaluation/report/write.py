"""The files of a report, written into the folder of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iafpn.evaluation.report.analysis import analyse
from napari_iafpn.evaluation.report.clicks import objects_csv
from napari_iafpn.evaluation.report.figures import curves_png, success_png
from napari_iafpn.evaluation.report.numbers import results_json
from napari_iafpn.evaluation.report.page import report_html
from napari_iafpn.evaluation.report.thumbnails import pick_objects
from napari_iafpn.evaluation.results import Results

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import AnnotatedSet


def write_report(results: Results, sets: Sequence[AnnotatedSet], output: Path) -> None:
    """Write ``results.json``, ``objects.csv``, ``curves.png``, ``success.png``, ``report.html``.

    Each file is written whole or not at all, the numbers first. Images of ``sets`` that cannot be
    read any more leave a sentence in place of the picture.

    Raises
    ------
    ValueError
        Where ``results`` hold no object.
    OSError
        Where ``output`` cannot be written.
    """
    from napari_iafpn.networks import write_atomically

    analysis = analyse(results)
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(output / "results.json", _encoded(results_json(analysis)))
    write_atomically(output / "objects.csv", _encoded(objects_csv(results.objects)))
    curves, success = curves_png(analysis.summaries), success_png(analysis.summaries)
    write_atomically(output / "curves.png", curves)
    write_atomically(output / "success.png", success)
    page = report_html(analysis, curves, success, pick_objects(analysis, sets))
    write_atomically(output / "report.html", _encoded(page))


def _encoded(text: str) -> bytes:
    # Names of files may hold bytes that are no text; JSON reads the escape back.
    return text.encode("utf-8", errors="backslashreplace")
