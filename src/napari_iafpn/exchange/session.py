"""The labels of a session's journal, as they were recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.sessions.reading import Session, read_session


def read_session_labels(path: Path) -> LabelImage:
    """Read the labels after the last entry of a journal.

    Raises
    ------
    ValueError
        Where it is no journal, or nothing or several labels images were written to.
    """
    session = read_session(path)
    if len(session.labels) != 1:
        names = ", ".join(repr(provenance.name) for provenance in session.labels.values()) or "none"
        raise ValueError(
            f"the session {path.name} has {len(session.labels)} labels images ({names}); resume it "
            "in napari and save the one you want"
        )
    (id_,) = session.labels
    return labels_of(session, id_)


def labels_of(session: Session, id_: str) -> LabelImage:
    """Return one labels image of a session with the classes of its objects; damage is noted."""
    data, edited = session.settled(id_)
    notes = [session.damage] if session.damage else []
    notes += [f"object {label} was being edited; it is as it was before" for label in edited]
    names = {key: str(values["name"]) for key, values in session.categories.items()}
    facts = {label: fact for (of, label), fact in session.document.facts.items() if of == id_}
    classes = {
        label: names[fact.category] for label, fact in facts.items() if fact.category in names
    }
    proposed = frozenset(label for label, fact in facts.items() if fact.found)
    provenance = session.labels[id_]
    place = LabelMetadata.found(provenance.place)
    metadata = replace(place, classes=classes, proposed=proposed)
    return LabelImage.of(data, provenance.name, metadata, tuple(notes))
