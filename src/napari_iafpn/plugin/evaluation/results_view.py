"""What an evaluation gave: the curve, sentences, the worst objects, the way to the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, PushButton
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_iafpn.plugin.common.parts import sentence_label
from napari_iafpn.plugin.evaluation.curve import CurveView
from napari_iafpn.plugin.evaluation.views import WorstView

if TYPE_CHECKING:
    from napari_iafpn.plugin.evaluation.scores import ScoresSoFar


class ResultsView(QWidget):
    """The curve, the sentences, the worst objects and the way to the report."""

    def __init__(self) -> None:
        super().__init__()
        self.curve = CurveView()
        self.sentences = sentence_label()
        self.model = ComboBox(choices=[], tooltip="The model whose worst objects are listed")
        self.worst = WorstView()
        self.save_button = PushButton(
            text="Save report…", tooltip="Tables, curves and pictures of the worst objects"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.curve, 3)
        layout.addWidget(self.sentences)
        layout.addWidget(self.model.native)
        layout.addWidget(self.worst, 2)
        layout.addWidget(self.save_button.native)
        self.hide()

    def show_scores(self, scores: ScoresSoFar | None) -> None:
        """Show what there is, nothing before the first object."""
        found = scores is not None and bool(scores.results)
        self.setVisible(found)
        if scores is None or not found:
            self.worst.show_rows([])
            return
        if tuple(self.model.choices) != scores.models:
            with self.model.changed.blocked():
                self.model.choices = scores.models
        self.model.native.setVisible(len(scores.models) > 1)
        self.curve.show_lines(scores.lines(), scores.target)
        said = "\n".join(filter(None, scores.sentences()))
        self.sentences.setText(said.replace(" %", "\N{NO-BREAK SPACE}%"))
        self.worst.show_rows(scores.worst(self.model.value))
