"""Annotated images in every format, one ``Sample`` at a time."""

from napari_iafpn.evaluation.readers.folder import FolderSet
from napari_iafpn.evaluation.readers.formats import FORMATS, open_folder, open_pair, open_set
from napari_iafpn.evaluation.readers.labels import Truth
from napari_iafpn.evaluation.readers.sample import Sample, check_object
from napari_iafpn.evaluation.readers.session import SessionSet
from napari_iafpn.evaluation.readers.sets import (
    AnnotatedSet,
    FileSet,
    LayerSet,
    Selection,
)
from napari_iafpn.evaluation.readers.survey import Survey, survey

__all__ = [
    "FORMATS",
    "AnnotatedSet",
    "FileSet",
    "FolderSet",
    "LayerSet",
    "Sample",
    "Selection",
    "SessionSet",
    "Survey",
    "Truth",
    "check_object",
    "open_folder",
    "open_pair",
    "open_set",
    "survey",
]
