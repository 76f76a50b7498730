"""What users do to objects, as steps; nothing is changed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click
from napari_iafpn.sessions.objects import CurrentObject, EditedLabel
from napari_iafpn.sessions.pixels import (
    PixelChange,
    lifted,
    painted,
    region_of,
    repainted,
    replaced,
)
from napari_iafpn.sessions.plane_key import PlaneKey
from napari_iafpn.sessions.steps import (
    Commit,
    LabelsChange,
    ObjectChange,
    ObjectStats,
    Propagation,
    StatsChange,
    Step,
)

Known = Mapping[tuple[str, int], ObjectStats]


class Target(Protocol):
    """A labels image: its id in the session, and its pixels, indexed by numpy slices."""

    @property
    def id(self) -> str:
        """What steps call it."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def data(self) -> Any:
        """The pixels."""


def commit_step(
    change: ObjectChange,
    target: Target,
    mask: BoxedMask,
    commit: Commit,
    known: Known,
    effort: ObjectStats,
) -> Step:
    """Write an object into labels.

    Parameters
    ----------
    change : ObjectChange
        From the object to the next one.
    target : Target
    mask : BoxedMask
    commit : Commit
    known : mapping of (labels id, label) to ObjectStats
        Before the step.
    effort : ObjectStats
        What this commit adds: clicks and seconds; its class.

    Raises
    ------
    ValueError
        Where no pixel is free.
    """
    pixels = painted(target.data, change.plane, mask, commit.label, commit.policy)
    if pixels is None:
        raise ValueError(
            "every pixel of this mask belongs to other objects already; click elsewhere, let it "
            "overwrite others, or choose another labels layer"
        )
    before = known.get((target.id, commit.label))
    facts = replace(
        effort,
        found=effort.found or bool(before and before.found),
        clicks=effort.clicks + (before.clicks if before else 0),
        seconds=round(effort.seconds + (before.seconds if before else 0.0), 1),
        category=effort.category or (before.category if before else 0),
        reviewed=bool(before and before.reviewed),
    )
    return Step(
        "commit",
        change.plane,
        (change,),
        (LabelsChange(target.id, (pixels,)),),
        (StatsChange(target.id, commit.label, before, facts),),
        commit,
    )


def edit_step(
    plane: PlaneKey,
    now: CurrentObject,
    fresh: CurrentObject,
    target: Target,
    label: int,
    region: Sequence[slice] | None = None,
) -> Step:
    """Lift a label from a plane of the labels and make it the current object.

    Only ``region`` of the labels is looked at; None: the whole plane.

    Raises
    ------
    ValueError
        Where the label is not on the plane, or the current object is not finished.
    """
    if not now.is_untouched:
        raise ValueError("keep or discard the object at work before you edit another one")
    found = lifted(target.data, plane, label, region) if label else None
    if found is None:
        raise ValueError(
            f"there is no object {label} of {target.name!r} in this slice; click on one"
            if label
            else f"there is no object of {target.name!r} here; double-click on one"
        )
    boxed, pixels = found
    after = replace(fresh, edited=EditedLabel(target.id, label, boxed), view=now.view)
    return Step(
        "edit", plane, (ObjectChange(plane, now, after),), (LabelsChange(target.id, (pixels,)),)
    )


def put_back_step(
    plane: PlaneKey, now: CurrentObject, fresh: CurrentObject, target: Target
) -> Step:
    """Put the edited label back as it was."""
    assert now.edited is not None
    pixels = painted(target.data, plane, now.edited.start, now.edited.label)
    changes = () if pixels is None else (LabelsChange(target.id, (pixels,)),)
    return Step("put back", plane, (ObjectChange(plane, now, fresh),), changes)


def propagate_step(
    plane: PlaneKey,
    target: Target,
    masks: Mapping[PlaneKey, BoxedMask],
    commit: Commit,
    propagation: Propagation,
    regions: Mapping[PlaneKey, Sequence[slice]] | None = None,
) -> Step:
    """Make ``masks`` all there is of an object on their planes; one of a class joins the others.

    Parameters
    ----------
    plane : PlaneKey
        Where the object comes from; its pixels there stay.
    target : Target
    masks : mapping of PlaneKey to BoxedMask
    commit : Commit
        The object's id and what decided the masks, the same on all planes.
    propagation : Propagation
        The planes of ``masks``, in the order in which they were found.
    regions : mapping of PlaneKey to slices, optional
        Where on each plane to look for pixels that the object has there already. Default:
        everywhere.
    """
    pixels = propagated_pixels(target.data, masks, commit, regions, joins=propagation.joins)
    return Step(
        "propagate",
        plane,
        labels=(LabelsChange(target.id, pixels),),
        commit=commit,
        propagation=propagation,
    )


def propagated_pixels(
    data: Any,
    masks: Mapping[PlaneKey, BoxedMask],
    commit: Commit,
    regions: Mapping[PlaneKey, Sequence[slice]] | None = None,
    *,
    joins: bool = False,
) -> tuple[PixelChange, ...]:
    """Return the changes that a propagation makes, one for each plane that it changes.

    With ``joins`` all other pixels of the number stay.
    """
    regions = regions or {}

    def change(on: PlaneKey, mask: BoxedMask) -> PixelChange | None:
        if joins:
            return painted(data, on, mask, commit.label, commit.policy)
        return repainted(data, on, mask, commit.label, commit.policy, regions.get(on))

    changes = (change(on, mask) for on, mask in masks.items())
    return tuple(change for change in changes if change is not None)


def delete_step(
    plane: PlaneKey,
    target: Target,
    regions: Mapping[int, Sequence[slice]],
    known: Known,
    *,
    into: int = 0,
) -> Step:
    """Turn labels into background, or with ``into`` into another label.

    Parameters
    ----------
    plane : PlaneKey
        What is displayed.
    target : Target
    regions : mapping of label to slices
        Where each label is.
    known : mapping
    into : int
    """
    pixels: list[PixelChange] = []
    facts: list[StatsChange] = []
    for label, region in regions.items():
        change = replaced(target.data, region, label, into)
        if change is not None:
            pixels.append(change)
        if (target.id, label) in known:
            facts.append(StatsChange(target.id, label, known[target.id, label], None))
    if into:
        facts.append(_joined(target.id, into, regions, known))
    return Step(
        "merge" if into else "delete",
        plane,
        labels=(LabelsChange(target.id, tuple(pixels)),),
        facts=tuple(facts),
    )


def split_step(
    change: ObjectChange, target: Target, labels: Sequence[int], known: Known, effort: ObjectStats
) -> Step:
    """Divide the edited label at its narrow places, one part for each positive click.

    The part of the first click keeps the id, the others get ``labels``. Watershed of the distance
    to the edge, from the clicks.

    Raises
    ------
    ValueError
        Where there are fewer than two clicks on the label.
    """
    edited, clicks = change.before.edited, change.before.clicks.positives
    if edited is None:
        raise ValueError("double-click on an object first, then click on each of its parts")
    parts = divided(edited.start, clicks)
    region = region_of(change.plane, edited.start.box)
    before = np.array(target.data[region])
    ids = np.array([0, edited.label, *labels][: parts.max() + 1])
    drawn = ids[parts].reshape(before.shape).astype(before.dtype)
    after = np.where((before == 0) & (drawn > 0), drawn, before)
    whole = known.get((target.id, edited.label), ObjectStats())
    part = replace(effort, category=whole.category, reviewed=whole.reviewed)
    facts = [
        StatsChange(target.id, int(label), known.get((target.id, int(label))), part)
        for label in ids[1:]
    ]
    return Step(
        "split",
        change.plane,
        (change,),
        (LabelsChange(target.id, (PixelChange.of(region, before, after),)),),
        tuple(facts),
    )


def divided(boxed: BoxedMask, clicks: Sequence[Click]) -> NDArray[np.int64]:
    """Return the part, 1, 2, ..., of each pixel of a mask's box, one for each click on it."""
    mask = boxed.mask
    markers = np.zeros(mask.shape, np.int64)
    count = 0
    for click in clicks:
        row, col = click.pixel
        row, col = row - boxed.box.row_start, col - boxed.box.col_start
        inside = 0 <= row < mask.shape[0] and 0 <= col < mask.shape[1] and mask[row, col]
        if inside and not markers[row, col]:
            count += 1
            markers[row, col] = count
    if count < 2:
        raise ValueError(f"{count} click(s) on this object; click once on each of its parts")
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    parts: NDArray[np.int64] = watershed(-depth, markers, mask=mask)  # type: ignore[no-untyped-call]
    # Pieces without a click go to the part of the nearest pixel.
    if (lost := mask & (parts == 0)).any():
        nearest = ndimage.distance_transform_edt(
            parts == 0, return_distances=False, return_indices=True
        )
        parts[lost] = parts[tuple(nearest)][lost]
    return parts


def _joined(target: str, into: int, regions: Mapping[int, Any], known: Known) -> StatsChange:
    before = known.get((target, into))
    parts = [known[target, label] for label in (into, *regions) if (target, label) in known]
    after = replace(
        before or ObjectStats(),
        clicks=sum(part.clicks for part in parts),
        seconds=round(sum(part.seconds for part in parts), 1),
        category=next((part.category for part in parts if part.category), 0),
    )
    return StatsChange(target, into, before, after)
