"""What an evaluation gives: finished objects, problems, progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from napari_iafpn.evaluation.masks import BoxNumbers, MaskCode
from napari_iafpn.prompts import Click, Prompt, prompt_from_json

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


@dataclass(frozen=True)
class Problem:
    """Why an object, or a whole image (``label`` None), could not be evaluated."""

    set: str
    image: str
    label: int | None
    sentence: str

    @classmethod
    def of(cls, error: Exception, set_name: str, image: str, label: int | None = None) -> Problem:
        """Say what happened in one sentence; an error nobody foresaw names its kind."""
        sentence = " ".join(str(error).split())
        if not isinstance(error, (ValueError, OSError)):
            sentence = f"{type(error).__name__}: {sentence}"
        return cls(set_name, image, label, sentence)

    def __str__(self) -> str:
        return f"set {self.set!r}, {self.place}: {self.sentence}"

    @property
    def place(self) -> str:
        """The image, and the object where it is one."""
        return f"image {self.image!r}" + ("" if self.label is None else f", object {self.label}")


@dataclass(frozen=True)
class Results:
    """Everything that a report needs.

    Attributes
    ----------
    objects : tuple of ObjectResult
        By model, set, view (all as given in the evaluation), image and label (as in the set).
    problems : tuple of Problem
        In the order of sets and images, each once, whatever number of models met it.
    provenance : mapping of plain data
        ``options`` (of the protocol and of the run, flat: everything that changes a number),
        ``versions`` {package: version}, ``models`` {name: SHA-256}, ``sets`` {name: {"images",
        "objects", "chosen"}} (images read or not, objects in the set, objects that were
        evaluated), ``started`` (ISO 8601, UTC), ``machine``, ``jobs``.
    notes : tuple of str
        What was damaged in the file of finished objects, or in a session that is a set.
    """

    objects: tuple[ObjectResult, ...]
    problems: tuple[Problem, ...]
    provenance: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationProgress:
    """How far an evaluation is; an object counts once for each model and view.

    Attributes
    ----------
    done, total : int
        Objects finished, failed ones and those of an earlier run included; all objects.
    seconds_left : float
        At the mean pace so far; infinite before the first object.
    last : ObjectResult or None
        The object that was finished last; None at the start and after a problem.
    """

    done: int
    total: int
    seconds_left: float
    last: ObjectResult | None
