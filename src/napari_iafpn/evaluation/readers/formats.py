"""The formats by name, and sets from a word of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.readers.benchmarks import (
    open_berkeley,
    open_coco_mval,
    open_davis,
    open_grabcut,
)
from napari_iafpn.evaluation.readers.coco import CocoSet, load_entries
from napari_iafpn.evaluation.readers.combined import CombinedSet
from napari_iafpn.evaluation.readers.folder import FolderSet
from napari_iafpn.evaluation.readers.instances import open_sbd, open_sbd_train, open_voc
from napari_iafpn.evaluation.readers.objects import LIST_NAME, choose_listed, lists_any
from napari_iafpn.evaluation.readers.pairs import label_files
from napari_iafpn.evaluation.readers.session import SessionSet
from napari_iafpn.evaluation.readers.sets import AnnotatedSet, FileSet


def open_folder(folder: Path, name: str | None = None, **choices: Any) -> AnnotatedSet:
    """Open a folder of images and labels as annotation programs leave it.

    COCO as CVAT exports it (``annotations/*.json``) or a set of files, see ``FolderSet.open``,
    which takes ``choices``.
    """
    annotations = folder / "annotations"
    if _is_coco(annotations):
        return CocoSet.open(folder, name or folder.resolve().name)
    return FolderSet.open(folder, name, **choices)


def open_pair(images: Path, labels: Path, name: str, *, keep_255: bool = False) -> FileSet:
    """Open a folder of images with a folder of labels, or with a COCO file or its folder.

    ``images`` may also be a journal, which brings its labels.
    """
    if images.is_file():
        return SessionSet.open(images, name)
    if labels.is_file() or _is_coco(labels):
        return CocoSet.open(labels, name, images)
    return FolderSet.of(images, labels, name, keep_255=keep_255)


def _is_coco(folder: Path) -> bool:
    """Tell whether a folder holds one JSON of several images, and no other labels."""
    files = label_files(folder)
    if len(files) != 1 or files[0].suffix.lower() != ".json":
        return False
    try:
        return len(load_entries(files[0])) > 0
    except ValueError:
        return False


FORMATS: dict[str, Callable[[Path, str], AnnotatedSet]] = {
    "folder": open_folder,
    "grabcut": open_grabcut,
    "berkeley": open_berkeley,
    "davis": open_davis,
    "coco_mval": open_coco_mval,
    "voc": open_voc,
    "sbd": open_sbd,
    "sbd_train": open_sbd_train,
    "coco": CocoSet.open,
    "lvis": CocoSet.open,
    "coco_lvis": CombinedSet.open,
    "session": SessionSet.open,
}
"""Path and name -> set."""


def open_set(spec: str, *, objects: Path | None = None, keep_255: bool = False) -> AnnotatedSet:
    """Open ``PATH`` (a folder), ``FORMAT:PATH`` or ``NAME=FORMAT:PATH``.

    Parameters
    ----------
    spec : str
        Without a name, a set is called by its folder, or by the stem of its file.
    objects : Path, optional
        A list of the objects to evaluate; without it, ``objects.json`` beside the folder is used
        where there is one.
    keep_255 : bool
        For folders: 255 is an id in 8-bit labels too.

    Raises
    ------
    ValueError
        Where the format is unknown, or what it expects is not there.
    """
    given, kind, path = _parts(spec)
    place = path.resolve().stem if path.is_file() else path.resolve().name
    name = given or place
    annotated: AnnotatedSet
    beside = path.resolve().parent / LIST_NAME
    if objects is not None and not objects.is_file():
        raise ValueError(f"there is no list of objects {objects}; check the path")
    if objects is None and kind == "folder" and beside.is_file():
        objects = beside
    listed = objects is not None and lists_any(objects, name, place)
    if kind == "folder":
        # A list names ids, which are then not pieces.
        meaning = "ids" if listed else None
        annotated = open_folder(path, name, keep_255=keep_255, meaning=meaning)
    else:
        annotated = FORMATS[kind](path, name)
    return choose_listed(annotated, objects, name, place) if objects and listed else annotated


def _parts(spec: str) -> tuple[str, str, Path]:
    """Split into name, format and path; what exists as a whole, or a drive C:, is a path."""
    if Path(spec).exists():
        return "", "folder", Path(spec)
    name, _, rest = spec.partition("=") if _has_name(spec) else ("", "", spec)
    kind, colon, path = rest.partition(":")
    if not colon or len(kind) == 1 or "/" in kind or "\\" in kind:
        return name, "folder", Path(rest)
    if kind not in FORMATS:
        raise ValueError(
            f"the format {kind!r} of {spec!r} is unknown; use one of {', '.join(FORMATS)}"
        )
    return name, kind, Path(path)


def _has_name(spec: str) -> bool:
    """Tell whether ``NAME=`` comes first: an equals sign may also be part of the path."""
    name, equals, _ = spec.partition("=")
    return bool(equals) and not set(name) & set(":/\\")
