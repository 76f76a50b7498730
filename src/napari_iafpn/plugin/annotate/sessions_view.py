"""The offer to go on with earlier work on the image."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_iafpn.plugin.common.parts import Choice


class SessionsView(QWidget):
    """Earlier sessions of this image, one of which can be resumed."""

    accepted = Signal(object)
    declined = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel("You have worked on this image before:", self)
        self._title.setWordWrap(True)
        self.choice = Choice("How many objects were kept, and when that was last", self)
        self.resume_button = QPushButton("Resume", self)
        self.resume_button.setToolTip("Bring its objects, clicks and history back")
        self.dismiss_button = QPushButton("Not now", self)
        self.dismiss_button.setToolTip("It is offered again next time")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.addWidget(self._title, 0, 0, 1, 2)
        grid.addWidget(self.choice, 1, 0, 1, 2)
        grid.addWidget(self.resume_button, 2, 0)
        grid.addWidget(self.dismiss_button, 2, 1)
        self.resume_button.clicked.connect(lambda: self.accepted.emit(self.choice.value))
        self.dismiss_button.clicked.connect(self.declined)
        self.hide()

    @property
    def offered(self) -> list[tuple[str, object]]:
        """What is on offer, by what is said of it."""
        texts = map(self.choice.itemText, range(self.choice.count()))
        return list(zip(texts, self.choice.choices, strict=True))

    def offer(self, sessions: Sequence[tuple[str, object]]) -> None:
        """Offer sessions, the first one chosen; without any the offer is hidden."""
        self.choice.clear()
        self.choice.offer(sessions, sessions[0][1] if sessions else None)
        self.setVisible(bool(sessions))
