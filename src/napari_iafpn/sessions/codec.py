"""Steps as plain JSON values and back; what comes back is checked before it acts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from napari_iafpn.images.composite import ChannelDisplay
from napari_iafpn.masks import RunLengths
from napari_iafpn.sessions.checks import real, text, whole
from napari_iafpn.sessions.object_codec import (
    Json,
    id_from_json,
    object_from_json,
    object_to_json,
    plane_from_json,
    plane_to_json,
    threshold_from_json,
)
from napari_iafpn.sessions.objects import CurrentObject
from napari_iafpn.sessions.pixels import POLICIES, PixelChange
from napari_iafpn.sessions.plane_key import DisplaySettings, PlaneKey
from napari_iafpn.sessions.proposals import VERDICTS, Verdict
from napari_iafpn.sessions.steps import (
    Commit,
    LabelsChange,
    ObjectChange,
    ObjectStats,
    Propagation,
    StatsChange,
    Step,
)

AXES = 32


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
                "facts": None if c.after is None else _facts(c.after),
            }
            for c in step.facts
        ]
    if step.commit is not None:
        given["commit"] = _commit(step.commit)
    if step.propagation is not None:
        given["propagation"] = dataclasses.asdict(step.propagation)
    if step.verdicts:
        given["verdicts"] = [[v.number, v.before, v.after] for v in step.verdicts]
    return given


def step_from_json(
    given: Json,
    now: Callable[[PlaneKey], CurrentObject],
    facts: Callable[[str, int], ObjectStats | None],
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
        tuple(_verdict_from(*verdict) for verdict in given.get("verdicts", ())),
        whole(given.get("step", 0), "number of a step"),
    )


def _verdict_from(number: Any, before: Any, after: Any) -> Verdict:
    if not {before, after} <= set(VERDICTS):
        raise ValueError(f"a proposal goes from {before!r:.60} to {after!r:.60}")
    return Verdict(whole(number, "number of a proposal"), before, after)


def _facts(facts: ObjectStats) -> Json:
    """Return plain values; where they are as of an object that was clicked, some are left out."""
    given = dataclasses.asdict(facts)
    later = {name: given.pop(name) for name in ("found", "quality")}
    return given | {name: value for name, value in later.items() if value not in (False, None)}


def _facts_from(given: Json, before: Callable[[str, int], ObjectStats | None]) -> StatsChange:
    labels, label = text(given["labels"], "labels"), id_from_json(given["label"])
    after = None
    if given["facts"] is not None:
        after = ObjectStats(**given["facts"])
        whole(after.category, "class")
        whole(after.clicks, "number of clicks")
        real(after.seconds, "seconds", 0)
        for name in ("reviewed", "found"):
            if not isinstance(value := getattr(after, name), bool):
                raise ValueError(f"{name} is {value!r:.60}, not true or false")
        if after.quality is not None:
            real(after.quality, "quality", 0, 1)
    return StatsChange(labels, label, before(labels, label), after)


def _commit(commit: Commit) -> Json:
    """Return the fields of a commit; gamma and channels only where they did something."""
    given = dataclasses.asdict(commit)
    given |= given.pop("display")
    given["channels"] = [
        {"image": id_, **dataclasses.asdict(channel)} for id_, channel in commit.display.channels
    ]
    if commit.display.gamma == 1:
        del given["gamma"]
    if not commit.display.channels:
        del given["channels"]
    return given


def _commit_from(given: Json) -> Commit:
    channels = tuple(
        (
            text(channel["image"], "image"),
            ChannelDisplay(
                _limits(channel["limits"]),
                _gamma(channel["gamma"]),
                _colour(channel["dark"]),
                _colour(channel["bright"]),
            ),
        )
        for channel in given.get("channels", ())
    )
    display = DisplaySettings(_limits(given["limits"]), _gamma(given.get("gamma", 1.0)), channels)
    if given["policy"] not in POLICIES:
        raise ValueError(f"policy is {given['policy']!r:.60}, not one of {', '.join(POLICIES)}")
    return Commit(
        text(given["labels"], "labels"),
        id_from_json(given["label"]),
        given["policy"],
        text(given["model"], "model"),
        display,
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
    threshold = threshold_from_json(given["threshold"])
    return Propagation(axis, routes, threshold, joins=given.get("joins") is True)


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
    old, new = (RunLengths.from_json(given[name], shape, dtype) for name in ("before", "after"))
    return PixelChange(start, old, new)
