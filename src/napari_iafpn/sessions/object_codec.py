"""Objects and proposals as plain JSON values and back; what comes back is checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask, RunLengths
from napari_iafpn.prompts import Click, Prompt, Prompts, prompt_from_json
from napari_iafpn.sessions.checks import real, text, whole
from napari_iafpn.sessions.objects import CurrentObject, EditedLabel, HandEdits, OpenedProposal
from napari_iafpn.sessions.plane_key import PlaneKey
from napari_iafpn.sessions.proposals import FoundObject

Json = dict[str, Any]
MOST_PIXELS = 2**31
"""Of a mask on a plane."""


def plane_to_json(plane: PlaneKey) -> Json:
    """Return plain values."""
    return {"image": plane.layer, "axes": list(plane.axes), "index": list(plane.index)}


def plane_from_json(given: Json) -> PlaneKey:
    """Return what ``plane_to_json`` was given."""
    first, second = given["axes"]
    index = tuple(whole(place, "place of a plane") for place in given["index"])
    whole(second, "axis of a plane", whole(first, "axis of a plane") + 1, len(index) + 1)
    return PlaneKey(text(given["image"], "image"), (first, second), index)


def _clicks(prompts: Prompts) -> list[Any]:
    return [_prompt(prompt) for prompt in prompts]


def _clicks_from(given: Any) -> Prompts:
    return Prompts.of(map(_prompt_from, given))


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
        given["clicks"] = _clicks(current.clicks)
    if current.threshold != 0.5:
        given["threshold"] = current.threshold
    if current.view is not None:
        given["view"] = _box(current.view)
    if current.edited is not None:
        edited = current.edited
        given["edits"] = {
            "labels": edited.labels,
            "label": edited.label,
            "start": _boxed(edited.start),
        }
    if current.opened is not None:
        opened = current.opened
        given["opened"] = {
            "proposal": opened.proposal,
            "start": _boxed(opened.start),
            "clicks": _clicks(opened.clicks),
        }
    if current.neighbours:
        given["neighbours"] = _clicks(current.neighbours)
    for name in ("drawn", "erased"):
        pixels = getattr(current.hand, name)
        if pixels is not None:
            given[name] = _boxed(pixels)
    return given


def object_from_json(given: Json) -> CurrentObject:
    """Return what ``object_to_json`` was given."""
    edits = given.get("edits")
    drawn, erased = (
        _boxed_from(given[name]) if name in given else None for name in ("drawn", "erased")
    )
    return CurrentObject(
        whole(given["number"], "number of an object"),
        _clicks_from(given.get("clicks", ())),
        threshold_from_json(given.get("threshold", 0.5)),
        _box_from(given["view"]) if "view" in given else None,
        None if edits is None else _edited_from(edits),
        HandEdits(drawn, erased),
        _opened_from(given["opened"]) if "opened" in given else None,
        _clicks_from(given.get("neighbours", ())),
    )


def _opened_from(given: Json) -> OpenedProposal:
    number = whole(given["proposal"], "number of a proposal")
    return OpenedProposal(number, _boxed_from(given["start"]), _clicks_from(given["clicks"]))


def found_to_json(found: FoundObject) -> Json:
    """Return plain values."""
    given = {
        "number": found.number,
        "plane": plane_to_json(found.plane),
        "mask": _boxed(found.mask),
        "clicks": _clicks(found.clicks),
        "quality": round(found.quality, 4),
    }
    return {**given, "class": found.category} if found.category else given


def found_from_json(given: Json) -> FoundObject:
    """Return what ``found_to_json`` was given."""
    return FoundObject(
        whole(given["number"], "number of a proposal"),
        plane_from_json(given["plane"]),
        _boxed_from(given["mask"]),
        _clicks_from(given["clicks"]),
        real(given["quality"], "quality", 0, 1),
        whole(given.get("class", 0), "class"),
    )


def _edited_from(given: Json) -> EditedLabel:
    labels, label = text(given["labels"], "labels"), id_from_json(given["label"])
    return EditedLabel(labels, label, _boxed_from(given["start"]))


def id_from_json(given: Any) -> int:
    """Return an id that any labels may have."""
    return whole(given, "id", -(2**63), 2**64 - 1)


def threshold_from_json(given: Any) -> float:
    """Return a probability."""
    return real(given, "threshold", 0, 1)


def _box(box: Box) -> list[int]:
    return [box.row_start, box.row_stop, box.col_start, box.col_stop]


def _box_from(given: Any) -> Box:
    return Box(*(whole(side, "side of a box") for side in given))


def _boxed(boxed: BoxedMask) -> Json:
    return {"box": _box(boxed.box), "runs": RunLengths.of(boxed.mask).to_json()}


def _boxed_from(given: Json) -> BoxedMask:
    box = _box_from(given["box"])
    if box.area > MOST_PIXELS:
        raise ValueError(f"a mask claims {box.area} pixels")
    mask = RunLengths.from_json(given["runs"], box.shape, bool).array
    return BoxedMask(box, np.packbits(mask).tobytes())
