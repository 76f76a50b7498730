"""What a search is asked for: what is like the objects that are done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.find.exemplars import MOST, Objects, kinds_of, objects_in
from napari_iafpn.plugin.find.messages import Kind, SearchWanted
from napari_iafpn.sessions import PlaneKey
from napari_iafpn.sessions.proposals import REJECTED

if TYPE_CHECKING:
    from napari_iafpn.plugin.controller import AnnotationController
    from napari_iafpn.plugin.planes import PlaneSource
    from napari_iafpn.plugin.ports import LabelsTarget

QUICK_PIXELS = 2**24
"""So much of a plane is read at once; of a larger one only what is searched and around it."""
ROOM = 1.5
"""Side of what is read then, in sides of what is searched."""
NONE_KEPT = "keep at least one object first: it shows what to look for"


@dataclass(frozen=True)
class FindPorts:
    """What a search needs from the world around it.

    Attributes
    ----------
    search, stop : callable
        The worker's.
    source_of : callable
        Where a plane's pixels come from; ValueError where the image is gone.
    labels : callable
        The labels that objects of a plane are committed to, None where there are none yet.
    visible : callable
        The part of the displayed plane that the canvas shows.
    """

    search: Callable[[SearchWanted], None]
    stop: Callable[[], None]
    source_of: Callable[[PlaneKey], PlaneSource]
    labels: Callable[[PlaneKey], LabelsTarget | None]
    visible: Callable[[], Box]


def wanted_now(
    annotation: AnnotationController, ports: FindPorts, *, everywhere: bool
) -> SearchWanted:
    """Return the search of what is visible, or of the whole plane.

    Raises
    ------
    ValueError
        Where there is no image, nothing of it is visible, or no object shows what to look for.
    """
    plane = annotation.plane
    if plane is None:
        raise ValueError("there is no image to search; open one first")
    source = ports.source_of(plane)
    whole = Box.whole(plane.shape_in(source.array.shape))
    region = whole if everywhere else ports.visible().intersection(whole)
    if region is None:
        raise ValueError("nothing of the image is visible; move it into sight first")
    from napari_iafpn.finding.find import MOST_PIXELS

    if region.area > MOST_PIXELS:
        raise ValueError(
            f"{region.height} x {region.width} pixels are too many to search at once; zoom in, and "
            "search what is in view"
        )
    return _wanted_in(annotation, ports, source, region, whole)


def _wanted_in(
    annotation: AnnotationController, ports: FindPorts, source: PlaneSource, region: Box, whole: Box
) -> SearchWanted:
    """Return what to search for: what is on the plane, else what was done on another one."""
    plane, document = source.key, annotation.document
    target = ports.labels(plane)
    if target is None:
        raise ValueError(NONE_KEPT)
    here = _objects(annotation, target, plane, region, whole)
    reasons: list[str] = []
    for shown in (plane, *_planes_written(annotation, target, plane)):
        there = here if shown == plane else _objects(annotation, target, shown, region, whole)
        kinds = _kinds(annotation, target, plane, there, is_shown_here=shown == plane)
        usable = tuple(kind for kind in kinds if kind.exemplars)
        troubles = tuple(kind.trouble for kind in kinds if kind.trouble)
        if usable:
            break
        reasons += troubles
    else:
        raise ValueError([*reasons, NONE_KEPT][0])
    waiting = document.proposals.of(plane)
    near = tuple(each.number for each in waiting if _is_inside(each.mask.box, region))
    beside = (each.mask for each in waiting if not _is_inside(each.mask.box, region))
    done = () if here.pixels is None else (here.pixels,)
    return SearchWanted(
        annotation.model,
        source,
        region,
        usable,
        committed=(*done, *at_work(annotation), *beside),
        rejected=tuple(each.mask for each in document.proposals.of(plane, REJECTED)),
        shown_in=None if shown == plane else ports.source_of(shown),
        troubles=troubles,
        replaced=near,
    )


def _objects(
    annotation: AnnotationController, target: LabelsTarget, plane: PlaneKey, region: Box, whole: Box
) -> Objects:
    """Read the objects of a plane; of a large one those around a region, and the newest elsewhere.

    Each is whole: what the edge of what is read cuts is left out.
    """
    semantic = annotation.commit_as.semantic

    def read(box: Box) -> Objects:
        target.check(plane, 0, box)
        return objects_in(target.data, plane, box, semantic=semantic)

    def whole_ones(objects: Objects, box: Box, label: int) -> tuple[BoxedMask, ...]:
        them = objects.boxed_masks.get(label, ())
        return tuple(each for each in them if not _is_cut(each.box, box, whole))

    if whole.area <= QUICK_PIXELS:
        return read(whole)
    there = region.resized_about_centre(ROOM * region.height, ROOM * region.width, whole)
    here = read(there)
    found = {label: whole_ones(here, there, label) for label in here.boxed_masks}
    for label, box in _newest(annotation, target, plane):
        around = box.resized_about_centre(box.height + 2, box.width + 2, whole)
        them, known = whole_ones(read(around), around, label), found.get(label, ())
        # Of a class each piece is an object.
        found[label] = tuple(dict.fromkeys((*known, *them))) if semantic else them or known
    return replace(here, boxed_masks={label: them for label, them in found.items() if them})


def _newest(
    annotation: AnnotationController, target: LabelsTarget, plane: PlaneKey
) -> list[tuple[int, Box]]:
    """Return the ids that were committed last on a plane, each with the box of all its changes.

    An id of a class comes once for each of its objects. What is quickly read is returned.
    """
    boxes: dict[int | Box, tuple[int, Box]] = {}
    for step in reversed(annotation.document.steps):
        commit = step.commit
        if commit is None or commit.labels != target.id:
            continue
        for pixels in (pixels for change in step.labels for pixels in change.pixels):
            box = pixels.box_on(plane)
            if box is not None:
                key = box if annotation.commit_as.semantic else commit.label
                _, known = boxes.get(key, (commit.label, box))
                boxes[key] = commit.label, box.union(known)
    return [each for each in boxes.values() if each[1].area <= QUICK_PIXELS][:MOST]


def _kinds(
    annotation: AnnotationController,
    target: LabelsTarget,
    plane: PlaneKey,
    objects: Objects,
    *,
    is_shown_here: bool,
) -> tuple[Kind, ...]:
    """Return what to look for on a plane; ``objects`` may be those of another one."""
    document = annotation.document
    facts = {label: fact for (of, label), fact in document.facts.items() if of == target.id}
    rejected = document.proposals.of(plane, REJECTED)
    wish = annotation.commit_as

    def taught(kind: Kind) -> Kind:
        own = (each.mask for each in rejected if each.category in (0, kind.category))
        return replace(kind, unlike=(*(kind.unlike if is_shown_here else ()), *own))

    kinds = kinds_of(objects, facts, wish.category, semantic=wish.semantic)
    return tuple(map(taught, kinds))


def at_work(annotation: AnnotationController) -> list[BoxedMask]:
    """Return what the object at work was before, and what it is by now; nothing else goes there."""
    now = annotation.current
    before = () if now is None else (now.edited, now.opened)
    there = [each.start for each in before if each is not None]
    return there if annotation.mask is None else [*there, annotation.mask]


def _is_cut(box: Box, there: Box, whole: Box) -> bool:
    """Tell whether something goes on, or may go on, beyond a part of a plane."""
    inner = Box(
        there.row_start + (there.row_start > whole.row_start),
        there.row_stop - (there.row_stop < whole.row_stop),
        there.col_start + (there.col_start > whole.col_start),
        there.col_stop - (there.col_stop < whole.col_stop),
    )
    return not inner.encloses(box)


def _planes_written(
    annotation: AnnotationController, target: LabelsTarget, plane: PlaneKey
) -> list[PlaneKey]:
    """Return the planes of the same image that were written to, the last one first."""
    found: dict[PlaneKey, None] = {}
    for step in reversed(annotation.document.steps):
        written = any(change.labels == target.id for change in step.labels)
        if written and (step.plane.layer, step.plane.axes) == (plane.layer, plane.axes):
            found[step.plane] = None
    return [*found]


def _is_inside(box: Box, region: Box) -> bool:
    """Tell whether the middle of a box is in a region, where candidates are looked for."""
    row, col = (box.row_start + box.row_stop) // 2, (box.col_start + box.col_stop) // 2
    return region.intersection(Box(row, row + 1, col, col + 1)) is not None
