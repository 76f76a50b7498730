"""One adaptation in a process of its own: learn, or try what was learned."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from napari_iafpn.inference import Predictor
from napari_iafpn.networks import ModelCard, find_model, load_cascade, read_card, save_cascade
from napari_iafpn.training.adaptation.learner import tried
from napari_iafpn.training.adaptation.objects import open_objects
from napari_iafpn.training.adaptation.update import OLD_SHARE, STEPS, adapt
from napari_iafpn.training.adaptation.wording import learned_sentence
from napari_iafpn.training.finetuning import Command, Done, Event, Failed, Step
from napari_iafpn.training.finetuning.control import Clock, RunControl, Stopped
from napari_iafpn.training.run import RunProgress
from napari_iafpn.training.state import disk_sentences


@dataclass(frozen=True)
class AdaptRequest:
    """Make a model from objects; where it is there already, try it on others.

    Attributes
    ----------
    objects : Path
        Folder of the objects that are learned from.
    output : Path
        The new model.
    start : str
        The model that learns.
    further : Path or None
        What came of that before, from which the learning goes on.
    since : Path or None
        Folder of objects that were committed since, on which the new model is tried.
    against : str
        The model that is in use.
    steps : int
    """

    objects: Path
    output: Path
    start: str = "default"
    further: Path | None = None
    since: Path | None = None
    against: str = "default"
    steps: int = STEPS


def run_adaptation(
    request: AdaptRequest, report: Callable[[Event], None], control: Callable[[], Command]
) -> None:
    """Do what is asked for; ``report`` and ``control`` are those of a fine-tuning.

    Raises
    ------
    ValueError, OSError
        One sentence; told before as ``Failed``.
    """
    torch.set_num_threads(1)
    run = RunControl(report, control, Clock(float("inf")))
    try:
        done = _learn(request, run) if request.since is None else _try(request, request.since, run)
    except Stopped:
        done = Done("Stopped.", "", "", stopped=True)
    except (ValueError, OSError) as error:
        report(Failed(str(error)))
        raise
    report(done)


def _learn(request: AdaptRequest, control: RunControl) -> Done:
    base = find_model(request.start)

    def go_on(progress: RunProgress) -> bool:
        control.tell(Step(progress.stage, progress.step, progress.steps, progress.loss, 0.0))
        control.ask()
        return True

    objects = open_objects(request.objects)
    further = None if request.further is None else load_cascade(request.further)
    new = adapt(
        load_cascade(base),
        objects,
        steps=request.steps,
        seed=len(objects),
        further=further,
        control=go_on,
    )
    with disk_sentences(request.output.parent):
        card = _card(base, request, len(objects))
        save_cascade(new, request.output, card, dtype=torch.float16)
    return Done("", str(request.output), "")


def _try(request: AdaptRequest, since: Path, control: RunControl) -> Done:
    old, new = Predictor.load(request.against, "cpu"), Predictor.load(request.output, "cpu")
    gain = tried(old, new, open_objects(since).samples, control.ask)
    count = len(open_objects(request.objects))
    return Done(learned_sentence(gain, count), str(request.output), "", gain)


def _card(base: Path, request: AdaptRequest, count: int) -> ModelCard:
    card = read_card(base)
    name = card.name if card.name != "unnamed" else base.stem
    own = {"name": f"{count} committed objects", "licence": "as the owner of the images decides"}
    return dataclasses.replace(
        card,
        name=request.output.stem,
        description=f"{name}, adapted to {own['name']}.",
        training_data=(*card.training_data, {**own, "source": "a session of napari-iafpn"}),
        recipe="adaptation",
        scores={},
        notes=(f"{OLD_SHARE:.0%} of each weight that learned is that of {name}.",),
    )


def step_back() -> None:
    """Give this process the lowest priority: it computes while nobody else does."""
    process = psutil.Process()
    if psutil.WINDOWS:
        process.nice(psutil.IDLE_PRIORITY_CLASS)
        return
    process.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
