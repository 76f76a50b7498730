"""Retraining a model on a lab's own annotated images, with clicks measured before and after."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_iafpn.training.finetuning.events import (
    Command,
    Done,
    Event,
    Failed,
    Measured,
    Phase,
    Saved,
    Step,
    Surveyed,
    event_from_json,
    event_to_json,
)
from napari_iafpn.training.finetuning.gain import Clicks, Gain
from napari_iafpn.training.finetuning.request import LEVELS, FinetuneRequest

if TYPE_CHECKING:
    from napari_iafpn.training.finetuning.run import finetune

__all__ = [
    "LEVELS",
    "Clicks",
    "Command",
    "Done",
    "Event",
    "Failed",
    "FinetuneRequest",
    "Gain",
    "Measured",
    "Phase",
    "Saved",
    "Step",
    "Surveyed",
    "event_from_json",
    "event_to_json",
    "finetune",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use: the window only reads events."""
    if name != "finetune":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("napari_iafpn.training.finetuning.run").finetune
