"""Steps as plain JSON values and back; what comes back is checked before it acts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_iafpn.clicks import Click, ClickSequence, Prompt, prompt_from_json
from napari_iafpn.geometry import Box
from napari_iafpn.images.composite import Tint
from napari_iafpn.sessions.checks import real, text, whole
from napari_iafpn.sessions.cutout import Cutout
from napari_iafpn.sessions.objects import CurrentObject, EditedLabel, HandEdits
from napari_iafpn.sessions.pixels import POLICIES, PixelChange
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
MOST_PIXELS = 2**31
"""Of a mask on a plane."""
AXES = 32


def plane_to_json(plane: PlaneKey) -> Json:
    """Return plain values."""
    return {"image": plane.layer, "axes": list(plane.axes), "index": list(plane.index)}


def plane_from_json(given: Json) -> PlaneKey:
    """Return what ``plane_to_json`` was given."""
    first, second = given["axes"]
    index = tuple(whole(place, "place of a plane") for place in given["index"])
    whole(second, "axis of a plane", whole(first, "axis of a plane") + 1, len(index) + 1)
    return PlaneKey(text(given["image"], "image"), (first, second), index)


def _prompt(prompt: Prompt) -> list[Any] | Json:
    """Return a click as a list, as in the first journals, and other kinds as their own values."""
    if isinstance(prompt, Click):
        return [prompt.row, prompt.col, "+" if prompt.positive else "-"]
    return prompt.to_json()


def _prompt_from(given: list[Any] | Json) -> Prompt:
    if not isinstance(given, list):
        return prompt_from_json(given)
    row, col, sign = given
    if sign not in ("+", "-"):
        raise ValueError(f"the sign of a click is {sign!r:.60}, not '+' or '-'")
    return Click(real(row, "row of a click"), real(col, "column of a click"), sign == "+")


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
    edits = given.get("edits")
    drawn, erased = (
        _cutout_from(given[name]) if name in given else None for name in ("drawn", "erased")
    )
    return CurrentObject(
        whole(given["number"], "number of an object"),
        ClickSequence.of(map(_prompt_from, given.get("clicks", ()))),
        _threshold(given.get("threshold", 0.5)),
        _box_from(given["view"]) if "view" in given else None,
        None if edits is None else _edited_from(edits),
        HandEdits(drawn, erased),
    )


def _edited_from(given: Json) -> EditedLabel:
    labels, label = text(given["labels"], "labels"), _id(given["label"])
    return EditedLabel(labels, label, _cutout_from(given["start"]))


def _id(given: Any) -> int:
    return whole(given, "id", -(2**63), 2**64 - 1)


def _threshold(given: Any) -> float:
    return real(given, "threshold", 0, 1)


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


def step_from_json(
    given: Json,
    now: Callable[[PlaneKey], CurrentObject],
    facts: Callable[[str, int], Facts | None],
    labels_of: Callable[[str], tuple[tuple[int, ...], Any]],
) -> Step:
    """Return the step of an entry, see ``step_to_json``.

    Parameters
    ----------
    given : dict
    now : callable
        The current object of a plane before the step.
    facts : callable
        The facts of a labels id and a label before the step, or None.
    labels_of : callable
        Shape and numpy type of a labels id.

    Raises
    ------
    ValueError, KeyError, TypeError
        Where it is no step, or one that cannot be.
    """
    objects = []
    for change in given.get("objects", ()):
        plane = plane_from_json(change["plane"])
        objects.append(ObjectChange(plane, now(plane), object_from_json(change["object"])))
    commit, propagation = given.get("commit"), given.get("propagation")
    return Step(
        text(given["kind"], "kind"),
        plane_from_json(given["plane"]),
        tuple(objects),
        tuple(
            LabelsChange(
                text(change["labels"], "labels"),
                tuple(
                    _pixels_from(part, *labels_of(change["labels"])) for part in change["pixels"]
                ),
            )
            for change in given.get("labels", ())
        ),
        tuple(_facts_from(change, facts) for change in given.get("facts", ())),
        None if commit is None else _commit_from(commit),
        None if propagation is None else _propagation_from(propagation),
        whole(given.get("step", 0), "number of a step"),
    )


def _facts_from(given: Json, before: Callable[[str, int], Facts | None]) -> FactsChange:
    labels, label = text(given["labels"], "labels"), _id(given["label"])
    after = None
    if given["facts"] is not None:
        after = Facts(**given["facts"])
        whole(after.category, "class")
        whole(after.clicks, "number of clicks")
        real(after.seconds, "seconds", 0)
        if not isinstance(after.reviewed, bool):
            raise ValueError(f"reviewed is {after.reviewed!r:.60}, not true or false")
    return FactsChange(labels, label, before(labels, label), after)


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
            text(channel["image"], "image"),
            Tint(
                _limits(channel["limits"]),
                _gamma(channel["gamma"]),
                _colour(channel["dark"]),
                _colour(channel["bright"]),
            ),
        )
        for channel in given.get("channels", ())
    )
    sight = Sight(_limits(given["limits"]), _gamma(given.get("gamma", 1.0)), channels)
    if given["policy"] not in POLICIES:
        raise ValueError(f"policy is {given['policy']!r:.60}, not one of {', '.join(POLICIES)}")
    return Commit(
        text(given["labels"], "labels"),
        _id(given["label"]),
        given["policy"],
        text(given["model"], "model"),
        sight,
    )


def _limits(given: Any) -> tuple[float, float]:
    low, high = (real(value, "contrast limit", -math.inf, math.inf) for value in given)
    return low, high


def _gamma(given: Any) -> float:
    return real(given, "gamma", 0)


def _colour(given: Any) -> tuple[float, float, float]:
    red, green, blue = (real(value, "colour", 0, 1) for value in given)
    return red, green, blue


def _propagation_from(given: Json) -> Propagation:
    routes = tuple(
        tuple(whole(place, "place of a plane") for place in route) for route in given["routes"]
    )
    axis = whole(given["axis"], "axis of a propagation", 0, AXES)
    return Propagation(axis, routes, _threshold(given["threshold"]))


def _box(box: Box) -> list[int]:
    return [box.row_start, box.row_stop, box.col_start, box.col_stop]


def _box_from(given: Any) -> Box:
    return Box(*(whole(side, "side of a box") for side in given))


def _cutout(cutout: Cutout) -> Json:
    return {"box": _box(cutout.box), "runs": Runs.of(cutout.mask).to_json()}


def _cutout_from(given: Json) -> Cutout:
    box = _box_from(given["box"])
    if box.area > MOST_PIXELS:
        raise ValueError(f"a mask claims {box.area} pixels")
    mask = Runs.from_json(given["runs"], box.shape, bool).array
    return Cutout(box, np.packbits(mask).tobytes())


def _pixels(change: PixelChange) -> Json:
    return {
        "start": list(change.start),
        "shape": list(change.new.shape),
        "before": change.old.to_json(),
        "after": change.new.to_json(),
    }


def _pixels_from(given: Json, labels_shape: tuple[int, ...], dtype: Any) -> PixelChange:
    start, shape = tuple(given["start"]), tuple(given["shape"])
    for place, size, most in zip(start, shape, labels_shape, strict=True):
        whole(place, "start of a region", 0, most - whole(size, "size of a region", 1, most))
    old, new = (Runs.from_json(given[name], shape, dtype) for name in ("before", "after"))
    return PixelChange(start, old, new)
