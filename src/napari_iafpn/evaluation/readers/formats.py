"""The formats by name, and sets from a word of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_iafpn.evaluation.readers.benchmarks import (
    open_berkeley,
    open_coco_mval,
    open_davis,
    open_grabcut,
)
from napari_iafpn.evaluation.readers.coco import CocoSet
from napari_iafpn.evaluation.readers.combined import CombinedSet
from napari_iafpn.evaluation.readers.folder import FolderSet
from napari_iafpn.evaluation.readers.instances import open_sbd, open_sbd_train, open_voc
from napari_iafpn.evaluation.readers.objects import LIST_NAME, choose_listed
from napari_iafpn.evaluation.readers.session import SessionSet
from napari_iafpn.evaluation.readers.sets import AnnotatedSet

FORMATS: dict[str, Callable[[Path, str], AnnotatedSet]] = {
    "folder": FolderSet.open,
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
    if kind == "folder":
        annotated = FolderSet.open(path, name, keep_255=keep_255)
    else:
        annotated = FORMATS[kind](path, name)
    beside = path.resolve().parent / LIST_NAME
    if objects is not None and not objects.is_file():
        raise ValueError(f"there is no list of objects {objects}; check the path")
    if objects is None and not (kind == "folder" and beside.is_file()):
        return annotated
    return choose_listed(annotated, objects or beside, name, place)


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
