"""The row with which an object is propagated to other planes."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import ComboBox, Container, PushButton, SpinBox
from psygnal import Signal

from napari_iafpn.plugin.propagating import DIRECTIONS, FORWARDS, Along
from napari_iafpn.plugin.views import Offer

TO_THE_END = "to the end"


class PropagateView(Container):
    """Where to, how far, and the button."""

    wanted = Signal(Along)

    def __init__(self) -> None:
        self.axis = Offer(tooltip="The slider along which to propagate")
        self.direction = ComboBox(
            choices=DIRECTIONS, value=FORWARDS, tooltip="Towards higher planes, lower ones, or both"
        )
        self.planes = SpinBox(
            value=0, min=0, max=99999, tooltip="How many planes in each direction; 0: to the end"
        )
        self.planes.native.setSpecialValueText(TO_THE_END)
        self.button = PushButton(
            text="Propagate",
            tooltip="Take the object to other planes: the one at work, which is committed, else "
            "the last one of this plane (Shift+P). Esc stops it and keeps what it reached",
        )
        super().__init__(
            widgets=[self.button, self.axis, self.direction, self.planes],
            layout="horizontal",
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self.button.changed.connect(lambda: self.wanted.emit(self.value))
        self.offer([])

    @property
    def value(self) -> Along:
        """What is chosen."""
        return Along(self.axis.value, self.direction.value, self.planes.value)

    def offer(self, axes: Sequence[tuple[str, int]]) -> None:
        """Offer sliders by name and data axis; without any there is nowhere to go."""
        self.axis.offer(axes, self.axis.value)
        self.axis.visible = len(axes) > 1
        self.visible = bool(axes)
