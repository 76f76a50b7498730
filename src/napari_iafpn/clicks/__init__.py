"""Clicks, the maps that show them to a network, and the simulated user."""

from typing import TYPE_CHECKING, Any

from napari_iafpn.clicks.click import Click, ClickSequence

if TYPE_CHECKING:
    from napari_iafpn.clicks.points import ClickPoints, click_map
    from napari_iafpn.clicks.simulated import jittered_click, simulated_click

__all__ = [
    "Click",
    "ClickPoints",
    "ClickSequence",
    "click_map",
    "jittered_click",
    "simulated_click",
]

_HOMES = {
    "ClickPoints": "points",
    "click_map": "points",
    "jittered_click": "simulated",
    "simulated_click": "simulated",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch or scipy on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"napari_iafpn.clicks.{_HOMES[name]}"), name)
