"""How many clicks an object takes: metrics, click protocol, readers and reports."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.evaluation.metrics import clicks_needed, iou, mean_iou_after
    from napari_iafpn.evaluation.protocol import (
        PROTOCOLS,
        ObjectResult,
        Protocol,
        annotate,
        evaluate_set,
    )
    from napari_iafpn.evaluation.readers import Sample, read_folder
    from napari_iafpn.evaluation.report import Summary, summarise, write_json

_HOMES = {
    "clicks_needed": "metrics",
    "iou": "metrics",
    "mean_iou_after": "metrics",
    "PROTOCOLS": "protocol",
    "ObjectResult": "protocol",
    "Protocol": "protocol",
    "annotate": "protocol",
    "evaluate_set": "protocol",
    "Sample": "readers",
    "read_folder": "readers",
    "Summary": "report",
    "summarise": "report",
    "write_json": "report",
}

__all__ = [
    "PROTOCOLS",
    "ObjectResult",
    "Protocol",
    "Sample",
    "Summary",
    "annotate",
    "clicks_needed",
    "evaluate_set",
    "iou",
    "mean_iou_after",
    "read_folder",
    "summarise",
    "write_json",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"napari_iafpn.evaluation.{_HOMES[name]}"), name)
