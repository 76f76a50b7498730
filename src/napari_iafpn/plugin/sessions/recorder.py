"""Writes down what happens in a window, from the first step on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_iafpn.evaluation.models import file_sha256
from napari_iafpn.networks import find_model
from napari_iafpn.plugin.layers import full_resolution, layer_id
from napari_iafpn.plugin.levels import levels_of
from napari_iafpn.plugin.training.sources import file_name
from napari_iafpn.plugin.writers import place_of_layer
from napari_iafpn.sessions import FoundObject, PlaneKey, Step
from napari_iafpn.sessions.blocks import holds_more
from napari_iafpn.sessions.document import DO
from napari_iafpn.sessions.journal import SUFFIX, JournalWriter
from napari_iafpn.sessions.lines import LineFile
from napari_iafpn.sessions.provenance import (
    CONTENT_BYTES,
    ImageProvenance,
    LabelsProvenance,
    content_entries,
    size_of,
)

CLOSE_SECONDS = 5.0


class SessionRecorder:
    """Keeps one journal per sitting.

    Parameters
    ----------
    folder : Path
        Where journals are; made at the first step.
    image_of, labels_of : callable
        The layer of an id, None where there is none.
    failed : callable
        Told one sentence when the journal cannot be written; also in another thread.
    """

    def __init__(
        self,
        folder: Path,
        image_of: Callable[[str], Image | None],
        labels_of: Callable[[str], Labels | None],
        failed: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._image_of = image_of
        self._labels_of = labels_of
        self._failed = failed
        self._writer: JournalWriter | None = None
        self._known: set[str] = set()
        self._categories: dict[str, dict[str, str]] = {}

    @property
    def path(self) -> Path | None:
        """The journal, None before the first step."""
        return None if self._writer is None else self._writer.path

    def record(self, verb: str, step: Step, going_on: bool) -> None:
        """Write a change of the document down, with what it is about."""
        writer = self._open_for(step.plane)
        if verb == DO:
            self._introduce(writer, step)
        writer.record(verb, step, going_on)

    def record_found(self, found: Sequence[FoundObject], replaced: Sequence[int]) -> None:
        """Write down what was found on a plane."""
        if found:
            writer = self._open_for(found[0].plane)
            self._introduce_image(writer, found[0].plane.layer)
            writer.record_found(found, replaced)

    def note_categories(self, categories: dict[int, dict[str, str]]) -> None:
        """Write the classes down; those from before the first step, with that step."""
        self._categories = {str(key): dict(value) for key, value in categories.items()}
        if self._writer is not None:
            self._write_categories(self._writer)

    def _write_categories(self, writer: JournalWriter) -> None:
        values = self._categories
        writer.append(lambda: {"entry": "categories", "categories": values})

    def go_on(self, file: LineFile, known: set[str]) -> None:
        """Append to an earlier journal, which is open and knows these ids."""
        self.close()
        self._known = set(known)
        self._writer = JournalWriter(file.path, self._failed, file=file)

    def flush(self) -> None:
        """Write what waits."""
        if self._writer is not None:
            self._writer.flush(CLOSE_SECONDS)

    def close(self) -> str:
        """Finish the journal; a later step begins another.

        Returns
        -------
        str
            A sentence where something could not be written; empty otherwise.
        """
        writer = self._writer
        self._writer, self._known = None, set()
        if writer is None or writer.close(CLOSE_SECONDS):
            return ""
        what_to_do = "save the labels elsewhere"
        if not writer.is_hopeless:
            what_to_do = (
                "while napari is open they are written as soon as that is possible: free some "
                f"space, or {what_to_do}"
            )
        return (
            f"the last {writer.waiting} change(s) of the session {writer.path} are not saved "
            f"({writer.trouble or 'the disk is slow'}); {what_to_do}"
        )

    def _open_for(self, plane: PlaneKey) -> JournalWriter:
        if self._writer is None:
            self._writer = JournalWriter(self._new_path(plane), self._failed)
            if self._categories:
                self._write_categories(self._writer)
        return self._writer

    def _new_path(self, plane: PlaneKey) -> Path:
        image = self._image_of(plane.layer)
        stem = file_name(image.name if image is not None else "session")
        return self._folder / f"{stem} {datetime.now().strftime('%Y-%m-%d %H-%M-%S')}{SUFFIX}"

    def _introduce(self, writer: JournalWriter, step: Step) -> None:
        seen = step.commit.display.channels if step.commit is not None else ()
        ids = (step.plane.layer, *(c.plane.layer for c in step.objects), *(id_ for id_, _ in seen))
        for key in dict.fromkeys(ids):
            self._introduce_image(writer, key)
        for change in step.labels:
            layer = self._labels_of(change.labels)
            if change.labels not in self._known and layer is not None:
                self._known.add(change.labels)
                self._introduce_labels(writer, layer, step, change.labels)
        commit = step.commit
        if commit is not None and commit.model and f"model {commit.model}" not in self._known:
            self._known.add(f"model {commit.model}")
            writer.append_slowly(entry() for entry in (_model_entry(commit.model),))

    def _introduce_image(self, writer: JournalWriter, key: str) -> None:
        image = self._image_of(key)
        if key not in self._known and image is not None:
            self._known.add(key)
            # Blocks of it are read; no step waits for that.
            writer.append_slowly(entry() for entry in (_image_entry(image),))

    def _introduce_labels(self, writer: JournalWriter, layer: Labels, step: Step, id_: str) -> None:
        """Write down what labels were like before a step."""
        name, image = str(layer.name), step.plane.layer
        finest = levels_of(layer.data, multiscale=layer.multiscale)[0]
        try:
            before = _before(finest, step, id_)
        except Exception as error:  # noqa: BLE001  stores of labels raise anything
            why = f"{type(error).__name__}: {error}"
            self._failed(
                f"the labels {name!r} cannot be read ({why}); what they were like before is not in "
                "the session: save them too"
            )
            before = np.broadcast_to(np.zeros((), finest.dtype), finest.shape)
        place = place_of_layer(layer).holder()
        provenance = LabelsProvenance.of(id_, name, image, before, place)
        if provenance.content is None:
            self._failed(
                f"the labels {name!r} are too large for the session, which then cannot be gone on "
                "with: save them too, from time to time"
            )
        writer.append(lambda: {"entry": "labels", **vars(provenance)})
        writer.append_slowly(content_entries(id_, before))


def _before(data: Any, step: Step, labels: str) -> Any:
    """Return the labels as they were before a step that is done."""
    changes = [pixels for c in step.labels if c.labels == labels for pixels in c.pixels]
    if size_of(data) <= CONTENT_BYTES:
        copy = np.array(data)
        for pixels in reversed(changes):
            pixels.revert(copy)
        return copy
    # A copy would be too large; most often there was nothing but what this step wrote.
    written = sum(int(np.count_nonzero(pixels.after)) for pixels in changes)
    if not holds_more(data, written):
        return np.broadcast_to(np.zeros((), data.dtype), data.shape)
    return data


def _image_entry(image: Image) -> Callable[[], dict[str, Any]]:
    array = full_resolution(image)
    name, rgb, id_ = image.name, bool(image.rgb), layer_id(image)
    path = str(image.source.path or "")

    def entry() -> dict[str, Any]:
        try:
            provenance = ImageProvenance.of(id_, name, path, array, rgb=rgb)
        except Exception:  # noqa: BLE001  stores of images raise anything
            shape = tuple(int(size) for size in array.shape)
            provenance = ImageProvenance(
                id_, name, path, shape, str(array.dtype), rgb, fingerprint=""
            )
        return {"entry": "image", **vars(provenance)}

    return entry


def _model_entry(model: str) -> Callable[[], dict[str, Any]]:
    def entry() -> dict[str, Any]:
        try:
            digest = file_sha256(find_model(model))
        except (ValueError, OSError):
            digest = ""
        return {"entry": "model", "name": model, "sha256": digest}

    return entry
