"""ImageJ ROI archives: the outlines of all objects for the ROI Manager."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.atomic import write_file
from napari_iafpn.exchange.canvas import Canvas, canvas_of
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.exchange.outlines import Piece, outlines
from napari_iafpn.images.opening import UnfitError, needed, opening

LARGEST_SIDE = 60535
"""ImageJ reads integer corners up to here."""

LONGEST_COMMENT = 65535

LARGEST_ROI = 2**26
"""Bytes of a ROI, which are about eight million corners."""

_POSITIONS = {"T": "t_position", "C": "c_position", "Z": "z_position"}

_MOVE, _LINE, _CLOSE = 0, 1, 4


def write_roi_zip(labels: LabelImage, path: Path) -> None:
    """Write a ROI per object and plane, named ``PLANE-ID``; the archive's comment has the metadata.

    An object in one piece without holes is a traced ROI, as of the wand; others are composite.
    """
    roifile = needed("roifile", "ImageJ ROI archives")
    if max(labels.plane_shape) > LARGEST_SIDE:
        raise ValueError(
            f"the labels {labels.name!r} have {labels.plane_shape} pixels, ImageJ ROIs reach "
            f"{LARGEST_SIDE}; choose geojson"
        )

    def fill_archive(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = _comment(labels)
            for number, (index, plane) in enumerate(labels.planes(), 1):
                for label, pieces in outlines(plane).items():
                    roi = _roi(roifile, pieces)
                    roi.name = f"{number:04d}-{label:04d}"
                    roi.props = _properties(labels, label)
                    _place(roi, dict(zip(labels.axes[:-2], index, strict=True)))
                    archive.writestr(f"{roi.name}.roi", roi.tobytes())

    write_file(path, fill_archive)


def _roi(roifile: Any, pieces: tuple[Piece, ...]) -> Any:
    corners = np.concatenate([piece.outer for piece in pieces])[:, ::-1]
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    box = {"left": left, "top": top, "right": right, "bottom": bottom}
    if len(pieces) == 1 and not pieces[0].holes:
        return roifile.ImagejRoi(
            roitype=roifile.ROI_TYPE.TRACED,
            n_coordinates=len(corners),
            integer_coordinates=(corners - (left, top)).astype(np.int32),
            **box,
        )
    path: list[float] = []
    for ring in (ring for piece in pieces for ring in piece.rings):
        for kind, (row, col) in zip([_MOVE, *[_LINE] * (len(ring) - 1)], ring, strict=True):
            path += [kind, col, row]
        path.append(_CLOSE)
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        shape_roi_size=len(path),
        multi_coordinates=np.array(path, np.float32),
        **box,
    )


def _comment(labels: LabelImage) -> bytes:
    """Return the metadata; classes if there is room, as roifile before 2026 loses properties."""
    whole = json.dumps(labels.metadata.holder()).encode()
    fits = len(whole) <= LONGEST_COMMENT
    return (
        whole
        if fits
        else json.dumps(
            replace(labels.metadata, classes={}, proposed=frozenset()).holder()
        ).encode()
    )


def _properties(labels: LabelImage, label: int) -> str:
    name = " ".join(labels.classes.get(label, "").splitlines())
    return f"label: {label}\n" + (f"class: {name}\n" if name else "")


def _place(roi: Any, index: dict[str, int]) -> None:
    """Set the position: one number in a stack along Z, one per axis in other images."""
    if set(index) == {"Z"}:
        roi.position = index["Z"] + 1
        return
    for axis, name in _POSITIONS.items():
        if axis in index:
            setattr(roi, name, index[axis] + 1)


def read_roi_zip(path: Path, image: LabelMetadata | None = None) -> LabelImage:
    """Read the areas of an archive; those without an id are numbered from 1.

    Archives of ImageJ do not tell the shape of their ``image``. A ROI without a position lies in
    the first plane.
    """
    roifile = needed("roifile", "ImageJ ROI archives")
    with opening(path, "an archive of ImageJ ROIs"):
        with zipfile.ZipFile(path) as archive:
            said = LabelMetadata.found(archive.comment)
            rois = [roifile.ImagejRoi.frombytes(content) for content in _contents(archive)]
        if not rois and not said.shape:
            raise UnfitError("it holds no .roi file")
        areas = [roi for roi in rois if _is_area(roifile, roi)]
        numbers = {axis: [getattr(roi, name) for roi in areas] for axis, name in _POSITIONS.items()}
        moving = {axis for axis, values in numbers.items() if max(values, default=0) > 1}
        metadata = canvas_of(said, image, path, moving)
        labels = _labels(areas, own=bool(said.shape))
        canvas = Canvas(metadata, max(labels, default=0))
        sizes = said.sizes if said.shape or image is None else image.sizes
        classes = dict(metadata.classes)
        for label, roi in zip(labels, areas, strict=True):
            index = canvas.index(_position(roi, sizes), f"the ROI {roi.name!r} of {path.name}")
            canvas.outline(label, index, _rings(roifile, roi))
            if "class" in (properties := _said(roi)):
                classes[label] = properties["class"]
        if lost := len(rois) - len(areas):
            canvas.notes.append(f"{lost} ROI(s) of {path.name} are no areas and were left out")
        return canvas.finished(path, classes)


def _contents(archive: zipfile.ZipFile) -> Iterator[bytes]:
    """Yield the ROIs; a Mac adds a file of its own for each, which is none."""
    for entry in archive.infolist():
        name = PurePosixPath(entry.filename).name
        if name.lower().endswith(".roi") and not name.startswith("._"):
            if entry.file_size > LARGEST_ROI:
                raise UnfitError(
                    f"its ROI {name!r} claims {entry.file_size} bytes, and at most {LARGEST_ROI} "
                    "are read"
                )
            yield archive.read(entry)


def _is_area(roifile: Any, roi: Any) -> bool:
    """Tell whether a ROI has an area; texts, arrows and pictures are stored as rectangles."""
    kinds, more = roifile.ROI_TYPE, roifile.ROI_SUBTYPE
    return roi.roitype in (
        kinds.POLYGON,
        kinds.RECT,
        kinds.OVAL,
        kinds.FREEHAND,
        kinds.TRACED,
    ) and roi.subtype not in (more.TEXT, more.ARROW, more.IMAGE)


def _labels(rois: list[Any], *, own: bool) -> list[int]:
    """Return ids from properties, in our ``own`` archives else from names, else numbers."""
    ids = [_said(roi).get("label", roi.name.rpartition("-")[2] if own else "") for roi in rois]
    if all(label.isdecimal() and int(label) for label in ids):
        return [int(label) for label in ids]
    return list(range(1, len(rois) + 1))


def _said(roi: Any) -> dict[str, str]:
    """Return the properties of a ROI, ``key: value`` in each line."""
    lines = (line.partition(":") for line in roi.props.splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _rings(roifile: Any, roi: Any) -> list[NDArray[np.float64]]:
    """Return the outlines of a ROI, each (N, 2) corners (row, col)."""
    if roi.roitype == roifile.ROI_TYPE.OVAL:
        sides = np.array([roi.bottom - roi.top, roi.right - roi.left], float)
        # So many corners that the polygon is off by less than a tenth of a pixel.
        turns = np.linspace(0, 2 * np.pi, 32 + 8 * math.ceil(math.sqrt(sides.max())))
        around = np.stack([np.sin(turns), np.cos(turns)], axis=1)
        return [(roi.top, roi.left) + sides / 2 * (1 + around)]
    return [np.asarray(ring, float)[:, ::-1] for ring in roi.coordinates(multi=True)]


def _position(roi: Any, sizes: dict[str, int]) -> dict[str, int]:
    """Return the plane of a ROI, counted from 0 along each axis.

    A single number counts the planes of the image in the order of ImageJ: channels, Z, frames.
    """
    places = {axis: max(getattr(roi, name), 1) - 1 for axis, name in _POSITIONS.items()}
    rest = roi.position - 1
    if rest < 0 or any(getattr(roi, name) for name in _POSITIONS.values()):
        return places
    axes = [axis for axis in "CZT" if axis in sizes] or ["Z"]
    for axis in axes[:-1]:
        rest, places[axis] = divmod(rest, sizes[axis])
    return {**places, axes[-1]: rest}
