"""The journal of a window and the offer to go on with an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from psygnal import Signal

from napari_iafpn.plugin.annotate.sessions_view import SessionsView
from napari_iafpn.plugin.docking import BackgroundTasks, Bridge
from napari_iafpn.plugin.layers import full_resolution, layer_id
from napari_iafpn.plugin.messages import Message, as_sentence
from napari_iafpn.plugin.sessions.offers import Offer, kept_in, offers_for
from napari_iafpn.plugin.sessions.recorder import SessionRecorder
from napari_iafpn.plugin.sessions.resuming import bring_back, session_of
from napari_iafpn.sessions.lines import LineFile
from napari_iafpn.sessions.locking import InUseError

if TYPE_CHECKING:
    from napari_iafpn.plugin.annotator import Annotator


LOCK_SECONDS = 0.5
"""How long to wait for who only looks whether a session is in use."""


class Sessions:
    """Keeps the journal of one window.

    Parameters
    ----------
    annotator : Annotator
    folder : Path
        Where journals are.
    """

    said = Signal(Message)
    resumed = Signal()

    def __init__(self, annotator: Annotator, folder: Path) -> None:
        self._annotator = annotator
        self.folder = folder
        self._background = BackgroundTasks("napari-iafpn sessions")
        self._trouble = Bridge()
        self._offers: list[Offer] = []
        self._asked: str | None = None
        self.keeper = SessionRecorder(
            folder, annotator.image_of, annotator.book.layer_of, self._trouble.reported.emit
        )
        self.view = SessionsView()
        annotator.controller.document.tell_to(self.keeper.record, self.keeper.record_found)
        annotator.controller.changed.connect(self._on_change)
        annotator.choices_changed.connect(self.look)
        self._trouble.reported.connect(self._on_trouble)
        self.view.accepted.connect(self.resume)
        self.view.declined.connect(lambda: self._offer([]))

    def open(self) -> None:
        """Look for an earlier session of the image."""
        self.look()

    def close(self) -> None:
        """Finish the journal; tell what is not saved."""
        unsaved = self.keeper.close()
        if unsaved:
            self._on_trouble(unsaved)

    def look(self) -> None:
        """Look for an earlier session of the image, in a thread."""
        image = self._annotator.image
        id_ = None if image is None else layer_id(image)
        if id_ == self._asked:
            return
        self._asked = id_
        self._offer([])
        if image is not None and not self._has_begun():
            self._background(
                lambda: offers_for(self.folder, full_resolution(image)),
                lambda found: self._found(id_, found),
            )

    def resume(self, offer: Offer) -> None:
        """Go on with a session on offer."""
        self.open_file(offer.path)

    def open_file(self, path: Path) -> None:
        """Go on with a session from a file, which is read in a thread."""
        image = self._annotator.image
        if image is None:
            self._fail("there is no image to go on with; open the session's image first")
            return
        self.said.emit(Message(f"Reading the session {path.name}…"))
        self._background(
            lambda: session_of(path, image), lambda found: self._bring_back(path, image, found)
        )

    def _bring_back(self, path: Path, image: Image, found: Any) -> None:
        """Take a session over: first the right to write it, then what is in it by now."""
        if isinstance(found, Exception):
            self._fail(str(found))
            return
        if image is not self._annotator.image:
            return
        if path == self.keeper.path:  # Resume was pressed twice
            self.said.emit(Message(f"The session {path.name} is open."))
            return
        file = LineFile(path, self._trouble.reported.emit)
        try:
            file.open(wait=LOCK_SECONDS)
            session, about = found
            if file.state != session.state:
                session, about = session_of(path, image)
            known = bring_back(self._annotator, image, session, about)
        except InUseError:
            self._fail(f"another window has the session {path.name} open; go on there, or close it")
        except OSError as error:
            self._fail(
                f"the session {path} cannot be written ({error.strerror}); copy it to a folder of "
                "yours and resume the copy"
            )
        except ValueError as error:
            self._fail(str(error))
        else:
            self._go_on(file, known, kept_in(session, about), session.damage)
            return
        file.close()

    def _go_on(self, file: LineFile, known: set[str], objects: int, damage: str) -> None:
        self.keeper.go_on(file, known)
        self._offer([])
        self._asked = self._annotator.image and layer_id(self._annotator.image)
        self.resumed.emit()
        text = f"Resumed with {objects} object{'s' * (objects != 1)}."
        more = f" {as_sentence(damage)}" if damage else ""
        self.said.emit(Message(text + more, important=bool(damage)))

    def _found(self, id_: str | None, found: Any) -> None:
        if id_ != self._asked or isinstance(found, Exception):
            return
        offers, unreadable = found
        self._offer(offers)
        for sentence in unreadable[:1]:
            self._fail(sentence)

    def _has_begun(self) -> bool:
        """Tell whether objects were kept; clicks alone are soon made again."""
        return bool(self._annotator.controller.document.facts)

    def _offer(self, offers: list[Offer]) -> None:
        self._offers = offers
        self._on_change()

    def _on_change(self) -> None:
        """Show the offers while there is nothing that was kept."""
        offers = [] if self._has_begun() else self._offers
        if [offer for _, offer in self.view.offered] != offers:
            self.view.offer([(offer.text, offer) for offer in offers])

    def _on_trouble(self, sentence: str) -> None:
        self.said.emit(Message(as_sentence(sentence), error=True, important=True))

    def _fail(self, sentence: str) -> None:
        self.said.emit(Message(as_sentence(sentence), error=True))
