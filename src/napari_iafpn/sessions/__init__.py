"""Annotating: objects, steps that can be undone, and the journal that outlives a crash."""

from napari_iafpn.sessions.document import Document, LabelsImage
from napari_iafpn.sessions.objects import CurrentObject, EditedLabel, HandEdits, OpenedProposal
from napari_iafpn.sessions.pixels import KEEP, OVERWRITE, POLICIES, PixelChange
from napari_iafpn.sessions.plane_key import DisplaySettings, PlaneKey
from napari_iafpn.sessions.proposals import FoundObject, Proposals, Verdict
from napari_iafpn.sessions.steps import (
    Commit,
    LabelsChange,
    ObjectChange,
    ObjectStats,
    Propagation,
    StatsChange,
    Step,
)

__all__ = [
    "KEEP",
    "OVERWRITE",
    "POLICIES",
    "Commit",
    "CurrentObject",
    "DisplaySettings",
    "Document",
    "EditedLabel",
    "FoundObject",
    "HandEdits",
    "LabelsChange",
    "LabelsImage",
    "ObjectChange",
    "ObjectStats",
    "OpenedProposal",
    "PixelChange",
    "PlaneKey",
    "Propagation",
    "Proposals",
    "StatsChange",
    "Step",
    "Verdict",
]
