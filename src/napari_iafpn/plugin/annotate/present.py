"""What the panel tells of an annotation: the object at work, what is next, what an error is of."""

from __future__ import annotations

from napari_iafpn.plugin.annotate.guide import Situation
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
