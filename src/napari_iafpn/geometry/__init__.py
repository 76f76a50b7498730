"""Boxes, the one resampling rule and the zoom-in."""

from typing import TYPE_CHECKING, Any

from napari_iafpn.geometry.box import Box, move_point
from napari_iafpn.geometry.zoom import expansion, sticky_zoom_in, view_around, zoom_in

if TYPE_CHECKING:
    from napari_iafpn.geometry.resample import (
        crop_resize,
        network_size,
        paste,
        reframe,
        resize,
    )

__all__ = [
    "Box",
    "crop_resize",
    "expansion",
    "move_point",
    "network_size",
    "paste",
    "reframe",
    "resize",
    "sticky_zoom_in",
    "view_around",
    "zoom_in",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_iafpn.geometry import resample

    return getattr(resample, name)
