"""A fine-tuning from its folders to its model."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from lightning.fabric import Fabric

from napari_iafpn.inference import Predictor
from napari_iafpn.inference.device import choose_device, is_out_of_memory
from napari_iafpn.networks import find_model, load_cascade, save_cascade
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.finetuning.control import Clock, RunControl, Stopped
from napari_iafpn.training.finetuning.counting import FULL, QUICK, compare_clicks, target_list
from napari_iafpn.training.finetuning.data import Found, Split, look_through, split, survey_words
from napari_iafpn.training.finetuning.events import (
    Command,
    Done,
    Event,
    Failed,
    Measured,
    Surveyed,
)
from napari_iafpn.training.finetuning.levels import finetuning_recipe, levels_of, train_levels
from napari_iafpn.training.finetuning.report import (
    finetuned_card,
    gain_sentence,
    replay_sentence,
    stopped_sentence,
    write_reports,
)
from napari_iafpn.training.finetuning.request import FinetuneRequest, outputs_of
from napari_iafpn.training.finetuning.state import BEST, FinetuneState, load_record
from napari_iafpn.training.forgetting import rehearsal_held_out, rehearsal_training
from napari_iafpn.training.run import Run
from napari_iafpn.training.state import disk_sentences, sole_writer
from napari_iafpn.training.train import choose_precision

KEPT = "kept_labels"
"""Folder in that of the run: the labels with which it began; no folder of the user's own."""
SAVE_EVERY = 25
RESERVE = 3.0
"""Seconds for writing at the end."""


def finetune(
    request: FinetuneRequest,
    report: Callable[[Event], None] = lambda _: None,
    control: Callable[[], Command] = lambda: Command.GO,
) -> Done:
    """Retrain a model on annotated images within the time, and tell what was gained.

    Parameters
    ----------
    request : FinetuneRequest
    report : callable
        Is told every event, in the thread of the caller.
    control : callable
        Says what to do now; asked at least once per step and per measured object.

    Returns
    -------
    Done
        Also told as the last event.

    Raises
    ------
    ValueError, OSError
        One sentence; told before as ``Failed``.
    """
    try:
        done = _finetune(request, RunControl(report, control, Clock(60.0 * request.minutes)))
    except (ValueError, OSError) as error:
        report(Failed(str(error)))
        raise
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        sentence = (
            "there is not enough memory to train; close other programs, or train on the processor "
            "in place of the graphics card (cpu)"
        )
        report(Failed(sentence))
        raise ValueError(sentence) from error
    report(done)
    return done


def _finetune(request: FinetuneRequest, control: RunControl) -> Done:
    base = find_model(request.model)
    check_output(request, base)
    device = torch.device(choose_device(request.device))
    cascade = load_cascade(base)
    with sole_writer(request.folder):
        done = _train(request, control, base, cascade, device)
    if request.run is None and done.report:
        shutil.rmtree(request.folder)
    return done


def _train(
    request: FinetuneRequest,
    control: RunControl,
    base: Path,
    cascade: Cascade,
    device: torch.device,
) -> Done:
    levels = levels_of(request, cascade.config)
    try:
        state = _prepare(request, control, base)
    except Stopped:
        there = str(request.output) if request.begun and request.output.is_file() else ""
        return Done(stopped_sentence(None, None, there), there, "", stopped=True)
    try:
        state.count_before(Predictor(load_cascade(base), str(device)))
        run = _make_run(state, cascade, device)
        end = control.clock.budget - state.record.cost["report"] - RESERVE
        train_levels(state, run, levels, end)
        return _finish(state, device)
    except Stopped:
        return _stop(state)


def check_output(request: FinetuneRequest, base: Path) -> None:
    """Raise ValueError where the model and its report cannot be written, or would replace these."""
    output = request.output
    if not output.parent.is_dir():
        raise ValueError(f"there is no folder {output.parent} for the new model; create it first")
    if not os.access(output.parent, os.W_OK):
        raise ValueError(f"the folder {output.parent} cannot be written to; choose another one")
    if output.is_dir():
        raise ValueError(f"{output} is a folder; give the new model another name")
    if output.exists() and output.samefile(base):
        raise ValueError(f"{output} is the model that is retrained; give the new one another name")
    for given in (request.images, request.labels):
        there = [each for each in outputs_of(output) if each.exists() and given.exists()]
        if any(each.samefile(given) for each in there):
            raise ValueError(
                f"the report of the new model would replace {given}; give the model another name"
            )


def _prepare(request: FinetuneRequest, control: RunControl, base: Path) -> FinetuneState:
    """Look at the folders, split the objects and find out how far the run is."""
    control.begin("reading", "Reading the labels.")
    is_own = request.labels.is_relative_to(request.folder)  # nobody changes what is in there
    kept = None if is_own else request.folder / KEPT
    if kept is not None and kept.is_dir() and not request.begun:
        shutil.rmtree(kept)  # a start that came to nothing left them
    found = look_through(request, control.ask, kept)
    share, seed = request.validation_share, request.seed
    kin = found.twins, found.views, found.stacks
    parts = split(found.usable, found.objects, share, seed, *kin)
    model_hash = hashlib.sha256(base.read_bytes()).hexdigest()
    record = load_record(request.folder, f"{request.digest}-{found.digest}", model_hash)
    control.clock.earlier = record.used
    replay = target_list(rehearsal_held_out(), request.seed) if request.replay else None
    control.tell(_surveyed(found, parts))
    state = FinetuneState(request, base, found, parts, replay, control, record)
    state.tell_earlier()
    return state


def _surveyed(found: Found, parts: Split) -> Surveyed:
    numbers = (parts.training_objects, parts.held_out_objects)
    return Surveyed(
        len(found.usable),
        found.count,
        *numbers,
        parts.kind,
        found.left_out,
        survey_words(found, *numbers, parts.kind),
    )


def _make_run(state: FinetuneState, cascade: Cascade, device: torch.device) -> Run:
    request = state.request
    images = state.found.usable
    shapes = [images.image_shape(index) for index in range(len(images))]
    recipe = finetuning_recipe(request, cascade.config, shapes)
    sets = [state.split.training, *([rehearsal_training()] if request.replay else [])]
    fabric = Fabric(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        precision=choose_precision(recipe.precision, device.type),
    )
    cascade.to(memory_format=torch.channels_last).to(fabric.device)
    workers = 0 if device.type == "cpu" else 2
    return Run(fabric, cascade, ClickDataset(recipe, sets), request.folder, workers, SAVE_EVERY)


def _finish(state: FinetuneState, device: torch.device) -> Done:
    """Count the clicks of the best state on the objects that did not choose it, and write it."""
    request, record = state.request, state.record
    best = load_cascade(request.folder / BEST)
    state.control.begin("after", "Counting the clicks of the new model.")
    after = state.count_again(Predictor(best, str(device)), "report", FULL)
    yours = compare_clicks(record.before["report"], after)
    replay = None
    if state.replay is not None:
        again = state.count_again(Predictor(best, str(device)), "replay", QUICK)
        replay = compare_clicks(record.before["replay"], again, QUICK)
    sentence = gain_sentence(yours, Path(request.model).stem)
    if replay is not None:
        sentence = f"{sentence} {replay_sentence(replay)}"
    moment = record.moments[record.best]
    for name, gain in (("yours", yours), ("replay", replay)):
        if gain is not None:
            state.control.tell(Measured("after", name, gain.after, moment.level, moment.step, True))
    state.control.begin("writing", "Writing the model.")
    with disk_sentences(request.output.parent):
        card = finetuned_card(state, yours, replay)
        save_cascade(best, request.output, card, dtype=torch.float16)
    written = write_reports(state, sentence, yours, replay, after)
    return Done(sentence, str(request.output), str(written), yours, replay)


def _stop(state: FinetuneState) -> Done:
    """Keep the best so far, without counting clicks again."""
    state.save()
    record, request = state.record, state.request
    if not record.best:
        return Done(stopped_sentence(None, None), "", "", stopped=True)
    start, best = record.moments[0], record.moments[record.best]
    sentence = stopped_sentence(start.yours, best)
    card = finetuned_card(state)
    with disk_sentences(request.output.parent):
        cascade = load_cascade(request.folder / BEST)
        noted = dataclasses.replace(card, notes=(*card.notes, sentence))
        save_cascade(cascade, request.output, noted, dtype=torch.float16)
    return Done(sentence, str(request.output), "", stopped=True)
