"""What an evaluation found: numbers, tables, curves and a page to read."""

from napari_iafpn.evaluation.report.comparison import Comparison, compare
from napari_iafpn.evaluation.report.page import write_report
from napari_iafpn.evaluation.report.summary import Condition, Summary, by_condition, summarise

__all__ = [
    "Comparison",
    "Condition",
    "Summary",
    "by_condition",
    "compare",
    "summarise",
    "write_report",
]
