"""The journal of a window and the offer to go on with an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from psygnal import Signal

from napari_iafpn.plugin.docking import Aside, Bridge
from napari_iafpn.plugin.layers import layer_id
from napari_iafpn.plugin.messages import Message, as_sentence
from napari_iafpn.plugin.sessions.keeper import SessionKeeper
from napari_iafpn.plugin.sessions.offers import Offer
from napari_iafpn.plugin.sessions.resuming import bring_back, offer_for, offer_of_file
from napari_iafpn.plugin.views import ResumeView
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
        self._aside = Aside("napari-iafpn sessions")
        self._trouble = Bridge()
        self._offer: Offer | None = None
        self._asked: str | None = None
        self.keeper = SessionKeeper(
            folder, annotator.image_of, annotator.book.layer_of, self._trouble.reported.emit
        )
        self.view = ResumeView()
        annotator.controller.document.tell_to(self.keeper.record, self.keeper.record_found)
        annotator.controller.changed.connect(self._on_change)
        annotator.choices_changed.connect(self.look)
        self._trouble.reported.connect(self._on_trouble)
        self.view.accepted.connect(self.resume)
        self.view.declined.connect(lambda: self._show(None))

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
        self._show(None)
        if image is not None and not self._has_begun():
            self._aside(
                lambda: offer_for(self.folder, image),
                lambda found: self._found(id_, found),
            )

    def resume(self) -> None:
        """Go on with the session on offer."""
        if self._offer is not None and self._annotator.image is not None:
            self._bring_back(self._offer, self._annotator.image)

    def open_file(self, path: Path) -> None:
        """Go on with a session from a file."""
        image = self._annotator.image
        if image is None:
            self._fail("there is no image to go on with; open the session's image first")
            return
        self._aside(
            lambda: offer_of_file(path, image),
            lambda found: (
                self._bring_back(found, image)
                if isinstance(found, Offer)
                else self._fail(str(found))
            ),
        )

    def _bring_back(self, offer: Offer, image: Image) -> None:
        """Take a session over: first the right to write it, then what is in it by now."""
        path = offer.session.path
        if not path.exists():
            self._fail(f"the session {path.name} is no longer there")
            return
        file = LineFile(path, self._trouble.reported.emit)
        try:
            file.open(wait=LOCK_SECONDS)
            if file.state != offer.session.state:
                offer = offer_of_file(path, image)
            known = bring_back(self._annotator, image, offer)
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
            self._go_on(offer, file, known)
            return
        file.close()

    def _go_on(self, offer: Offer, file: LineFile, known: set[str]) -> None:
        session = offer.session
        self.keeper.go_on(file, known)
        self._show(None)
        self._asked = self._annotator.image and layer_id(self._annotator.image)
        self.resumed.emit()
        text = f"Resumed: {session.objects} objects. {as_sentence(session.damage)}".strip(" .")
        self.said.emit(Message(f"{text}.", important=bool(session.damage)))

    def _found(self, id_: str | None, found: Any) -> None:
        if isinstance(found, Offer) and id_ == self._asked and not self._has_begun():
            self._show(found)

    def _on_change(self) -> None:
        if self._offer is not None and self._has_begun():
            self._show(None)

    def _has_begun(self) -> bool:
        return self._annotator.controller.can_undo

    def _show(self, offer: Offer | None) -> None:
        self._offer = offer
        self.view.offer("" if offer is None else offer.sentence)

    def _on_trouble(self, sentence: str) -> None:
        self.said.emit(Message(as_sentence(sentence), error=True, important=True))

    def _fail(self, sentence: str) -> None:
        self.said.emit(Message(as_sentence(sentence), error=True))
