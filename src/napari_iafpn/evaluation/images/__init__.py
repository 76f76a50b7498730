"""What a user pays for whole images: alone, with context, with similar objects found."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.evaluation.images.annotating import ImageProtocol, annotate_image
    from napari_iafpn.evaluation.images.report import write_image_report
    from napari_iafpn.evaluation.images.result import ASSISTS, ImageResult
    from napari_iafpn.evaluation.images.run import ImageEvaluation, evaluate_images

__all__ = [
    "ASSISTS",
    "ImageEvaluation",
    "ImageProtocol",
    "ImageResult",
    "annotate_image",
    "evaluate_images",
    "write_image_report",
]

_HOMES = {
    "ASSISTS": "result",
    "ImageEvaluation": "run",
    "ImageProtocol": "annotating",
    "ImageResult": "result",
    "annotate_image": "annotating",
    "evaluate_images": "run",
    "write_image_report": "report",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"napari_iafpn.evaluation.images.{_HOMES[name]}"), name)
