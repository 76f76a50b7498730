"""Prompts, the maps that show them to a network, and the simulated user."""

from typing import TYPE_CHECKING, Any

from napari_iafpn.clicks.box_prompt import BoxPrompt
from napari_iafpn.clicks.click import Click
from napari_iafpn.clicks.kinds import DRAWN, KINDS, prompt_from_json
from napari_iafpn.clicks.prompt import Prompt
from napari_iafpn.clicks.sequence import ClickSequence
from napari_iafpn.clicks.stroke import Stroke

if TYPE_CHECKING:
    from napari_iafpn.clicks.simulated import jittered_click, simulated_click
    from napari_iafpn.clicks.tensors import PromptTensors, prompt_maps

__all__ = [
    "DRAWN",
    "KINDS",
    "BoxPrompt",
    "Click",
    "ClickSequence",
    "Prompt",
    "PromptTensors",
    "Stroke",
    "jittered_click",
    "prompt_from_json",
    "prompt_maps",
    "simulated_click",
]

_HOMES = {
    "PromptTensors": "tensors",
    "jittered_click": "simulated",
    "prompt_maps": "tensors",
    "simulated_click": "simulated",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch or scipy on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"napari_iafpn.clicks.{_HOMES[name]}"), name)
