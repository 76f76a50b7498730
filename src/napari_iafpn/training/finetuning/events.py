"""What a fine-tuning tells while it runs, and what it can be told; plain values on one JSON line.

The stream of a run: ``Surveyed``, then ``Phase``, ``Step`` and ``Measured`` in turn, ``Saved`` each
time the state in the run folder is renewed, and at the end ``Done`` or ``Failed``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import get_args

from napari_iafpn.networks.tables import Real, Whole, plain, read_json, read_table


class Command(Enum):
    """What the run shall do before its next step."""

    GO = "go"
    PAUSE = "pause"
    """Wait; the time that was given stands still."""
    STOP = "stop"
    """Save the state, keep the best so far and end; the run can be resumed."""


@dataclass(frozen=True)
class Clicks:
    """Clicks on some objects with one state of the weights.

    Attributes
    ----------
    objects : int
    noc80, noc85 : float
        Mean number of clicks to 80 and 85 % IoU; ``max_clicks`` where an object never gets there.
    noc90 : float or None
        The same to 90 %; None ``during`` the training, where the simulated user stops at 85 %.
    miou1 : float
        Mean IoU after the first click, from 0 to 1.
    max_clicks : int
    """

    objects: Whole
    noc80: Real
    noc85: Real
    noc90: Real | None
    miou1: Real
    max_clicks: Whole = 20


TELLING = 5
"""With fewer objects an interval says nothing."""


@dataclass(frozen=True)
class ClickComparison:
    """Clicks of the old and the new model on the same held-out objects.

    Attributes
    ----------
    before, after : Clicks
    change : float
        Mean change of the clicks to 85 %, below 0 where fewer are needed.
    low, high : float
        95 % bootstrap interval of ``change`` over images (over objects where there is one image).
    """

    before: Clicks
    after: Clicks
    change: Real
    low: Real
    high: Real

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where enough objects say so, else ``unclear``."""
        if self.before.objects < TELLING:
            return "unclear"
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "unclear"


@dataclass(frozen=True)
class Surveyed:
    """What was found, before the first step.

    Attributes
    ----------
    images, objects : int
        That can be used.
    training, held_out : int
        Objects.
    split : {"images", "objects"}
        Whether whole images are held out, or objects of the images that are trained on.
    left_out : tuple of str
        A sentence for each image or kind of object that is not used.
    sentence : str
        All of it in words.
    """

    images: int
    objects: int
    training: int
    held_out: int
    split: str
    left_out: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Phase:
    """Another part of the work has begun.

    Attributes
    ----------
    name : {"reading", "before", "coarse", "fine", "during", "after", "paused", "writing"}
    sentence : str
    seconds_left : float
        Of the whole run.
    """

    name: str
    sentence: str
    seconds_left: float


@dataclass(frozen=True)
class Step:
    """A step of the training.

    Attributes
    ----------
    level : {"coarse", "fine"}
    step, steps : int
        Finished steps and all steps of the level; ``steps`` is fixed once the speed is known and
        0 until then.
    loss : float
    seconds_left : float
        Of the whole run.
    """

    level: str
    step: int
    steps: int
    loss: float
    seconds_left: float


@dataclass(frozen=True)
class Measured:
    """Clicks on held-out objects.

    Attributes
    ----------
    moment : {"before", "during", "after"}
    set : {"yours", "replay"}
    clicks : Clicks
        ``before`` and ``during`` of one run count the same objects and compare directly;
        ``after`` comes with its own ``before`` in ``Done``.
    level, step : str, int
        Steps that were finished; ("", 0) before the first.
    best : bool
        Whether this is the best state so far.
    """

    moment: str
    set: str
    clicks: Clicks
    level: str = ""
    step: int = 0
    best: bool = False


@dataclass(frozen=True)
class Saved:
    """The state in the run folder was renewed: a kill loses nothing before this.

    ``model`` is the path of the best model so far, empty where nothing was measured yet.
    """

    folder: str
    model: str


@dataclass(frozen=True)
class Done:
    """The run is over.

    Attributes
    ----------
    sentence : str
        What was gained, in words.
    model : str
        The new model's path; empty where none was written.
    report : str
        Path of the JSON report; empty where none was written. ``.html`` beside it shows the same.
    yours, replay : ClickComparison or None
        On the user's held-out objects and on those of the bundled set.
    stopped : bool
        By ``Command.STOP``; the run can go on.
    """

    sentence: str
    model: str
    report: str
    yours: ClickComparison | None = None
    replay: ClickComparison | None = None
    stopped: bool = False


@dataclass(frozen=True)
class Failed:
    """The run ended with an error that the user can do something about."""

    sentence: str


Event = Surveyed | Phase | Step | Measured | Saved | Done | Failed

_KINDS: dict[str, type[Event]] = {kind.__name__.lower(): kind for kind in get_args(Event)}


def event_to_json(event: Event) -> str:
    """Return one line of JSON whose ``event`` says what it is, for example ``"step"``."""
    return json.dumps({"event": type(event).__name__.lower(), **plain(event)})


def event_from_json(line: str) -> Event:
    """Return the event of a line; ValueError where it is none."""
    try:
        values = read_json(line)
        return read_table(_KINDS[values.pop("event")], values, "the event")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the line {line[:80]!r} is no event of a fine-tuning") from error
