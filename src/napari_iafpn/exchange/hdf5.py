"""HDF5 as ilastik exports it: one array, whose attribute names its axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_iafpn.exchange.axes import channel_notes, letters_of
from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.ids import ids_of
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.opening import UnfitError, check_size, needed, opening

DATASET = "exported_data"
"""What ilastik calls the array if nobody says otherwise."""


def read_hdf5(path: Path) -> LabelImage:
    """Read the ids in ``exported_data``, or in the only array of the file."""
    h5py = needed("h5py", "HDF5 files")
    with opening(path, "an HDF5 file of labels"), h5py.File(path, "r") as file:
        arrays: list[Any] = []
        file.visititems(lambda _, node: arrays.append(node) if hasattr(node, "dtype") else None)
        found = file[DATASET] if DATASET in file else arrays[0] if len(arrays) == 1 else None
        if found is None:
            raise UnfitError(f"it holds {len(arrays)} arrays and none is called {DATASET}")
        check_size(found.shape, found.dtype)
        said, values = _said(found), ids_of(found[()], str(path))
        # ilastik writes T, Z and C of one pixel too.
        values = values.reshape(said.shape) if said.axes else values.squeeze()
        notes = channel_notes(said.axes, said.shape, path.name)
        return LabelImage.of(values, stem(path), said, notes)


def _said(array: Any) -> LabelMetadata:
    """Return what vigra's tags say of the axes of more than one pixel; empty without tags."""
    tags = json.loads(array.attrs.get("axistags", "{}"))
    axes = letters_of([axis["key"] for axis in tags.get("axes", ())])
    if len(axes) != array.ndim:
        return LabelMetadata()
    said = LabelMetadata(array.shape, axes)
    return said.along("".join(axis for axis in axes if axis in "YX" or said.sizes[axis] > 1))
