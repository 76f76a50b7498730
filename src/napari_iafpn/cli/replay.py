"""`napari-iafpn replay`: the masks of a session, computed again from its clicks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import Any

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.outputs import check_labels
from napari_iafpn.images.files import open_levels
from napari_iafpn.sessions.provenance import ImageProvenance, fingerprint_of
from napari_iafpn.sessions.reading import Session, read_session
from napari_iafpn.sessions.replay import Replayed, replay


@dataclass(frozen=True)
class ReplayRequest:
    """The arguments of the command."""

    journal: Path
    output: Path
    image: Path | None
    labels: str | None
    model: str | None
    device: str
    overwrite: bool


def replay_session(request: ReplayRequest) -> None:
    """Write the labels of a session, predicted again, and say whether they are the same."""
    from napari_iafpn.exchange import format_of, place_of, write_labels, writer_of
    from napari_iafpn.exchange.session import labels_of

    name = format_of(request.output)
    writer_of(name)
    session = read_session(request.journal)
    id_ = _chosen(session, request.labels)
    described = labels_of(session, id_)
    place = place_of(described, request.output, name)
    images = [Path(about.path) for about in session.images.values() if about.path]
    given = [] if request.image is None else [request.image]
    sources = [request.journal, *given, *images]
    check_labels(place, name, overwrite=request.overwrite, sources=sources)
    console = plain_console()
    for note in (*([session.damage] if session.damage else ()), *_notes(session, request.model)):
        console.print(f"note: {note}")
    found = _replayed(request, session, id_)
    write_labels(replace(described, labels=found.labels[id_]), request.output, name)
    console.print(_sentence(found))
    console.print(f"labels: {place}")


def _replayed(request: ReplayRequest, session: Session, labels: str) -> Replayed:
    from napari_iafpn.inference import Predictor

    @lru_cache(maxsize=2)
    def predictor_of(model: str) -> Predictor:
        return Predictor.load(_model(model, request.model), device=request.device)

    seen = _images_seen(session)
    if request.image is not None and len(seen) > 1:
        names = ", ".join(session.images[id_].name for id_ in seen)
        raise ValueError(
            f"the session was made with {len(seen)} images ({names}), and --image gives one; put "
            "them back where they were and leave out --image"
        )
    images = {id_: _image(session.images[id_], request.image) for id_ in seen}
    return replay(session, images, predictor_of, labels)


def _images_seen(session: Session) -> list[str]:
    """Return the ids of the images that predictions need."""
    seen = [
        id_
        for step in session.document.steps
        if step.commit and step.commit.model
        for id_ in (step.plane.layer, *(channel for channel, _ in step.commit.display.channels))
    ]
    return list(dict.fromkeys(seen))


def _chosen(session: Session, name: str | None) -> str:
    """Return the id of the labels of a name; of the only ones without.

    Further labels of a name have a number, as in "Objects 2".
    """
    names: dict[str, str] = {}
    for about in session.labels.values():
        unique = (f"{about.name} {number}" for number in count(2))
        names[next(each for each in chain([about.name], unique) if each not in names)] = about.id
    if not names:
        raise ValueError(f"{session.path.name} has no labels, as no object was kept")
    if name is None and len(names) == 1:
        return next(iter(names.values()))
    if name not in names:
        got = "several labels" if name is None else f"no labels {name!r}"
        raise ValueError(f"{session.path.name} has {got}; choose with --labels: {', '.join(names)}")
    return names[name]


def _image(about: ImageProvenance, given: Path | None) -> list[Any]:
    """Return the resolutions of a session's image."""
    path = given or (Path(about.path) if about.path else None)
    if path is None or not path.exists():
        raise ValueError(
            f"the image {about.name!r} of this session is not at {path or 'any file'}; give it "
            "with --image, or write the labels as they were recorded with the command export"
        )
    levels = open_levels(path)
    if fingerprint_of(levels[0]) != about.fingerprint:
        raise ValueError(
            f"{path} is not the image of this session: it has {levels[0].shape} "
            f"{levels[0].dtype}, the session's has {about.shape} {about.dtype}, or its pixels "
            "differ; give it with --image"
        )
    return levels


def _model(name: str, given: str | None) -> Path:
    """Return the file of the given model, without one of the session's."""
    from napari_iafpn.networks import find_model

    try:
        return find_model(given or name)
    except ValueError as error:
        if given:
            raise
        raise ValueError(
            f"the model of this session is not at {name}; give it or another one with --model, or "
            "write the labels as they were recorded with the command export"
        ) from error


def _notes(session: Session, given: str | None) -> list[str]:
    """Say where a model is not the one that the session was made with."""
    from napari_iafpn.evaluation.models import file_sha256

    notes = []
    for name, digest in session.models.items():
        found = file_sha256(_model(name, given))
        if found != digest:
            notes.append(
                f"the model {given or name} is not the one of the session ({found[:8]}, it was "
                f"{name} {digest[:8]}); masks may differ"
            )
    return notes


def _sentence(found: Replayed) -> str:
    if not found.commits:
        return "no object was kept in these labels"
    same = found.commits - len(found.differing)
    if not found.differing:
        return f"all {found.commits} objects have the very pixels that were recorded"
    ids = ", ".join(map(str, found.differing[:10])) + (" ..." if len(found.differing) > 10 else "")
    return (
        f"{same} of {found.commits} objects have the very pixels that were recorded; "
        f"these differ: {ids}"
    )
