"""Lets the model learn while the user annotates: when, from what, and what becomes of it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil
from psygnal import Signal

from napari_iafpn.plugin.docking import Aside
from napari_iafpn.plugin.learning.objects import commits_of, kept_objects, write_kept
from napari_iafpn.plugin.learning.projects import Project
from napari_iafpn.plugin.learning.view import LearningView
from napari_iafpn.plugin.messages import Message, as_sentence
from napari_iafpn.plugin.training.places import MODEL_SUFFIX, Places
from napari_iafpn.plugin.training.process import TrainingProcess
from napari_iafpn.sessions import Step as Kept
from napari_iafpn.training.adaptation import EVERY, TRIED, is_better
from napari_iafpn.training.finetuning import Done, Failed, Step, event_from_json

if TYPE_CHECKING:
    from napari_iafpn.plugin.annotator import Annotator
    from napari_iafpn.plugin.find.review import Review

logger = logging.getLogger(__name__)

LEARN, TRY = "Learning", "Trying what was learned"
OBJECTS, SINCE = "objects", "since"
BACK_TIP = "Use the model that was there before, and stop learning; objects stay as they are"
USE_TIP = "Use the model that has learned from your objects on images of this folder"
LOW_BATTERY = 30
"""Per cent below which nothing is learned."""


class Learning:
    """Learns from the objects of one window in a process of its own.

    Nothing waits for that process, and it can be killed at any time: its result counts only once
    it was tried.

    Parameters
    ----------
    annotator : Annotator
    review : Review
        While it searches, the process waits.
    places : Places
    use_model : callable
        Chooses a model in the window, by its name or file.
    """

    said = Signal(Message)

    def __init__(
        self,
        annotator: Annotator,
        review: Review,
        places: Places,
        use_model: Callable[[str], None],
    ) -> None:
        self.every, self.tried_on, self.options = EVERY, TRIED, ()
        self.is_on = False
        self.view = LearningView()
        self._annotator, self._review = annotator, review
        self._places, self._use_model = places, use_model
        self._aside = Aside("napari-iafpn learning")
        self._process = TrainingProcess(self._receive, self._on_end, grace=0)
        self._home: TemporaryDirectory[str] | None = None
        self._line = ""
        self._base = self._used = ""  # the model that learns, and the one that is in use
        self._before = ""  # where the way back leads
        self._newest = ""  # what learned last on images of this folder
        self._known: frozenset[int] = frozenset()  # the objects that were learned from last
        self._doing = ""
        self._end: Done | Failed | None = None
        self._candidate: Path | None = None
        self._better: Done | None = None  # waits for the end of the object at work
        self._paused = False
        self._run = object()
        annotator.controller.changed.connect(self.look)
        annotator.choices_changed.connect(self._look_for_models)
        review.changed.connect(self.look)
        self.view.switched.connect(self.switch)
        self.view.model_wanted.connect(self._change_model)
        self._show()

    @property
    def busy(self) -> bool:
        """Whether something is learned or tried."""
        return bool(self._doing)

    @property
    def process_id(self) -> int:
        """Of the process; 0 where there is none."""
        return self._process.id

    def switch(self, on: bool) -> None:
        """Learn from now on, or not any more; the model stays as it is."""
        self._forget()
        self.is_on = on
        self._base = self._used = self._annotator.controller.model
        self._line = f"Learns after {self.every} objects." if on else ""
        self.look()

    def rest(self) -> None:
        """Let the process go; it is made up for where the panel comes back."""
        self._forget()

    def close(self) -> None:
        """Finish everything."""
        self._forget()
        self.is_on = False
        if self._home is not None:
            self._home.cleanup()
            self._home = None

    def look(self) -> None:
        """Begin what it is time for."""
        controller = self._annotator.controller
        if self.is_on and controller.model != self._used:  # the user has chosen another one
            self.switch(True)
            return
        self._pace()
        if self._better is not None and self._may_change:
            self._take(self._better)
        elif self.is_on and not self._doing and self._better is None:
            commits = commits_of(controller.document.steps)
            since = [number for number in commits if number not in self._known]
            if self._candidate is not None and len(since) >= self.tried_on:
                self._begin(TRY, [commits[number] for number in since])
            elif self._candidate is None and len(since) >= self.every:
                self._known = frozenset(commits)
                self._begin(LEARN, [*commits.values()])
        self._show()

    @property
    def _may_change(self) -> bool:
        """Whether no mask that the user sees would become another."""
        current = self._annotator.controller.current
        untouched = current is None or current.is_untouched
        return untouched and not self._annotator.controller.busy and not self._review.is_searching

    # In the process

    def _begin(self, what: str, steps: list[Kept]) -> None:
        """Write down the objects as they are now, in a thread, and start the process."""
        annotator = self._annotator
        labels_of = partial(annotator.book.labels_of, shown=False)
        objects = kept_objects(steps, annotator.source_of, labels_of)
        self._doing, self._end, self._paused = what, None, False
        if self._home is None:
            self._home = TemporaryDirectory(prefix="napari-iafpn-", ignore_cleanup_errors=True)
        home, run = Path(self._home.name), object()
        self._run = run
        folder = home / (OBJECTS if what == LEARN else SINCE)
        output = home / f"candidate{MODEL_SUFFIX}"

        def write() -> list[str]:
            shutil.rmtree(folder, ignore_errors=True)
            if what == LEARN:
                output.unlink(missing_ok=True)
            write_kept(folder, objects)
            arguments = ["adapt", "--objects", str(home / OBJECTS), "--output", str(output)]
            arguments += ["--start", self._base, *self.options]
            if what == TRY:
                arguments += ["--since", str(folder), "--against", self._used]
            return arguments

        def then(written: list[str] | Exception) -> None:
            if run is not self._run:  # it was switched off meanwhile
                return
            if isinstance(written, Exception):
                self._end = Failed(str(written))
                self._on_end(-1, "")
            else:
                self._process.start(written, home)
                self._pace()

        self._aside(write, then)

    def _pace(self) -> None:
        """Let the process wait while candidates are drawn, and where the battery is low."""
        if not self._process.running:
            return
        wait = self._review.is_searching or battery_is_low()
        if wait is not self._paused:
            self._paused = wait
            self._process.send("pause" if wait else "resume")

    def _receive(self, line: str) -> None:
        try:
            event = event_from_json(line)
        except ValueError:
            logger.debug("the learning says: %s", line)
            return
        if isinstance(event, Step):
            self._line = f"Learning from {len(self._known)} objects: {event.step}/{event.steps}."
        elif isinstance(event, Done | Failed):
            self._end = event
        self._pace()
        self._show()

    def _on_end(self, code: int, error: str) -> None:
        """Take in that the process has ended, in whatever way."""
        doing, end, self._doing = self._doing, self._end, ""
        if not doing:
            return
        self._candidate = None
        if isinstance(end, Done) and not end.stopped:
            if doing == LEARN:
                self._candidate = Path(end.model)
                self._line = f"Learned from {len(self._known)} objects; tried on the next ones."
            elif end.yours is not None:
                self._line = end.sentence
                self._better = end if is_better(end.yours) else None
        else:
            logger.warning("%s ended with %s: %s", doing, code, end or error)
            why = f" ({end.sentence})" if isinstance(end, Failed) else ""
            self._line = f"{doing} was broken off{why}; the model stays as it was."
        self.look()

    def _forget(self) -> None:
        """Drop what is under way and what was learned but not taken."""
        self._run = object()
        self._doing = ""
        self._process.kill()
        self._known, self._candidate, self._better = frozenset(), None, None

    # What becomes of it

    def _take(self, done: Done) -> None:
        """Use what was learned, from the next object on."""
        self._better = None
        image = self._annotator.image
        if image is None:
            return
        try:
            kept = Project(self._places, image).keep(Path(done.model))
        except OSError as error:
            self._line = f"What was learned cannot be kept ({error.strerror})."
            return
        self._before, self._used = self._used, str(kept)
        self._newest = self._used
        self._use_model(self._used)
        self.said.emit(Message(as_sentence(done.sentence)))

    def _change_model(self) -> None:
        """Go back to the model before, or take up what was learned earlier."""
        wanted, now = self._offer, self._annotator.controller.model
        if wanted == self._before:
            self._before = ""
            self.switch(False)
        else:
            self._before, self._used = now, wanted
        self._use_model(wanted)
        if self.is_on:  # from there on
            self.switch(True)
        self._show()

    @property
    def _offer(self) -> str:
        """The model that one click changes to; empty where there is none."""
        controller = self._annotator.controller
        if self._before and controller.model == self._used:
            return self._before
        return "" if self._newest == controller.model else self._newest

    def _look_for_models(self) -> None:
        image = self._annotator.image
        self._newest = "" if image is None else Project(self._places, image).newest
        self._show()

    def _show(self) -> None:
        offer = self._offer
        back = bool(offer) and offer == self._before
        text = f"{'Back to' if back else 'Use'} {Path(offer).stem}" if offer else ""
        tip = BACK_TIP if back else USE_TIP
        self.view.show_state(self._line, text, tip, on=self.is_on)


def battery_is_low() -> bool:
    """Tell whether the machine runs on a battery that will not last."""
    look = getattr(psutil, "sensors_battery", None)  # not on every system
    battery = None if look is None else look()
    return battery is not None and not battery.power_plugged and battery.percent < LOW_BATTERY
