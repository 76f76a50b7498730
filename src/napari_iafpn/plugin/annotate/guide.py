"""What the panel says of the object at work, and in one line what happens next."""

from __future__ import annotations

from dataclasses import dataclass

from napari_iafpn.plugin.annotate.tools_view import BOX, BRUSH, CLICKS, ERASER, STROKE
from napari_iafpn.plugin.annotator import Annotator
from napari_iafpn.plugin.jobs import Activity
from napari_iafpn.plugin.shortcuts import key_text


def title_of(annotator: Annotator) -> str:
    """Name the object at work."""
    now = annotator.controller.current
    if now is None:
        return "No object"
    if now.edited is None:
        kind = "New object" if now.opened is None else "Proposal for object"
        return f"{kind} {annotator.next_label()}"
    layer = annotator.book.layer_of(now.edited.labels)
    return f"Editing object {now.edited.label}" + (f" of {layer.name}" if layer else "")


def counts_of(annotator: Annotator) -> str:
    """Tell the clicks of the object at work, and how likely its mask is right."""
    now, quality = annotator.controller.current, annotator.controller.quality
    if now is None or not now.clicks:
        return ""
    return now.clicks.counted + ("" if quality is None else f", quality {quality:.2f}")


def situation_of(annotator: Annotator, tool: str, *, listening: bool) -> Situation:
    """Return what the next step depends on."""
    controller = annotator.controller
    now = controller.current
    return Situation(
        image=annotator.image is not None,
        plane=controller.plane is not None,
        listening=listening,
        hand=annotator.layer_tool.sentence,
        propagating=controller.activity is Activity.PROPAGATING,
        tool=tool,
        touched=now is not None and not now.is_untouched,
        masked=controller.mask is not None,
        busy=controller.busy,
        begun=bool(controller.document.facts),
        keep=key_text("commit"),
    )


def cause_of(annotator: Annotator) -> tuple[object, ...]:
    """Return what an error may have come of; it is stale where that is something else."""
    viewer, controller = annotator.viewer, annotator.controller
    document, layers = controller.document, viewer.layers
    grid = getattr(viewer, "canvas", viewer).grid.enabled  # napari 0.9 moved it
    shown = tuple((id(layer), layer.visible) for layer in layers)
    chosen = controller.plane, controller.model, annotator.labels, controller.commit_as
    steps = document.last_done, document.last_undone
    return (*chosen, *steps, shown, viewer.dims.ndisplay, grid, layers.selection.active)


NO_IMAGE = "Open an image to begin. File > Open Sample has some."
NO_PLANE = "Show the image in 2D to click on it."
PAUSED = "Annotating is off. Tick “Annotate” to go on."
PROPAGATING = "Following the object. Esc: stop here."
FIRST = {
    CLICKS: "Click on an object.",
    BOX: "Drag a box around an object.",
    STROKE: "Drag a line along an object, or a lasso around it.",
    BRUSH: "Paint an object.",
    ERASER: "There is nothing to erase yet. Click on an object first.",
}
NEXT = "Click on the next object, or double-click on one to correct it."
CORRECT = {
    CLICKS: "Missing part: click. Too much: right-click.",
    BOX: "Drag another box, or correct with clicks.",
    STROKE: "Missing part: drag along it. Too much: right-drag.",
    BRUSH: "Paint what is missing.",
    ERASER: "Erase what is too much.",
}
NO_MASK = "Nothing was found. Click on the object again, or lower the threshold."


@dataclass(frozen=True)
class Situation:
    """What the next step depends on.

    Attributes
    ----------
    image, plane : bool
        Whether there is an image, and whether one plane of it is displayed.
    listening : bool
        Whether clicks on the canvas are ours.
    hand : str
        Which other tool has the mouse, as a sentence.
    propagating : bool
    tool : str
    touched, masked, busy : bool
        Whether there is something of the object at work, pixels of it, and more to come.
    begun : bool
        Whether any object was kept before.
    keep : str
        The key that keeps objects.
    """

    image: bool = True
    plane: bool = True
    listening: bool = True
    hand: str = ""
    propagating: bool = False
    tool: str = CLICKS
    touched: bool = False
    masked: bool = False
    busy: bool = False
    begun: bool = False
    keep: str = "Enter"


def next_step(now: Situation) -> str:
    """Return what the user can do next."""
    if not now.image:
        return NO_IMAGE
    if not now.plane:
        return NO_PLANE
    if now.propagating:
        return PROPAGATING
    if not now.listening:
        return PAUSED
    if now.hand:
        return now.hand
    if not now.touched:
        return NEXT if now.begun and now.tool == CLICKS else FIRST[now.tool]
    if not now.masked and not now.busy:
        return NO_MASK
    return f"{CORRECT[now.tool]} {now.keep}: keep." if now.keep else CORRECT[now.tool]
