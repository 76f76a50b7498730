"""How many clicks an object takes: readers, click protocol, metrics, runs and reports."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.evaluation.masks import MaskCode
    from napari_iafpn.evaluation.metrics import clicks_needed, iou
    from napari_iafpn.evaluation.protocol import (
        PRESETS,
        Annotation,
        ObjectResult,
        Protocol,
        annotate,
        evaluate_object,
        evaluate_set,
    )
    from napari_iafpn.evaluation.readers import (
        FORMATS,
        AnnotatedSet,
        LayerSet,
        Sample,
        open_set,
    )
    from napari_iafpn.evaluation.report import (
        Comparison,
        Summary,
        compare,
        summarise,
        write_report,
    )
    from napari_iafpn.evaluation.run import Evaluation, Problem, Progress, Results, evaluate
    from napari_iafpn.evaluation.statistics import Interval, compare_paired, mean_interval

_HOMES = {
    "masks": ("MaskCode",),
    "metrics": ("clicks_needed", "iou"),
    "protocol": (
        "PRESETS",
        "Annotation",
        "ObjectResult",
        "Protocol",
        "annotate",
        "evaluate_object",
        "evaluate_set",
    ),
    "readers": ("FORMATS", "AnnotatedSet", "LayerSet", "Sample", "open_set"),
    "report": ("Comparison", "Summary", "compare", "summarise", "write_report"),
    "run": ("Evaluation", "Problem", "Progress", "Results", "evaluate"),
    "statistics": ("Interval", "compare_paired", "mean_interval"),
}

__all__ = [
    "FORMATS",
    "PRESETS",
    "AnnotatedSet",
    "Annotation",
    "Comparison",
    "Evaluation",
    "Interval",
    "LayerSet",
    "MaskCode",
    "ObjectResult",
    "Problem",
    "Progress",
    "Protocol",
    "Results",
    "Sample",
    "Summary",
    "annotate",
    "clicks_needed",
    "compare",
    "compare_paired",
    "evaluate",
    "evaluate_object",
    "evaluate_set",
    "iou",
    "mean_interval",
    "open_set",
    "summarise",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"napari_iafpn.evaluation.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
