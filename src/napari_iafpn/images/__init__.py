"""Any image plane -> the pixels a network needs, read lazily."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.images.plane import Plane

__all__ = ["Plane"]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name != "Plane":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_iafpn.images.plane import Plane

    return Plane
