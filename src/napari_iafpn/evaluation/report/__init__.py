"""What an evaluation found: numbers, tables, curves and a page to read."""

from napari_iafpn.evaluation.report.comparison import Comparison, compare
from napari_iafpn.evaluation.report.conditions import Condition, by_condition
from napari_iafpn.evaluation.report.summary import Summary, summarise
from napari_iafpn.evaluation.report.write import write_report

__all__ = [
    "Comparison",
    "Condition",
    "Summary",
    "by_condition",
    "compare",
    "summarise",
    "write_report",
]
