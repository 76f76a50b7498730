"""The classes of objects: made, offered, and chosen for the next ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_iafpn.plugin.annotate.objects_view import ObjectsView
from napari_iafpn.plugin.annotate.settings_view import COLOURS, NumberingView, class_names

if TYPE_CHECKING:
    from napari_iafpn.plugin.annotator import Annotator
    from napari_iafpn.plugin.sessions.sessions import Sessions


class Classes:
    """Between the views that offer classes and an annotator.

    Parameters
    ----------
    annotator : Annotator
        Has the classes.
    sessions : Sessions
        Their journal notes them, and brings them back.
    view : NumberingView
    objects : ObjectsView
    """

    def __init__(
        self, annotator: Annotator, sessions: Sessions, view: NumberingView, objects: ObjectsView
    ) -> None:
        self._annotator, self._sessions = annotator, sessions
        self._view, self._objects = view, objects
        objects.class_wanted.connect(view.ask_class)
        view.chosen.connect(annotator.controller.set_commit_as)
        view.class_made.connect(self.make)
        sessions.resumed.connect(self._offer)

    def use(self, classes: dict[int, dict[str, str]]) -> None:
        """Offer classes: the name and the colour of each number."""
        self._annotator.set_categories(classes)
        self._sessions.keeper.note_categories(classes)
        self._offer()

    def make(self, name: str, labels: Sequence[int] = ()) -> None:
        """Make a class of a name, and give it to objects, or else to the next ones."""
        categories = self._annotator.categories
        number = max(categories, default=0) + 1
        categories[number] = {"name": name, "colour": COLOURS[(number - 1) % len(COLOURS)]}
        self._sessions.keeper.note_categories(categories)
        self._offer(self._view.value.category if labels else number)
        if labels:
            self._objects.classified.emit(labels, number)

    def _offer(self, chosen: int = 0) -> None:
        names = class_names(self._annotator.categories)
        self._view.offer_classes(names, chosen)
        self._objects.offer_classes(names)
        self._annotator.controller.set_commit_as(self._view.value)
