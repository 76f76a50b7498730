"""Clicks in, masks out: the stateless predictor and the object being annotated."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.inference.prediction import Prediction
    from napari_iafpn.inference.predictor import Predictor
    from napari_iafpn.inference.replay import Cancelled, ClickReplay
    from napari_iafpn.inference.session import InteractiveSession

__all__ = ["Cancelled", "ClickReplay", "InteractiveSession", "Prediction", "Predictor"]

_HOMES = {
    "Cancelled": "replay",
    "ClickReplay": "replay",
    "InteractiveSession": "session",
    "Prediction": "prediction",
    "Predictor": "predictor",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"napari_iafpn.inference.{_HOMES[name]}"), name)
