"""What one object took; travels between processes and in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_iafpn.clicks import Click, Prompt, prompt_from_json
from napari_iafpn.evaluation.masks import MaskCode, box_numbers
from napari_iafpn.geometry import Box


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
    view: Box
    area: int
    clicks: tuple[Click, ...]
    ious: tuple[float, ...]
    boundary_ious: tuple[float, ...]
    network_seconds: tuple[float, ...]
    user_seconds: tuple[float, ...]
    other_seconds: tuple[float, ...]
    mask: MaskCode
    first: Prompt | None = None

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

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON; ``from_json`` gives back an equal result."""
        first = {} if self.first is None else {"first": self.first.to_json()}
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            **{name: [float(value) for value in getattr(self, name)] for name in _PER_CLICK},
            "view": list(box_numbers(self.view)),
            "clicks": [[click.row, click.col, click.positive] for click in self.clicks],
            "mask": self.mask.to_json(),
            **first,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ObjectResult:
        """Return the result that ``to_json`` was called on."""
        fields: dict[str, Any] = {name: values[name] for name in _PLAIN}
        fields.update((name, tuple(values[name])) for name in _PER_CLICK)
        return cls(
            **fields,
            view=Box(*values["view"]),
            clicks=tuple(Click(*click) for click in values["clicks"]),
            mask=MaskCode.from_json(values["mask"]),
            first=prompt_from_json(values["first"]) if "first" in values else None,
        )


_PLAIN = ("set", "image", "label", "model", "view_scale", "area")
_PER_CLICK = ("ious", "boundary_ious", "network_seconds", "user_seconds", "other_seconds")
