"""What an evaluation gave: the curve, sentences, the worst objects, the way to the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_iafpn.plugin.evaluation.curve import CurveView
from napari_iafpn.plugin.evaluation.views import WorstView, sentence_label

if TYPE_CHECKING:
    from napari_iafpn.plugin.evaluation.scores import Scores


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
        # The space is kept while there is nothing to show: else all else would spread over it.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._body = QWidget(self)
        outer, body = QVBoxLayout(self), QVBoxLayout(self._body)
        outer.addWidget(self._body)
        body.addWidget(self._scrolled())
        body.addWidget(self.save_button.native)
        for layout in (outer, body):
            layout.setContentsMargins(0, 0, 0, 0)
        self._body.setVisible(False)

    def show_scores(self, scores: Scores | None) -> None:
        """Show what there is, nothing before the first object."""
        found = scores is not None and bool(scores.results)
        self._body.setVisible(found)
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

    def _scrolled(self) -> QScrollArea:
        """Put the parts into an area that scrolls where the window is low."""
        parts = QWidget()
        layout = QVBoxLayout(parts)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.curve, 3)
        layout.addWidget(self.sentences)
        layout.addWidget(self.model.native)
        layout.addWidget(self.worst, 2)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(parts)
        return area
