"""`napari-iafpn report`: what the objects of sessions cost, as tables and a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.outputs import check_results, write_output
from napari_iafpn.sessions.effort import (
    ImageEffort,
    ObjectEffort,
    effort_of,
    image_efforts,
    total_effort,
)
from napari_iafpn.sessions.reading import read_session

SUFFIX = ".iafpn.jsonl"


def report_work(sources: Sequence[Path], output: Path, *, overwrite: bool) -> None:
    """Write objects.csv, images.csv and report.html into the folder ``output``.

    Raises
    ------
    ValueError
        Where there is no session, none with an object, or results are there already.
    """
    console, objects = plain_console(), []
    for path in _sessions(sources):
        session = read_session(path)
        if session.damage:
            console.print(f"note: {session.damage}")
        objects += effort_of(session)
    if not objects:
        raise ValueError(
            "the sessions hold no object that was kept; give sessions in which some were"
        )
    images, total = image_efforts(objects), total_effort(objects)
    results = {
        "objects.csv": _table(map(asdict, objects)),
        "images.csv": _table(map(_row, images)),
        "report.html": _page(objects, images, total),
    }
    check_results(output, results, overwrite=overwrite)
    output.mkdir(parents=True, exist_ok=True)
    for name, text in results.items():
        write_output(output / name, text.encode())
    console.print(
        f"objects: {total.objects}, images: {len(images)}, found by themselves: {total.found}; "
        f"{total.clicks_per_object:.1f} clicks and {total.seconds_per_object:.0f} s per object, "
        f"corrections: {total.corrections}"
    )
    console.print(f"report: {(output / 'report.html').resolve()}")


def _sessions(sources: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for source in sources:
        inside = sorted(source.glob(f"*{SUFFIX}")) if source.is_dir() else [source]
        if not inside:
            raise ValueError(f"{source} holds no session (*{SUFFIX}); give another folder")
        found += inside
    return list(dict.fromkeys(found))


def _row(image: ImageEffort) -> dict[str, Any]:
    return {
        **asdict(image),
        "clicks_per_object": round(image.clicks_per_object, 2),
        "seconds_per_object": round(image.seconds_per_object, 1),
    }


def _table(rows: Iterable[dict[str, Any]]) -> str:
    listed, text = list(rows), io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]))
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def _page(objects: list[ObjectEffort], images: list[ImageEffort], total: ImageEffort) -> str:
    from napari_iafpn.evaluation.pages import render

    return render(
        "napari_iafpn.cli",
        "report.html.jinja",
        objects=objects,
        images=images,
        total=total,
        most=max(each.clicks for each in objects) or 1,
    )
