"""The mask that a click would give, before it is made."""

from __future__ import annotations

from napari_iafpn.plugin.messages import MaskReady, MaskWanted
from napari_iafpn.sessions import CurrentObject, Cutout


class HoverPreview:
    """One look ahead at a time: what was asked, and its answer."""

    def __init__(self) -> None:
        self._asked: tuple[MaskWanted, CurrentObject] | None = None
        self.mask: Cutout | None = None

    def ask(self, wanted: MaskWanted, after: CurrentObject) -> bool:
        """Note that ``wanted`` predicts the object ``after`` a click; tell whether it is news."""
        if self._asked is not None and self._asked[0] == wanted:
            return False
        self._asked = wanted, after
        return True

    def take(self, result: MaskReady) -> bool:
        """Keep the mask if it was asked for; tell whether it was."""
        if self._asked is None or self._asked[0] != result.wanted:
            return False
        self.mask = self._asked[1].mask(result.prediction)
        return True

    def drop(self) -> bool:
        """Forget it; tell whether there was anything."""
        known = self._asked is not None or self.mask is not None
        self._asked = self.mask = None
        return known
