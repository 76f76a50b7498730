"""ImageJ ROI archives: the outlines of all objects for the ROI Manager."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.canvas import Canvas, facts_or_shape
from napari_iafpn.exchange.facts import Facts
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.opening import needed, opening
from napari_iafpn.exchange.outlines import Piece, fill, outlines
from napari_iafpn.exchange.whole import write_file

LARGEST_SIDE = 60535
"""ImageJ reads integer corners up to here."""

LONGEST_COMMENT = 65535

_MOVE, _LINE, _CLOSE = 0, 1, 4


def write_roi_zip(labels: LabelImage, path: Path) -> None:
    """Write a ROI per object and plane, named ``PLANE-ID``; the archive's comment has the facts.

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
    """Return the facts; with classes if there is room, as roifile before 2026 loses properties."""
    facts = Facts.of(labels)
    whole = json.dumps(facts.holder()).encode()
    fits = len(whole) <= LONGEST_COMMENT
    return whole if fits else json.dumps(facts.holder(classes=False)).encode()


def _properties(labels: LabelImage, label: int) -> str:
    name = " ".join(labels.classes.get(label, "").splitlines())
    return f"label: {label}\n" + (f"class: {name}\n" if name else "")


def _place(roi: Any, index: dict[str, int]) -> None:
    """Set the position: one number in a stack, Z and T in a hyperstack."""
    if len(index) == 1:
        roi.position = next(iter(index.values())) + 1
    elif index:
        roi.z_position, roi.t_position = index["Z"] + 1, index["T"] + 1


def read_roi_zip(path: Path, shape: tuple[int, ...] | None = None) -> LabelImage:
    """Read the areas of an archive; those without an id are numbered from 1.

    ``shape`` is that of the image, which archives of ImageJ do not tell. A ROI without a position
    lies in the first plane.
    """
    roifile = needed("roifile", "ImageJ ROI archives")
    with opening(path, "an archive of ImageJ ROIs"), zipfile.ZipFile(path) as archive:
        comment = archive.comment
        names = [name for name in archive.namelist() if name.lower().endswith(".roi")]
        rois = [roifile.ImagejRoi.frombytes(archive.read(name)) for name in names]
    said = Facts.found(comment)
    facts = facts_or_shape(said, shape, path)
    areas = [roi for roi in rois if _is_area(roifile, roi)]
    labels = _labels(areas, own=bool(said.shape))
    canvas = Canvas(facts, max(labels, default=0))
    classes = dict(facts.classes)
    with opening(path, "an archive of ImageJ ROIs"):
        for label, roi in zip(labels, areas, strict=True):
            rings = [_corners(ring) for ring in roi.coordinates(multi=True)]
            canvas.draw(label, _index(roi, facts), *fill(rings, facts.shape[-2:]))  # type: ignore[arg-type]
            if "class" in (properties := _said(roi)):
                classes[label] = properties["class"]
    if len(areas) < len(rois):
        canvas.notes.append(
            f"{len(rois) - len(areas)} ROI(s) of {path.name} are no areas and were left out"
        )
    return canvas.finished(path, classes)


def _is_area(roifile: Any, roi: Any) -> bool:
    kinds = roifile.ROI_TYPE
    return roi.roitype in (kinds.POLYGON, kinds.RECT, kinds.OVAL, kinds.FREEHAND, kinds.TRACED)


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


def _corners(ring: NDArray[np.number]) -> NDArray[np.float64]:
    return np.asarray(ring, float)[:, ::-1]


def _index(roi: Any, facts: Facts) -> tuple[int, ...]:
    places = {"Z": roi.z_position, "T": roi.t_position}
    index = tuple(
        max(places[axis] or (roi.position if len(facts.shape) == 3 else 0), 1) - 1
        for axis in facts.axes[:-2]
    )
    if any(i >= n for i, n in zip(index, facts.shape, strict=False)):
        raise ValueError(f"a ROI lies in the plane {index} of an image of {facts.shape}")
    return index
