"""The object being annotated: clicks, hand edits, and the label it may come from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask, difference, union
from napari_iafpn.prompts import Prompts

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


@dataclass(frozen=True, slots=True)
class HandEdits:
    """What the user drew and erased; later clicks never change these pixels.

    Attributes
    ----------
    drawn, erased : BoxedMask or None
        Pixels that belong to the object, and that do not; no pixel is in both.
    """

    drawn: BoxedMask | None = None
    erased: BoxedMask | None = None

    def draw(self, pixels: BoxedMask | None) -> HandEdits:
        """Add pixels to the object."""
        return HandEdits(union(self.drawn, pixels), difference(self.erased, pixels))

    def erase(self, pixels: BoxedMask | None) -> HandEdits:
        """Take pixels from the object."""
        return HandEdits(difference(self.drawn, pixels), union(self.erased, pixels))


@dataclass(frozen=True, slots=True)
class EditedLabel:
    """The committed object that is being corrected; it is lifted from its labels meanwhile.

    Attributes
    ----------
    labels : str
        Id of the labels image.
    label : int
    start : BoxedMask
        Its pixels before the correction.
    """

    labels: str
    label: int
    start: BoxedMask


@dataclass(frozen=True, slots=True)
class OpenedProposal:
    """The proposal that the object was found as.

    Attributes
    ----------
    proposal : int
        Its number.
    start : BoxedMask
        Its pixels.
    clicks : Prompts
        That drew them; as long as there are no others, no network is asked.
    """

    proposal: int
    start: BoxedMask
    clicks: Prompts


@dataclass(frozen=True, slots=True)
class CurrentObject:
    """The object being annotated on one plane.

    Attributes
    ----------
    number : int
        Tells objects apart.
    clicks : Prompts
        Its prompts, in pixels of the plane.
    threshold : float
        Probability above which a pixel belongs to the mask.
    view : Box or None
        Where to look for the object. None: on the whole plane.
    edited : EditedLabel or None
        The committed object that this corrects. None: a new object.
    hand : HandEdits
    opened : OpenedProposal or None
        The proposal that this corrects.
    neighbours : Prompts
        On objects that were done before, which the network sees where it would run into them.
    """

    number: int
    clicks: Prompts = field(default_factory=Prompts)
    threshold: float = 0.5
    view: Box | None = None
    edited: EditedLabel | None = None
    hand: HandEdits = HandEdits()
    opened: OpenedProposal | None = None
    neighbours: Prompts = field(default_factory=Prompts)

    @property
    def is_untouched(self) -> bool:
        """Whether there is nothing to lose."""
        return self == CurrentObject(self.number, threshold=self.threshold, view=self.view)

    @property
    def start(self) -> BoxedMask | None:
        """The mask before the first click, or after the clicks that are answered."""
        begun = self.edited or self.opened
        return None if begun is None else begun.start

    @property
    def answered(self) -> Prompts:
        """The clicks whose mask `start` is."""
        return Prompts() if self.opened is None else self.opened.clicks

    @property
    def asks(self) -> bool:
        """Whether its mask is to be predicted."""
        return len(self.clicks) > 0 and self.clicks != self.answered

    @property
    def begins(self) -> bool:
        """Whether the next prompt is the first of a new object."""
        return not self.clicks and self.edited is None

    def without_clicks(self) -> CurrentObject:
        """Return the object as it was before the first click and stroke."""
        return replace(self, clicks=Prompts(), hand=HandEdits(), neighbours=Prompts())

    def mask(self, prediction: Prediction | None) -> BoxedMask | None:
        """Return the object's pixels; ``prediction`` counts where the object asks for it."""
        found = self.start
        if self.asks:
            found = None if prediction is None else found_by(prediction, self.threshold)
        return difference(union(found, self.hand.drawn), self.hand.erased)


def found_by(prediction: Prediction, threshold: float) -> BoxedMask | None:
    """Return the pixels above ``threshold``."""
    roi = prediction.roi
    return BoxedMask.of(prediction.roi_mask(threshold), (roi.row_start, roi.col_start))
