"""What the GUI thread and the worker tell each other; values, never shared state."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psygnal import EmitLoopError

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.prompts import Prompts
from napari_iafpn.sessions import PlaneKey, Propagation

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelWanted:
    """Load a model before it is needed."""

    model: str


@dataclass(frozen=True, slots=True)
class MaskWanted:
    """Predict the mask of one object.

    Attributes
    ----------
    model : str
        A shipped model's name or a file.
    source : PlaneSource
    number : int
        Tells objects apart; each starts from nothing.
    clicks : Prompts
        In pixels of the plane.
    view : Box, optional
        Where to look for the object. None: on the whole plane.
    start : BoxedMask, optional
        The mask before the first click.
    answered : Prompts
        Or after these.
    neighbours : Prompts
        On objects that are done, see `CurrentObject`.
    """

    model: str
    source: PlaneSource
    number: int
    clicks: Prompts
    view: Box | None = None
    start: BoxedMask | None = None
    answered: Prompts = field(default_factory=Prompts)
    neighbours: Prompts = field(default_factory=Prompts)

    @property
    def plane(self) -> PlaneKey:
        """Where the object lies."""
        return self.source.key


@dataclass(frozen=True, slots=True)
class PropagationWanted:
    """Follow a committed object from its plane to others.

    Attributes
    ----------
    model : str
        A shipped model's name or a file.
    source : PlaneSource
        Of the plane where the object is; the others are read likewise.
    labels : str
        Id of the labels image.
    label : int
    start : BoxedMask
        The object's pixels on its plane.
    propagation : Propagation
        Which planes to visit.
    """

    model: str
    source: PlaneSource
    labels: str
    label: int
    start: BoxedMask
    propagation: Propagation

    @property
    def plane(self) -> PlaneKey:
        """Where the object lies."""
        return self.source.key


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """Loading a model began."""

    model: str


@dataclass(frozen=True, slots=True)
class ModelReady:
    """A model is loaded and runs on ``device``; ``advice`` says how it would be quicker."""

    model: str
    device: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A model could not be loaded; ``sentence`` says why."""

    model: str
    sentence: str


@dataclass(frozen=True, slots=True)
class MaskReady:
    """The prediction for ``wanted``."""

    wanted: MaskWanted
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class MaskFailed:
    """There is no prediction for ``wanted``; ``sentence`` says why."""

    wanted: MaskWanted
    sentence: str


@dataclass(frozen=True, slots=True)
class PlaneReached:
    """A propagation visited one more plane.

    Attributes
    ----------
    wanted : PropagationWanted
    route : int
        Which of its routes the plane is on.
    plane : PlaneKey
    mask : BoxedMask or None
        The object there; None where it was lost, and its route ends.
    doubt : str
        Why it was lost, as a part of a sentence; else empty.
    """

    wanted: PropagationWanted
    route: int
    plane: PlaneKey
    mask: BoxedMask | None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class PropagationOver:
    """All planes that there are to visit were told."""

    wanted: PropagationWanted


@dataclass(frozen=True, slots=True)
class PropagationFailed:
    """A plane could not be read or predicted; ``sentence`` says why."""

    wanted: PropagationWanted
    sentence: str


Job = ModelWanted | MaskWanted | PropagationWanted
PropagationReport = PlaneReached | PropagationOver | PropagationFailed
Report = ModelLoading | ModelReady | ModelFailed | MaskReady | MaskFailed | PropagationReport


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for the user.

    Attributes
    ----------
    text : str
    error : bool
        Something the user asked for did not happen.
    important : bool
        Shown as a napari notification too, since the user may not look at the status line.
    quiet : bool
        Times and devices: small, and beside what else is said.
    """

    text: str
    error: bool = False
    important: bool = False
    quiet: bool = False


def as_sentence(text: str) -> str:
    """Return ``text`` with a capital and a full stop."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…", "!")) else ".")


def sentence_of(error: Exception, what: str, kept: str) -> str:
    """Say what went wrong in one sentence; the traceback goes to the log.

    Parameters
    ----------
    error : Exception
    what : str
        What did not work, for errors that do not say it themselves.
    kept : str
        What is not lost, and what to do.
    """
    while isinstance(error, EmitLoopError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    is_told = isinstance(error, (ValueError, RuntimeError, OSError)) and bool(str(error))
    logger.log(logging.DEBUG if is_told else logging.ERROR, what, exc_info=error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory; {kept} after closing images or other programs"
    if is_told:
        return str(error).splitlines()[0]
    return f"{what} ({type(error).__name__}: {error}); {kept}"
