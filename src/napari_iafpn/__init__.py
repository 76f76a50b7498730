"""Click segmentation for napari with intention-aware feature propagation networks."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.clicks import BoxPrompt, Click, ClickSequence, Stroke
    from napari_iafpn.geometry import Box
    from napari_iafpn.inference import InteractiveSession, Prediction, Predictor

try:
    __version__ = version("napari-iafpn")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

_HOMES = {
    "Box": "geometry",
    "BoxPrompt": "clicks",
    "Click": "clicks",
    "ClickSequence": "clicks",
    "InteractiveSession": "inference",
    "Prediction": "inference",
    "Predictor": "inference",
    "Stroke": "clicks",
}

__all__ = [
    "Box",
    "BoxPrompt",
    "Click",
    "ClickSequence",
    "InteractiveSession",
    "Prediction",
    "Predictor",
    "Stroke",
]


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import napari_iafpn` stays fast."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
