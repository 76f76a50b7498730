"""Steps as plain JSON values and back."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from napari_iafpn.clicks import Click, ClickSequence, Prompt, prompt_from_json
from napari_iafpn.geometry import Box
from napari_iafpn.images.composite import Tint
from napari_iafpn.sessions.cutout import Cutout
from napari_iafpn.sessions.objects import CurrentObject, EditedLabel, HandEdits
from napari_iafpn.sessions.pixels import PixelChange
from napari_iafpn.sessions.plane_key import PlaneKey
from napari_iafpn.sessions.runs import Runs
from napari_iafpn.sessions.sight import Sight
from napari_iafpn.sessions.steps import (
    Commit,
    Facts,
    FactsChange,
    LabelsChange,
    ObjectChange,
    Propagation,
    Step,
)

Json = dict[str, Any]


def plane_to_json(plane: PlaneKey) -> Json:
    """Return plain values."""
    return {"image": plane.layer, "axes": list(plane.axes), "index": list(plane.index)}


def plane_from_json(given: Json) -> PlaneKey:
    """Return what ``plane_to_json`` was given."""
    first, second = given["axes"]
    return PlaneKey(given["image"], (first, second), tuple(given["index"]))


def _prompt(prompt: Prompt) -> list[Any] | Json:
    """Return a click as a list, as in the first journals, and other kinds as their own values."""
    if isinstance(prompt, Click):
        return [prompt.row, prompt.col, "+" if prompt.positive else "-"]
    return prompt.to_json()


def _prompt_from(given: list[Any] | Json) -> Prompt:
    if isinstance(given, list):
        row, col, sign = given
        return Click(row, col, sign == "+")
    return prompt_from_json(given)


def object_to_json(current: CurrentObject) -> Json:
    """Return plain values; what is as in a new object is left out."""
    given: Json = {"number": current.number}
    if current.clicks:
        given["clicks"] = [_prompt(prompt) for prompt in current.clicks]
    if current.threshold != 0.5:
        given["threshold"] = current.threshold
    if current.view is not None:
        given["view"] = _box(current.view)
    if current.edited is not None:
        edited = current.edited
        given["edits"] = {
            "labels": edited.labels,
            "label": edited.label,
            "start": _cutout(edited.start),
        }
    for name in ("drawn", "erased"):
        pixels = getattr(current.hand, name)
        if pixels is not None:
            given[name] = _cutout(pixels)
    return given


def object_from_json(given: Json) -> CurrentObject:
    """Return what ``object_to_json`` was given."""
    edits, clicks = given.get("edits"), given.get("clicks", ())
    return CurrentObject(
        given["number"],
        ClickSequence.of(map(_prompt_from, clicks)),
        given.get("threshold", 0.5),
        Box(*given["view"]) if "view" in given else None,
        None
        if edits is None
        else EditedLabel(edits["labels"], edits["label"], _cutout_from(edits["start"])),
        HandEdits(
            *(_cutout_from(given[name]) if name in given else None for name in ("drawn", "erased"))
        ),
    )


def step_to_json(step: Step) -> Json:
    """Return plain values."""
    given: Json = {"plane": plane_to_json(step.plane)}
    if step.objects:
        given["objects"] = [
            {"plane": plane_to_json(c.plane), "object": object_to_json(c.after)}
            for c in step.objects
        ]
    if step.labels:
        given["labels"] = [
            {"labels": change.labels, "pixels": [_pixels(part) for part in change.pixels]}
            for change in step.labels
        ]
    if step.facts:
        given["facts"] = [
            {
                "labels": c.labels,
                "label": c.label,
                "facts": None if c.after is None else dataclasses.asdict(c.after),
            }
            for c in step.facts
        ]
    if step.commit is not None:
        given["commit"] = _commit(step.commit)
    if step.propagation is not None:
        given["propagation"] = dataclasses.asdict(step.propagation)
    return given


def step_from_json(kind: str, given: Json, now: Any, facts: Any, dtype_of: Any) -> Step:
    """Return what ``step_to_json`` was given.

    Parameters
    ----------
    kind : str
    given : dict
    now : callable
        The current object of a plane before the step.
    facts : callable
        The facts of a labels id and a label before the step, or None.
    dtype_of : callable
        The numpy type of a labels id.
    """
    objects = []
    for change in given.get("objects", ()):
        plane = plane_from_json(change["plane"])
        objects.append(ObjectChange(plane, now(plane), object_from_json(change["object"])))
    commit, propagation = given.get("commit"), given.get("propagation")
    return Step(
        kind,
        plane_from_json(given["plane"]),
        tuple(objects),
        tuple(
            LabelsChange(
                change["labels"],
                tuple(_pixels_from(part, dtype_of(change["labels"])) for part in change["pixels"]),
            )
            for change in given.get("labels", ())
        ),
        tuple(
            FactsChange(
                change["labels"],
                change["label"],
                facts(change["labels"], change["label"]),
                None if change["facts"] is None else Facts(**change["facts"]),
            )
            for change in given.get("facts", ())
        ),
        None if commit is None else _commit_from(commit),
        None if propagation is None else _propagation_from(propagation),
    )


def _commit(commit: Commit) -> Json:
    """Return the fields of a commit; gamma and channels only where they did something."""
    given = dataclasses.asdict(commit)
    given |= given.pop("sight")
    given["channels"] = [
        {"image": id_, **dataclasses.asdict(tint)} for id_, tint in commit.sight.channels
    ]
    if commit.sight.gamma == 1:
        del given["gamma"]
    if not commit.sight.channels:
        del given["channels"]
    return given


def _commit_from(given: Json) -> Commit:
    channels = tuple(
        (
            channel["image"],
            Tint(
                tuple(channel["limits"]),
                channel["gamma"],
                tuple(channel["dark"]),
                tuple(channel["bright"]),
            ),
        )
        for channel in given.get("channels", ())
    )
    sight = Sight(tuple(given["limits"]), given.get("gamma", 1.0), channels)
    return Commit(given["labels"], given["label"], given["policy"], given["model"], sight)


def _propagation_from(given: Json) -> Propagation:
    routes = tuple(map(tuple, given["routes"]))
    return Propagation(given["axis"], routes, given["threshold"])


def _box(box: Box) -> list[int]:
    return [box.row_start, box.row_stop, box.col_start, box.col_stop]


def _cutout(cutout: Cutout) -> Json:
    return {"box": _box(cutout.box), "runs": Runs.of(cutout.mask).to_json()}


def _cutout_from(given: Json) -> Cutout:
    box = Box(*given["box"])
    mask = Runs.from_json(given["runs"], box.shape, bool).array
    return Cutout(box, np.packbits(mask).tobytes())


def _pixels(change: PixelChange) -> Json:
    return {
        "start": list(change.start),
        "shape": list(change.new.shape),
        "before": change.old.to_json(),
        "after": change.new.to_json(),
    }


def _pixels_from(given: Json, dtype: Any) -> PixelChange:
    shape = tuple(given["shape"])
    old, new = (Runs.from_json(given[name], shape, dtype) for name in ("before", "after"))
    return PixelChange(tuple(given["start"]), old, new)
