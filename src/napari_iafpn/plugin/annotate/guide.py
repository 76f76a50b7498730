"""What happens next, in one line."""

from __future__ import annotations

from dataclasses import dataclass

from napari_iafpn.plugin.annotate.tools_view import BOX, BRUSH, CLICKS, ERASER, STROKE

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
