"""Saves kept objects in the formats of other programs, as napari's own menu does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Labels
from npe2 import PluginManager
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_iafpn.plugin.messages import Message, as_sentence, sentence_of
from napari_iafpn.plugin.shortcuts import PACKAGE


def export(parent: QWidget, labels: Labels | None) -> Message:
    """Ask for a file and save labels in it; return what came of it."""
    if labels is None:
        return Message("There is nothing to export yet. Keep an object first.", error=True)
    formats = _formats()
    file, chosen = QFileDialog.getSaveFileName(
        parent, "Export objects", labels.name, ";;".join(formats)
    )
    if not file:
        return Message("")
    return save(labels, file, formats.get(chosen, ()))


def save(labels: Labels, file: str, suffixes: tuple[str, ...]) -> Message:
    """Save labels in a file, whose name gets the first of ``suffixes`` where it has none."""
    if suffixes and not file.lower().endswith(suffixes):
        file += suffixes[0]
        if Path(file).exists():  # the dialog did not ask about this one
            return Message(f"{Path(file).name} exists already; choose another name.", error=True)
    try:
        saved = labels.save(file, plugin=PACKAGE)
    except Exception as error:  # noqa: BLE001  files and disks raise anything
        sentence = sentence_of(error, "the objects could not be saved", "they are still here")
        return Message(as_sentence(sentence), error=True)
    return Message(f"Saved as {', '.join(Path(path).name for path in saved)}.")


def _formats() -> dict[str, tuple[str, ...]]:
    """Return the formats as the file dialog writes them, and their suffixes."""
    manifest: Any = PluginManager.instance().get_manifest(PACKAGE)
    formats = {}
    for writer in manifest.contributions.writers:
        suffixes = tuple(writer.filename_extensions)
        formats[f"{writer.display_name} ({' '.join(f'*{end}' for end in suffixes)})"] = suffixes
    return formats
