"""The report of a finished fine-tuning: JSON for programs, a small page for people."""

from __future__ import annotations

import dataclasses
import json
from html import escape
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.metrics import clicks_needed
from napari_iafpn.networks import write_atomically
from napari_iafpn.training.finetuning.gain import Clicks, Gain
from napari_iafpn.training.finetuning.state import FinetuneState
from napari_iafpn.training.finetuning.targets import FULL, Runs
from napari_iafpn.training.state import disk_sentences

STYLE = (
    "body{font:15px sans-serif;margin:2em;max-width:48em}td,th{padding:.2em .8em;text-align:right}"
    "td:first-child,th:first-child{text-align:left}table{border-collapse:collapse;margin:1em 0}"
    "tr{border-bottom:1px solid #ccc}"
)
MISSING = "-"


def write_reports(
    state: FinetuneState, sentence: str, yours: Gain, replay: Gain | None, after: Runs
) -> Path:
    """Write ``NAME.json`` and ``NAME.html`` beside the model and return the first one's path."""
    path = state.request.output.with_suffix(".json")
    values = _values(state, sentence, yours, replay, after)
    with disk_sentences(path.parent):
        write_atomically(path, (json.dumps(values, indent=1) + "\n").encode())
        page = _page(state, sentence, yours, replay)
        write_atomically(path.with_suffix(".html"), page.encode())
    return path


def _values(
    state: FinetuneState, sentence: str, yours: Gain, replay: Gain | None, after: Runs
) -> dict[str, Any]:
    record = state.record
    before = record.before["report"]
    return {
        "sentence": sentence,
        "request": state.request.to_json(),
        "model": {"path": str(state.base), "sha256": record.model},
        "split": {
            "kind": state.split.kind,
            "training_objects": state.split.training_objects,
            "held_out_objects": state.split.held_out_objects,
            "chosen_by_reported_objects": state.split.shared,
        },
        "left_out": list(state.found.left_out),
        "yours": dataclasses.asdict(yours),
        "replay": None if replay is None else dataclasses.asdict(replay),
        "moments": [dataclasses.asdict(moment) for moment in record.moments],
        "best": record.best,
        "steps": record.steps,
        "seconds": round(state.desk.clock.used, 1),
        "objects": {
            name: {
                "noc85_before": clicks_needed(before[name], 0.85, FULL.max_clicks),
                "noc85_after": clicks_needed(after[name], 0.85, FULL.max_clicks),
            }
            for name in after
        },
    }


def _page(state: FinetuneState, sentence: str, yours: Gain, replay: Gain | None) -> str:
    rows = _rows("your held-out objects", yours)
    if replay is not None:
        rows += _rows("objects of the kinds it knew", replay)
    head = "".join(
        f"<th>{name}</th>"
        for name in ("", "objects", "NoC@80", "NoC@85", "NoC@90", "IoU after click 1")
    )
    remarks = "".join(f"<li>{escape(text)}</li>" for text in state.found.left_out)
    name = escape(state.request.output.stem)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        f"<style>{STYLE}</style><h1>{name}</h1><p>{escape(sentence)}</p>"
        f"<table><tr>{head}</tr>{rows}</table>"
        f"<p>{escape(_how(state))}</p>" + (f"<ul>{remarks}</ul>" if remarks else "") + "</html>\n"
    )


def _rows(what: str, gain: Gain) -> str:
    return _row(f"{what}, before", gain.before) + _row(f"{what}, after", gain.after)


def _row(what: str, clicks: Clicks) -> str:
    noc90 = MISSING if clicks.noc90 is None else f"{clicks.noc90:.2f}"
    numbers = (str(clicks.objects), f"{clicks.noc80:.2f}", f"{clicks.noc85:.2f}", noc90)
    cells = "".join(f"<td>{value}</td>" for value in (*numbers, f"{clicks.miou1:.2f}"))
    return f"<tr><td>{escape(what)}</td>{cells}</tr>"


def _how(state: FinetuneState) -> str:
    steps = " and ".join(f"{count} {level} steps" for level, count in state.record.steps.items())
    split = state.split
    chosen = (
        "The same objects chose the best state, so the gain may be a little overrated."
        if split.shared
        else "Other held-out objects chose the best state."
    )
    return (
        f"NoC: mean number of clicks of a simulated user to 80, 85 and 90 % IoU. "
        f"{split.training_objects} objects were trained on in {steps}, "
        f"{state.desk.clock.used / 60:.0f} minutes in all. {chosen}"
    )
