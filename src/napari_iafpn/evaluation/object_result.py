"""What one object took; travels between processes and in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from napari_iafpn.clicks import Click, Prompt, prompt_from_json
from napari_iafpn.evaluation.masks import BoxNumbers, MaskCode

ClickNumbers = Annotated[
    Click,
    PlainValidator(lambda given: given if isinstance(given, Click) else Click(*given)),
    PlainSerializer(lambda click: [click.row, click.col, click.positive]),
]
PromptValues = Annotated[
    Prompt,
    PlainValidator(lambda given: prompt_from_json(given) if isinstance(given, dict) else given),
    PlainSerializer(lambda prompt: prompt.to_json()),
]


@dataclass(frozen=True)
class ObjectResult:
    """One object, annotated with one model in one view; clicks and boxes in the image frame.

    Attributes
    ----------
    set, image, label, model
        Names of set, image and model, id of the object.
    view_scale : float or None
        The view is so many times the object's longer side; None: the whole image.
    view : Box
        What the model and the simulated user saw.
    area : int
        Pixels of the object, without ignored ones.
    clicks, ious, boundary_ious, network_seconds, user_seconds, other_seconds
        Per click: IoU and boundary IoU after it; seconds of the prediction, of the choice of the
        click, and of the rest (mask and metrics). With a first prompt, see `Annotation`.
    mask : MaskCode
        The final mask.
    first : Prompt, optional
        The box or stroke before the clicks.
    """

    set: str
    image: str
    label: int
    model: str
    view_scale: float | None
    view: BoxNumbers
    area: int
    clicks: tuple[ClickNumbers, ...]
    ious: tuple[float, ...]
    boundary_ious: tuple[float, ...]
    network_seconds: tuple[float, ...]
    user_seconds: tuple[float, ...]
    other_seconds: tuple[float, ...]
    mask: MaskCode
    first: PromptValues | None = None

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts, in their order."""
        return self.clicks if self.first is None else (self.first, *self.clicks)

    @property
    def name(self) -> str:
        """The object's name, unique in its set."""
        return f"{self.image}:{self.label}"

    @property
    def condition(self) -> str:
        """The set, with the view scale where there is one: ``cells``, ``cells@view8``."""
        return self.set if self.view_scale is None else f"{self.set}@view{self.view_scale:g}"
