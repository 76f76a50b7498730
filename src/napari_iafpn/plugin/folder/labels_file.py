"""The file beside an image that its labels are saved in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from napari.layers import Image, Labels

from napari_iafpn.plugin.layers import misfit, placement, spatial_shape
from napari_iafpn.plugin.readers import read_layers
from napari_iafpn.plugin.writers import label_image, write_tif

WRITTEN_OVER = (
    "the file {} {} and would be written over; move it elsewhere, or save the layer {!r} by "
    "File > Save Selected Layers and remove it, then go on"
)


class LabelsFile:
    """A file that only the layer with its labels is written to, so that none of them are lost.

    Nothing is written where nothing changed, nor over what another program wrote meanwhile.

    Parameters
    ----------
    path : Path
    image : Image
        The image that the labels lie on.
    """

    def __init__(self, path: Path, image: Image) -> None:
        self.path = path
        self._image = image
        self._version = _version(path)
        self._content = b""
        self.layer: Labels | None = None
        """Holds the labels that were opened or saved last."""

    def open(self, path: Path) -> Labels:
        """Open the labels in this file, or those of another program; see `read_layers`.

        Those of the image's size lie where it lies, whatever the file says.
        """
        data, attributes, _ = read_layers(str(path))[0]
        if tuple(data.shape) == spatial_shape(self._image):
            names = {key: attributes[key] for key in ("axis_labels",) if key in attributes}
            attributes = attributes | placement(self._image) | names
        self.layer = Labels(data, **attributes)
        self._content = _content(self.layer)
        return self.layer

    def save(self, labels: Labels, *, is_done: bool) -> None:
        """Write labels that changed; those of an image that is done in any case.

        Raises
        ------
        ValueError
            Where other labels would be lost.
        """
        content = _content(labels)
        is_new = labels is not self.layer or content != self._content
        if not is_new and not (is_done and _version(self.path) is None):
            return
        if reason := self._reason(labels):
            raise ValueError(WRITTEN_OVER.format(self.path.name, reason, labels.name))
        write_tif(str(self.path), labels.data, labels.as_layer_data_tuple()[1])
        self.layer, self._content, self._version = labels, content, _version(self.path)

    def lacks(self, labels: Labels) -> bool:
        """Tell whether labels are others than those that were opened or saved last."""
        return labels is not self.layer or _content(labels) != self._content

    def _reason(self, labels: Labels) -> str:
        """Say why labels must not be written, as a part of a sentence; empty where they may."""
        now = _version(self.path)
        if now is None or (labels is self.layer and now == self._version):
            return ""
        if now != self._version:
            return "was changed by another program"
        if self.layer is None:
            return "could not be read"
        how = misfit(self.layer, self._image)
        return f"holds labels that do not lie on the image ({how})" if how else "holds other labels"


def _version(path: Path) -> tuple[int, int] | None:
    """Return what tells the versions of a file apart, None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def _content(labels: Labels) -> bytes:
    """Return what tells apart what files of labels hold; ids without a pixel say nothing."""
    image = label_image(*labels.as_layer_data_tuple()[:2])
    said = image.metadata
    there = set(np.unique(image.labels).tolist()) if said.classes or said.proposed else set()
    classes = {label: name for label, name in sorted(said.classes.items()) if label in there}
    said = replace(said, classes=classes, proposed=said.proposed & there)
    digest = hashlib.blake2b(json.dumps(said.holder()).encode())
    digest.update(np.ascontiguousarray(image.labels).data)
    return digest.digest()
