"""Lets the model learn while the user annotates: when, from what, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from psygnal import Signal

from napari_iafpn.plugin.learning.objects import (
    MOST,
    Cuttings,
    KeptObject,
    commits_of,
    kept_object,
)
from napari_iafpn.plugin.learning.process import AdaptationProcess
from napari_iafpn.plugin.learning.projects import Project
from napari_iafpn.plugin.learning.state import LearningPhase, LearningState, Models
from napari_iafpn.plugin.learning.view import LearningView
from napari_iafpn.plugin.messages import Message, as_sentence
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.sessions import Step
from napari_iafpn.training.adaptation import EVERY, TRIED, is_better
from napari_iafpn.training.finetuning import Done, Failed

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import Sample
    from napari_iafpn.plugin.annotator import Annotator
    from napari_iafpn.plugin.find.review import Review

BACK_TIP = "Use the model that was there before, and stop learning; objects stay as they are"
USE_TIP = "Use the model that has learned from your objects on images of this folder"
LOW_BATTERY = 30
"""Per cent below which nothing is learned."""


class Learning:
    """Learns from the objects of one window; a result counts only once it was tried.

    Parameters
    ----------
    annotator : Annotator
    review : Review
        While it searches, the process waits.
    paths : UserPaths
    use_model : callable
        Chooses a model in the window, by its name or file.
    """

    said = Signal(Message)

    def __init__(
        self,
        annotator: Annotator,
        review: Review,
        paths: UserPaths,
        use_model: Callable[[str], None],
    ) -> None:
        self.every, self.tried_on = EVERY, TRIED
        self.view = LearningView()
        self.process = AdaptationProcess(self._must_wait, self._count_step, self._on_end)
        self._annotator, self._review = annotator, review
        self._paths, self._use_model = paths, use_model
        self._cuttings = Cuttings(self.process.background)
        self._state, self._models, self._line = LearningState(), Models(), ""
        self._asleep = False
        annotator.controller.changed.connect(self.look)
        annotator.controller.adopted.connect(self._take_over)
        annotator.choices_changed.connect(self._look_for_models)
        review.changed.connect(self.look)
        self.view.switched.connect(self.switch)
        self.view.model_wanted.connect(self._change_model)
        self._show()

    @property
    def is_on(self) -> bool:
        """Whether there is learning at all."""
        return self._state.phase is not LearningPhase.OFF

    @property
    def busy(self) -> bool:
        """Whether something is learned or tried."""
        return self._state.phase.is_busy

    def switch(self, on: bool) -> None:
        """Learn from now on, or not any more; the model stays as it is."""
        self._start(LearningPhase.COLLECTING if on else LearningPhase.OFF)
        self._line = f"Learns after {self.every} objects." if on else ""
        self.look()

    def _start(self, phase: LearningPhase, known: frozenset[int] = frozenset()) -> None:
        """Begin anew with the model in use."""
        self._forget(phase, known)
        model = self._annotator.controller.model
        self._models = replace(self._models, base=model, used=model)

    def _take_over(self) -> None:
        """Go on with another history, whose steps have other numbers; its objects are no new ones.

        The model may have learned from them.
        """
        self._cuttings = Cuttings(self.process.background)
        if self.is_on:
            steps = self._annotator.controller.document.steps
            self._start(LearningPhase.COLLECTING, frozenset(commits_of(steps)))
            self._line = f"Learns after {self.every} more objects."

    def rest(self) -> None:
        """Let the process go, and begin nothing; what was learned waits to be tried."""
        self._asleep = True
        self.process.kill()
        if self._state.phase is LearningPhase.LEARNING:
            self._forget(LearningPhase.COLLECTING)
        elif self._state.phase is LearningPhase.TRYING:
            learned = LearningPhase.LEARNED
            self._state = replace(self._state, phase=learned, looked_at=frozenset())

    def wake(self) -> None:
        """Go on where the panel comes back."""
        self._asleep = False
        self.look()

    def close(self) -> None:
        """Finish everything."""
        self._forget(LearningPhase.OFF)
        self.process.close()

    def look(self) -> None:
        """Begin what it is time for."""
        controller = self._annotator.controller
        if self._asleep or not self.is_on:
            self._show()
            return
        if controller.model != self._models.used:  # the user has chosen another one
            self._models = replace(self._models, before="")
            self.switch(True)
            return
        self.process.pace()
        steps = controller.document.steps
        commits = commits_of(steps)
        self._cuttings.keep_up(steps, commits.values())
        self._cut_out(commits)
        if not self._state.taught <= commits.keys():  # it learned from what was taken back
            self._forget(LearningPhase.COLLECTING)
        if self._state.better is not None:
            if self._may_change:
                self._take(self._state.better)
        elif not self.busy:
            self._begin(commits)
        self._show()

    def _begin(self, commits: Mapping[int, Step]) -> None:
        """Learn, or try what was learned, where there are objects enough that are new."""
        now = frozenset(commits)
        since = {n: step for n, step in commits.items() if n not in self._state.known}
        learns = self._state.phase is LearningPhase.COLLECTING
        least = self.every if learns else self.tried_on
        if len(since) < least or self._state.looked_at == now:
            return
        self._state = replace(self._state, looked_at=now)
        objects = self._objects(commits if learns else since)
        if len(objects.keys() & since.keys()) < least:
            return
        if learns:
            image = self._annotator.image
            project = None if image is None else Project(self._paths, image)
            taught = frozenset(objects)
            before = self._still_there(commits, taught)
            lineage = {**before, **{number: commits[number].number for number in taught}}
            self._state = LearningState(LearningPhase.LEARNING, now, taught, now, project, lineage)
            self.process.learn([*objects.values()], self._models.base, goes_on=bool(before))
        else:
            self._state = replace(self._state, phase=LearningPhase.TRYING)
            self.process.try_on([*objects.values()], self._models.base, self._models.used)

    def _still_there(
        self, commits: Mapping[int, Step], useful: Collection[int]
    ) -> Mapping[int, int]:
        """Return what the newest model learned from, or nothing where some of it is not as it was.

        All objects were looked at, or as many as are learned from; those that are there are among
        the ``useful`` ones.
        """
        lineage, oldest = self._state.lineage, min(useful) if len(useful) == MOST else 0
        as_it_was = all(
            number in commits
            and commits[number].number == step
            and (number in useful or number < oldest)
            for number, step in lineage.items()
        )
        return lineage if as_it_was else {}

    def _objects(self, commits: Mapping[int, Step]) -> dict[int, KeptObject | Sample]:
        """Return the newest objects, as they are now or, of a closed image, as they were."""
        found: dict[int, KeptObject | Sample] = {}
        for number, step in reversed([*commits.items()]):
            if len(found) < MOST and (one := self._kept(number, step)) is not None:
                found[number] = one
        return found

    def _kept(self, number: int, step: Step) -> KeptObject | Sample | None:
        annotator = self._annotator
        labels_of = partial(annotator.book.labels_of, shown=False)
        try:
            return kept_object(number, step, annotator.source_of, labels_of)
        except ValueError:
            return self._cuttings.of(step)

    def _cut_out(self, commits: Mapping[int, Step]) -> None:
        """Keep the new objects for when their image is closed."""
        newest = [*commits.items()][-MOST:]
        new = {n: step for n, step in newest if not self._cuttings.knows(step)}
        if new:
            self._cuttings.cut({step.number: self._kept(n, step) for n, step in new.items()})

    @property
    def _may_change(self) -> bool:
        """Whether no mask that the user sees would become another."""
        current = self._annotator.controller.current
        untouched = current is None or current.is_untouched
        return untouched and not self._annotator.controller.busy and not self._review.is_searching

    def _must_wait(self) -> bool:
        """Whether candidates are drawn, or the battery is low."""
        return self._review.is_searching or battery_is_low()

    def _count_step(self, step: int, steps: int) -> None:
        self._line = f"Learning from {len(self._state.taught)} objects: {step}/{steps}."
        self._show()

    def _on_end(self, end: Done | Failed) -> None:
        before = self._state
        phase, known = before.phase, before.known
        self._state = LearningState(LearningPhase.COLLECTING, known)
        if isinstance(end, Failed):
            why = f" ({end.sentence})" if end.sentence else ""
            self._line = f"{phase.value} was broken off{why}; the model stays as it was."
        elif phase is LearningPhase.LEARNING:
            self._state = replace(before, phase=LearningPhase.LEARNED)
            self._line = f"Learned from {len(before.taught)} objects; tried on the next ones."
        elif end.yours is not None:
            self._line = end.sentence
            if is_better(end.yours):
                self._state = replace(before, phase=LearningPhase.BETTER, better=end)
            elif end.yours.before.objects < self.every:  # too few to drop it: the next ones tell
                self._state = replace(before, phase=LearningPhase.LEARNED)
            else:
                self._state = replace(self._state, lineage=before.lineage)
        self.look()

    def _forget(self, phase: LearningPhase, known: frozenset[int] = frozenset()) -> None:
        """Drop what is under way and what was learned but not taken."""
        self._state = LearningState(phase, known)
        self.process.kill()

    def _take(self, done: Done) -> None:
        """Use what was learned, from the next object on."""
        known, project, lineage = self._state.known, self._state.project, self._state.lineage
        self._state = LearningState(LearningPhase.COLLECTING, known, lineage=lineage)
        if project is None:
            return
        try:
            kept = str(project.keep(Path(done.model)))
        except OSError as error:
            self._line = f"What was learned cannot be kept ({error.strerror})."
            return
        models = self._models
        self._models = replace(models, used=kept, before=models.used, newest=kept)
        self._use_model(kept)
        self.said.emit(Message(as_sentence(done.sentence)))

    def _change_model(self) -> None:
        """Go back to the model before, or take up what was learned earlier."""
        now = self._annotator.controller.model
        wanted = self._models.offer(now)
        if wanted == self._models.before:
            self._models = replace(self._models, before="")
            self.switch(False)
        else:
            self._models = replace(self._models, before=now, used=wanted)
        self._use_model(wanted)
        if self.is_on:  # from there on
            self.switch(True)
        self._show()

    def _look_for_models(self) -> None:
        image = self._annotator.image
        newest = "" if image is None else Project(self._paths, image).newest
        self._models = replace(self._models, newest=newest)
        self._show()

    def _show(self) -> None:
        offer = self._models.offer(self._annotator.controller.model)
        back = bool(offer) and offer == self._models.before
        text = f"{'Back to' if back else 'Use'} {Path(offer).stem}" if offer else ""
        tip = BACK_TIP if back else USE_TIP
        self.view.show_state(self._line, text, tip, on=self.is_on)


def battery_is_low() -> bool:
    """Tell whether the machine runs on a battery that will not last."""
    look = getattr(psutil, "sensors_battery", None)  # not on every system
    battery = None if look is None else look()
    return battery is not None and not battery.power_plugged and battery.percent < LOW_BATTERY
